"""Server-sent events that were saved as they came, as by ``curl -N``: the data of each is a record.

See https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import re

DATA = re.compile(rb"^data: ?(.*)$", re.MULTILINE)
JSON_DATA = re.compile(rb"^data: ?[{\[]", re.MULTILINE)
FIELD = re.compile(rb"(data|event|id|retry):|:")
"""How a line of a stream begins; that of a comment with a colon."""
DONE = b"[DONE]"
"""What OpenAI's API sends as the last data, which is no record."""


def is_stream(content: bytes) -> bool:
    """Whether a text is a stream of events: the first line is of one, and some line has JSON."""
    begin = content[:1000].lstrip()
    return FIELD.match(begin) is not None and JSON_DATA.search(content) is not None


def records_of(content: bytes) -> bytes:
    """The data of the events as JSON lines; each stays on its line, and other lines are blank."""
    lines = []
    for line in content.split(b"\n"):
        data = DATA.match(line)
        is_record = data is not None and data[1].strip() != DONE
        lines.append(data[1] if data and is_record else b"")
    return b"\n".join(lines)
