"""Codex, as ``codex exec --json`` prints it: events of a thread, with an item on most lines."""

from collections.abc import Iterator
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import object_in, without
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace
from toolkit.traces.usage import usage_of

Fields = dict[str, Any]
PREFIXES = ("thread.", "turn.", "item.")
"""How the types of events begin."""
WORDS = {
    "agent_message": ("text", "message"),
    "assistant_message": ("text", "message"),
    "reasoning": ("text", "thinking"),
    "error": ("message", "error"),
}
"""The items that are words: the field with them, and the kind of the step."""
ANSWERS = ("aggregated_output", "exit_code", "result", "error", "status")
"""The fields of a call that say what came of it; the others are its arguments."""


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    meta: Fields = {}
    items: dict[str, Fields] = {}
    for event in record["records"]:
        item = object_in(event, "item")
        if item:
            items[str(item.get("id"))] = item  # the last event of an item says all of it
        elif event.get("type") != "turn.started":
            meta |= _state(event)
    for item in items.values():
        for message in _messages(item):
            kind = message.pop("step_kind", "message")
            transcript.read(message, kind=kind)
    if not transcript.steps:
        raise RecordError("the thread has no items")
    return transcript.trace(id_, meta)


def _state(event: Record) -> Fields:
    """What an event says of the thread: its usage so far, and how it ended."""
    state = without(event, "type", "usage")
    state |= usage_of(object_in(event, "usage"), "inside")
    if "thread_id" in state:
        state["session"] = state["thread_id"]
    if event.get("type") == "turn.completed":
        state["outcome"] = "completed"
    if event.get("type") in ("turn.failed", "error"):
        state["outcome"] = "failed"
    return state


def _messages(item: Record) -> Iterator[Fields]:
    """The messages of an item: words, or a call with what came of it."""
    fields = dict(item)
    kind = str(fields.pop("type", None) or fields.pop("item_type", None))
    if kind in WORDS:
        field, step_kind = WORDS[kind]
        content = fields.pop(field, None)
        yield {**fields, "role": "assistant", "content": content, "step_kind": step_kind}
        return
    call_id = fields.pop("id", None)
    answer = {name: fields.pop(name) for name in ANSWERS if name in fields}
    name = str(fields.pop("tool", None) or kind)
    arguments = fields.pop("arguments", None)
    beside = {} if arguments is None else fields
    call = {"id": call_id, "name": name, "arguments": arguments or fields}
    yield {**beside, "role": "assistant", "id": call_id, "tool_calls": [call]}
    if answer.get("status") == "in_progress":
        return
    yield {**answer, **_result(answer), "role": "tool", "tool_call_id": call_id}


def _result(answer: Record) -> Fields:
    """What came of a call: its output or the error, and whether it failed."""
    words = answer.get("aggregated_output")
    for name in ("error", "result"):
        if answer.get(name):
            words = answer[name]
            break
    failed = answer.get("status") in ("failed", "declined")
    exit_code = answer.get("exit_code")
    if isinstance(exit_code, int):
        failed = exit_code != 0
    return {"content": words or "", "is_error": failed, "error": None, "result": None}


def _thread_id(record: Record) -> str | None:
    for event in record.get("records", [record]):
        thread = first_id(event, "thread_id")
        if thread is not None:
            return thread
    return None


def _is_event(record: Record) -> bool:
    kind = record.get("type")
    if not isinstance(kind, str) or not kind.startswith(PREFIXES):
        return False
    return bool(record.keys() & {"thread_id", "item", "usage", "error"}) or kind == "turn.started"


FORMAT = Format(
    "codex-exec",
    ("type",),
    _read,
    _is_event,
    record_id=_thread_id,
    group=_thread_id,
    converted=frozenset({"item.item_type"}),
)
