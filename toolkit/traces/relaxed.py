"""JSON with comments and trailing commas, as people write it by hand, as JSON proper."""

import re

TEXT = rb'(?P<text>"(?:[^"\\]|\\.)*+"?)'
"""A text, in which commas and slashes stay; one that is cut off goes on to the end."""
COMMENT = re.compile(TEXT + rb"|//[^\n]*|/\*.*?\*/|(?P<open>/\*.*)", re.DOTALL)
TRAILING_COMMA = re.compile(TEXT + rb"|,(?=\s*[}\]])", re.DOTALL)
"""What has a name stays; the rest is left out. Nothing is looked through to its end more than once,
so that what is cut off costs no more than what is not."""
NOTE = "comments and trailing commas were left out, as JSON has none"


def proper_json(content: bytes) -> bytes:
    """JSON without its comments and trailing commas; each line stays on its own.

    >>> proper_json(b'{"a": "// no", /* yes */ "b": [1, 2,],}')
    b'{"a": "// no",  "b": [1, 2]}'
    """
    without_comments = COMMENT.sub(_text_or_lines, content)
    return TRAILING_COMMA.sub(_text_or_lines, without_comments)


def _text_or_lines(match: re.Match[bytes]) -> bytes:
    """What stays as it is; of what is left out the ends of its lines."""
    found = match[0]
    return found if match.lastgroup else b"\n" * found.count(b"\n")
