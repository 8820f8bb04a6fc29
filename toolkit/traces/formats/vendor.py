"""What the readers of vendors' spans share: fields that may be missing, and inputs with outputs."""

from toolkit.traces.contents import messages_in, result_of
from toolkit.traces.fields import NOTHING
from toolkit.traces.ids import Record
from toolkit.traces.spans import Span


def read_content(span: Span, row: Record, given: str, answered: str) -> None:
    """Give `span` the messages, or the arguments and the result, in two fields of its row."""
    for name in (given, answered):
        if row.get(name) not in NOTHING:
            span.as_written[name] = row[name]
    result = result_of(row.get(answered))
    span.arguments = row.get(given)
    span.result = result.value
    span.call_id = result.call_id
    if span.kind == "tool":
        beside = {answered: result.beside}
    else:
        asked = messages_in(row.get(given), "user")
        replied = messages_in(row.get(answered), "assistant")
        span.input = asked.messages
        span.output = replied.messages
        beside = {given: asked.beside, answered: replied.beside}
    for name, more in beside.items():
        if more is not None:
            span.beside_messages[name] = more
