"""What the readers of vendors' spans share: fields that may be missing, and inputs with outputs."""

from collections.abc import Iterable, Mapping
from typing import Any

from toolkit.traces.contents import messages_in, result_of
from toolkit.traces.ids import Record
from toolkit.traces.spans import Span

NOTHING: tuple[object, ...] = (None, "", [], {})


def object_in(fields: object, name: str) -> dict[str, Any]:
    """The object in a field; an empty one where there is none."""
    value = fields.get(name) if isinstance(fields, Mapping) else None
    return value if isinstance(value, dict) else {}


def objects_in(record: Record, *names: str) -> list[dict[str, Any]]:
    """The objects in the first of the fields that holds a list."""
    for name in names:
        value = record.get(name)
        if isinstance(value, list):
            return [item for item in value if isinstance(item, dict)]
    return []


def others(row: Record, homes: Iterable[str]) -> dict[str, Any]:
    """The fields that say something and are not among `homes`."""
    known = set(homes)
    kept: dict[str, Any] = {}
    for name, value in row.items():
        if name not in known and value not in NOTHING:
            kept[name] = value
    return kept


def read_content(span: Span, row: Record, given: str, answered: str) -> None:
    """Give `span` the messages, or the arguments and the result, in two fields of its row."""
    for name in (given, answered):
        if row.get(name) not in NOTHING:
            span.raw[name] = row[name]
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
            span.beside[name] = more
