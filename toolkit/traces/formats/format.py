"""What the readers share: `Format`, which each of them offers, and `Conversation`, which collects steps."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from typing import Any

from toolkit.records import RecordError, validate
from toolkit.traces.trace import Step, Trace

Record = Mapping[str, Any]
IDS = ("id", "trace_id", "conversation_id", "session_id", "request_id")
TIMES = ("time", "timestamp", "created_at", "created", "ts")


def first_id(record: Record, *names: str) -> str | None:
    """The first of the fields `names` (or of the usual ones) that holds an id."""
    found = (record.get(name) for name in names or IDS)
    return next((str(v) for v in found if isinstance(v, str | int) and not isinstance(v, bool) and v != ""), None)


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write traces down."""

    name: str
    knows: Callable[[Record], bool]
    read: Callable[[Record, str], Trace]
    """The trace with the id given; unknown fields go to its meta. Raises RecordError."""
    record_id: Callable[[Record], str | None] = first_id
    """The id of a record, however broken the rest of it is."""


class Conversation:
    """The steps of one trace while they are read; each tool call is paired with its result."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._time: float | None = None
        self._extra: dict[str, Any] = {}
        self._ids: set[str] = set()
        self._call_ids: set[str] = set()
        self._unanswered: list[tuple[str | None, Step]] = []

    def begin(self, extra: Record | None) -> None:
        """A message begins: its further fields go to its first step, its time (ISO, epoch in s or ms) to each."""
        self._extra = {name: value for name, value in (extra or {}).items() if value is not None}
        timed = next((name for name in TIMES if name in self._extra), "")
        self._time = None
        with suppress(RecordError):
            moment = validate(datetime, self._extra.get(timed))
            self._time = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            del self._extra[timed]

    def add(self, kind: str, actor: str, content: str, data: Record) -> Step:
        """Append a step. The ``id`` of its message becomes its own."""
        own = first_id({"id": self._extra.pop("id", None)}) or f"s{len(self.steps) + 1}"
        about = self._extra | {name: value for name, value in data.items() if value is not None}
        self.steps.append(Step(unused(own, self._ids), kind, actor, content, self._time, about))
        self._extra = {}
        return self.steps[-1]

    def call(self, call_id: str | None, name: str, arguments: Any, data: Record) -> None:
        """A tool is called. Ids that come again within a trace get a suffix, or results would be mixed up."""
        own = unused(call_id or f"call-{len(self._call_ids) + 1}", self._call_ids)
        original = call_id if call_id and call_id != own else None
        about = {**data, "call_id": own, "name": name, "arguments": arguments, "original_call_id": original}
        self._unanswered.append((call_id, self.add("tool.call", "assistant", name, about)))

    def result(self, call_id: str | None, name: str | None, content: str, data: Record) -> None:
        """A tool answers: the oldest call of that id still open or, without an id, of that name."""
        for place, (raw_id, call) in enumerate(self._unanswered):
            if raw_id == call_id if call_id else name in (None, call.data["name"]):
                del self._unanswered[place]
                call_id, name = call.data["call_id"], name or call.data["name"]
                break
        step = self.add("tool.result", "tool", content, {**data, "call_id": call_id, "name": name})
        step.data.setdefault("error", step.data.get("is_error"))

    def trace(self, id_: str, record: Record, *used: str | None) -> Trace:
        """The trace; its meta is what is not `used` of `record`."""
        meta = {name: value for name, value in record.items() if name not in used}
        return Trace(id_, tuple(self.steps), meta)


def unused(id_: str, taken: set[str]) -> str:
    """`id_`, with the first suffix -2, -3, ... that makes it new; it is then taken."""
    own = next(new for new in chain([id_], (f"{id_}-{n}" for n in count(2))) if new not in taken)
    taken.add(own)
    return own


def words_of(content: object) -> tuple[str, dict[str, Any]]:
    """The words of a message's content, and its parts where some are more than text."""
    parts = content if isinstance(content, list) else [] if content is None else [content]
    plain = all(isinstance(part, str) or (isinstance(part, dict) and set(part) == {"type", "text"}) for part in parts)
    return "\n".join(map(_words, parts)), {} if plain else {"parts": content}


def _words(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) else part
    if isinstance(text, str):
        return text
    return f"[{part['type']}]" if isinstance(part, dict) and "type" in part else json.dumps(part, ensure_ascii=False)
