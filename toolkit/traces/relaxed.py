"""JSON with comments and trailing commas, as people write it by hand, as JSON proper."""

import re

COMMENT = re.compile(rb'"(?:[^"\\]|\\.)*+"|//[^\n]*|/\*.*?\*/', re.DOTALL)
TRAILING_COMMA = re.compile(rb'"(?:[^"\\]|\\.)*+"|,(?=\s*[}\]])', re.DOTALL)
"""A text, in which each may stand, or what is to be left out."""
NOTE = "comments and trailing commas were left out, as JSON has none"


def proper_json(content: bytes) -> bytes:
    """JSON without its comments and trailing commas; each line stays on its own.

    >>> proper_json(b'{"a": "// no", /* yes */ "b": [1, 2,],}')
    b'{"a": "// no",  "b": [1, 2]}'
    """
    without_comments = COMMENT.sub(_text_or_lines, content)
    return TRAILING_COMMA.sub(_text_or_lines, without_comments)


def _text_or_lines(match: re.Match[bytes]) -> bytes:
    """A text as it is; of what is left out the ends of its lines."""
    found = match[0]
    return found if found.startswith(b'"') else b"\n" * found.count(b"\n")
