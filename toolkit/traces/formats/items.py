"""The items of OpenAI's Responses API, one after the other, as of `to_input_list`."""

from collections.abc import Iterable
from typing import Any

from toolkit.traces.fields import without
from toolkit.traces.formats import codex
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record
from toolkit.traces.messages import Transcript, is_message
from toolkit.traces.trace import Trace

ENDINGS = ("_call", "_call_output")
"""How the types of calls end, and those of their results."""
NO_ITEMS = ("tool_call",)
"""The types of calls that other forms have."""
PARTS = ("input_text", "output_text", "input_image", "input_file", "refusal")
"""The parts of a message as only this API has them."""


def is_item(value: Any) -> bool:
    """Whether it is an item as only this API has them; a message is one by its parts."""
    if not isinstance(value, dict):
        return False
    type_ = value.get("type")
    if isinstance(type_, str) and "role" not in value:
        is_call = type_.endswith(ENDINGS) and type_ not in NO_ITEMS
        return type_ == "reasoning" or is_call
    content = value.get("content")
    if type_ not in (None, "message") or not isinstance(content, list):
        return False
    return any(isinstance(part, dict) and part.get("type") in PARTS for part in content)


def are_items(value: Any) -> bool:
    """Whether it is a list with an item in it; the others may be messages of any API."""
    return isinstance(value, list) and any(map(is_item, value))


def read_items(transcript: Transcript, items: Iterable[Any]) -> None:
    """Append the steps of `items`; one that says, calls and answers nothing is an event."""
    for item in items:
        if isinstance(item, dict) and not is_message(item) and isinstance(item.get("type"), str):
            event = {"role": "assistant", **without(item, "type")}
            transcript.read(event, kind=item["type"])
        elif item is not None:
            transcript.read(_tidy(item))


def _tidy(item: Any) -> Any:
    """A message without the lists of annotations in its parts that hold nothing."""
    if not isinstance(item, dict) or not isinstance(item.get("content"), list):
        return item
    parts: list[Any] = []
    for part in item["content"]:
        if isinstance(part, dict):
            part = {name: value for name, value in part.items() if value not in ([], None)}
        parts.append(part)
    rest = without(item, "type") if item.get("type") == "message" else item
    return {**rest, "content": parts}


def _read(record: Record, id_: str) -> Trace:
    items = record["records"]
    if codex.is_old_header(items[0]):
        return codex.read_old(items, id_)
    transcript = Transcript()
    read_items(transcript, items)
    return transcript.trace(id_, {})


def _together(_item: Record) -> None:
    """No id: the items of a file are one trace."""


FORMAT = Format(
    "openai-items",
    ("type", "content"),
    _read,
    is_item,
    group=_together,
)
