"""AG-UI: the events of a run, whose pieces of text become messages; or a thread with its messages.

See https://docs.ag-ui.com: events have no numbers, so their order in the file counts.
"""

from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import object_in, objects_in
from toolkit.traces.formats.agui_pieces import Fields, Pieces
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.totals import totals_of
from toolkit.traces.trace import Trace
from toolkit.traces.words import json_text

PREFIXES = (
    "RUN_",
    "STEP_",
    "TEXT_MESSAGE_",
    "TOOL_CALL_",
    "STATE_",
    "MESSAGES_",
    "ACTIVITY_",
    "REASONING_",
    "THINKING_",
)
"""How the types of events begin."""
PARTS = ("TEXT_MESSAGE_", "TOOL_CALL_", "REASONING_", "THINKING_")
"""How the types of events begin that make messages."""
NOTES = {
    "STATE_SNAPSHOT": ("state", "snapshot"),
    "STATE_DELTA": ("state", "delta"),
    "ACTIVITY_SNAPSHOT": ("activity", "content"),
    "ACTIVITY_DELTA": ("activity", "patch"),
    "RUN_ERROR": ("error", "message"),
}
"""The events that are steps of their own: the kind of the step, and the field with its words."""


class _Run:
    """The messages and the meta of a run while its events are read."""

    def __init__(self) -> None:
        self.pieces = Pieces()
        self.meta: Fields = {}
        self._others: list[Record] = []

    def read(self, event: Record) -> None:
        """Read an event."""
        kind = str(event.get("type"))
        if kind == "TOOL_CALL_RESULT":
            self.pieces.add_message({**event, "role": "tool"})
        elif kind == "MESSAGES_SNAPSHOT":
            self.pieces.add_history(event)
        elif kind in NOTES:
            self._note(event, kind)
        elif kind.startswith(PARTS) and kind != "REASONING_ENCRYPTED_VALUE":
            self.pieces.read(event, kind)
        elif kind in ("RUN_STARTED", "RUN_FINISHED"):
            self._state(event, kind)
        else:
            self._others.append(event)

    def _note(self, event: Record, kind: str) -> None:
        """Add a step that no one speaks."""
        step_kind, field = NOTES[kind]
        words = event.get(field)
        if not isinstance(words, str):
            words = json_text(words)
        note = {**event, "role": "system", "content": words, "step_kind": step_kind}
        note.pop("message", None)
        self.pieces.add_message(note)
        if kind == "RUN_ERROR":
            self.meta["outcome"] = "error"

    def _state(self, event: Record, kind: str) -> None:
        """Keep what a run states when it begins and when it ends."""
        for name, value in event.items():
            if name not in ("type", "timestamp"):
                self.meta[name] = value
        self.pieces.add_history(object_in(event, "input"))
        if kind == "RUN_FINISHED":
            outcome = object_in(event, "outcome").get("type") or event.get("outcome")
            self.meta["outcome"] = outcome or "success"
            self.meta |= totals_of(event)

    def trace(self, id_: str) -> Trace:
        """The trace of the run."""
        transcript = Transcript()
        for message in self.pieces.messages():
            kind = message.pop("step_kind", "message")
            transcript.read(message, kind=kind)
        if not transcript.steps:
            raise RecordError("the run says nothing")
        if self._others:
            self.meta["other_events"] = self._others
        self.meta["session"] = self.meta.get("threadId")
        return transcript.trace(id_, self.meta)


def _read(record: Record, id_: str) -> Trace:
    events = record["records"]
    if _is_thread(events[0]):
        return _read_thread(events[-1], id_)
    run = _Run()
    for event in events:
        run.read(event)
    return run.trace(id_)


def _read_thread(record: Record, id_: str) -> Trace:
    """The trace of a thread: each record of it holds all messages up to then."""
    transcript = Transcript()
    transcript.read_all(record["messages"])
    meta = {**record, "session": record.get("threadId")}
    return transcript.trace(id_, meta, "messages")


def _is_thread(record: Record) -> bool:
    has_messages = isinstance(record.get("messages"), list)
    return "type" not in record and "threadId" in record and has_messages


def _trace_id(record: Record) -> str | None:
    """The run that an event begins or ends; the thread of a list of messages."""
    first: Any = record
    for event in objects_in(record, "records")[:1]:
        first = event
    if _is_thread(first):
        return first_id(first, "threadId")
    return first_id(first, "runId")


def _knows(record: Record) -> bool:
    kind = record.get("type")
    if not isinstance(kind, str):
        return _is_thread(record)
    if kind == "CUSTOM":
        return "name" in record and "value" in record
    return kind.startswith(PREFIXES) or (kind == "RAW" and "event" in record)


FORMAT = Format(
    "ag-ui",
    ("type", "threadId"),
    _read,
    _knows,
    record_id=_trace_id,
    group=_trace_id,
    converted=frozenset(("delta",)),
)
