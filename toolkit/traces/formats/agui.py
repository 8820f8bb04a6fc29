"""AG-UI: the events of a run, whose pieces of text become messages; or a thread with its messages.

See https://docs.ag-ui.com: events have no numbers, so their order in the file counts.
"""

import json
from collections.abc import Callable
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.totals import totals_of
from toolkit.traces.trace import Trace

Fields = dict[str, Any]
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
CLOSED = ("TEXT_MESSAGE_END", "TOOL_CALL_END", "REASONING_MESSAGE_END", "REASONING_END")
OPENED = ("REASONING_START", "THINKING_START", "THINKING_END", "THINKING_TEXT_MESSAGE_END")
"""Events that say nothing but where something begins or ends."""


class _Run:
    """The messages of a run while its events are read."""

    def __init__(self) -> None:
        self.messages: list[Fields] = []
        self.meta: Fields = {}
        self._open: dict[Any, Fields] = {}
        """The messages and calls that pieces are added to, by id."""
        self._seen: set[str] = set()
        """The ids of messages that stand in the run."""
        self._others: list[Record] = []

    def read(self, event: Record) -> None:
        """Read an event."""
        kind = str(event.get("type"))
        readers: dict[str, Callable[[Record], None]] = {
            "RUN_STARTED": self._started,
            "RUN_FINISHED": self._finished,
            "RUN_ERROR": self._failed,
            "TOOL_CALL_RESULT": self._result,
            "STATE_SNAPSHOT": self._state,
            "STATE_DELTA": self._state,
            "MESSAGES_SNAPSHOT": self._snapshot,
            "ACTIVITY_SNAPSHOT": self._activity,
        }
        if kind in readers:
            readers[kind](event)
        elif kind.startswith("TOOL_CALL_") and kind not in CLOSED:
            self._piece(event, "toolCallId", self._new_call, "arguments")
        elif kind.startswith("TEXT_MESSAGE_") and kind not in CLOSED:
            self._piece(event, "messageId", self._new_message, "content")
        elif "MESSAGE" in kind and kind not in CLOSED and kind not in OPENED:
            self._piece(event, "messageId", self._new_thought, "content")
        elif kind not in CLOSED and kind not in OPENED:
            self._others.append(event)

    def _piece(
        self, event: Record, id_field: str, new: Callable[[Record, Any], Fields], field: str
    ) -> None:
        """Begin a message or a call, or add a piece to it. A piece without an id goes to the last.

        A message may come in pieces without a beginning.
        """
        key = (field, id_field, event.get(id_field))
        if event.get(id_field) is None:
            last = [known for known in self._open if known[:2] == key[:2]]
            key = last[-1] if last and not str(event.get("type")).endswith("START") else key
        if key not in self._open:
            self._open[key] = new(event, event.get(id_field))
        delta = event.get("delta")
        if isinstance(delta, str):
            self._open[key][field].append(delta)

    def _new_message(self, event: Record, id_: Any) -> Fields:
        message = {"id": id_, "role": event.get("role") or "assistant", "content": []}
        return self._begin(event, message)

    def _new_thought(self, event: Record, id_: Any) -> Fields:
        message = {"id": id_, "role": "assistant", "content": [], "step_kind": "thinking"}
        return self._begin(event, message)

    def _new_call(self, event: Record, id_: Any) -> Fields:
        call = {"id": id_, "name": event.get("toolCallName"), "arguments": []}
        self._begin(event, {"role": "assistant", "tool_calls": [call]})
        return call

    def _begin(self, event: Record, message: Fields) -> Fields:
        message["timestamp"] = event.get("timestamp")
        message["parentMessageId"] = event.get("parentMessageId")
        message["name"] = event.get("name")
        self._seen.add(str(message.get("id")))
        self.messages.append(message)
        return message

    def _result(self, event: Record) -> None:
        result = {name: value for name, value in event.items() if name != "type"}
        self.messages.append({**result, "role": "tool"})

    def _snapshot(self, event: Record) -> None:
        """Add the messages of a history that do not stand in the run."""
        for message in event.get("messages") or ():
            if isinstance(message, dict) and str(message.get("id")) not in self._seen:
                self._seen.add(str(message.get("id")))
                self.messages.append(dict(message))

    def _state(self, event: Record) -> None:
        state = event.get("snapshot", event.get("delta"))
        self._say(event, "state", json.dumps(state, ensure_ascii=False))

    def _activity(self, event: Record) -> None:
        self._say(event, "activity", json.dumps(event.get("content"), ensure_ascii=False))

    def _failed(self, event: Record) -> None:
        self.meta["outcome"] = "error"
        self._say(event, "error", str(event.get("message")))

    def _say(self, event: Record, kind: str, words: str) -> None:
        """Add a step that no one speaks."""
        message = {name: value for name, value in event.items() if name not in ("type", "message")}
        message |= {"role": "system", "content": words, "step_kind": kind}
        self.messages.append(message)

    def _started(self, event: Record) -> None:
        asked = event.get("input")
        if isinstance(asked, dict):
            self._snapshot(asked)
        self._note(event)

    def _finished(self, event: Record) -> None:
        self._note(event)
        outcome = event.get("outcome")
        if isinstance(outcome, dict):
            outcome = outcome.get("type")
        self.meta["outcome"] = outcome or "success"
        self.meta |= totals_of(event)

    def _note(self, event: Record) -> None:
        """Keep what a run states when it begins and when it ends."""
        for name, value in event.items():
            if name not in ("type", "timestamp"):
                self.meta[name] = value

    def trace(self, id_: str) -> Trace:
        """The trace of the run."""
        transcript = Transcript()
        for message in self.messages:
            kind = message.pop("step_kind", "message")
            transcript.read(_joined(message), kind=kind)
        if not transcript.steps:
            raise RecordError("the run says nothing")
        if self._others:
            self.meta["other_events"] = self._others
        self.meta["session"] = self.meta.get("threadId")
        return transcript.trace(id_, self.meta)


def _joined(message: Fields) -> Fields:
    """A message with its pieces put together."""
    joined = dict(message)
    content = message.get("content")
    if isinstance(content, list) and all(isinstance(piece, str) for piece in content):
        joined["content"] = "".join(content)
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        joined["tool_calls"] = [{**call, "arguments": "".join(call["arguments"])} for call in calls]
    return joined


def _read(record: Record, id_: str) -> Trace:
    events = record["records"]
    if "messages" in events[0] and "type" not in events[0]:
        return _read_thread(events, id_)
    run = _Run()
    for event in events:
        run.read(event)
    return run.trace(id_)


def _read_thread(records: list[Record], id_: str) -> Trace:
    """The trace of a thread: the messages of the last record are all there are."""
    record = records[-1]
    transcript = Transcript()
    transcript.read_all(record["messages"])
    return transcript.trace(id_, {**record, "session": record.get("threadId")}, "messages")


def _run_id(record: Record) -> str | None:
    """The run that an event begins or ends; the thread of a list of messages."""
    first = record.get("records", [record])[0]
    if "messages" in first and "type" not in first:
        return first_id(first, "threadId", "runId")
    return first_id(first, "runId")


def _knows(record: Record) -> bool:
    kind = record.get("type")
    if kind is None:
        return "threadId" in record and isinstance(record.get("messages"), list)
    is_named = isinstance(kind, str) and kind.startswith(PREFIXES)
    return is_named or (kind in ("CUSTOM", "RAW") and ("name" in record or "event" in record))


FORMAT = Format(
    "ag-ui",
    ("type", "threadId"),
    _read,
    _knows,
    record_id=_run_id,
    group=_run_id,
    converted=frozenset(("delta",)),
)
