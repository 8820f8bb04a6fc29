"""Conversation: chat messages, as OpenAI or Anthropic write them, become the steps of a trace."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain, count, groupby
from typing import Any

from pydantic import BaseModel

from toolkit.records import RecordError, validate
from toolkit.traces.scan import decode_at
from toolkit.traces.trace import Step, Trace

Record = Mapping[str, Any]
IDS = ("id", "trace_id", "conversation_id", "session_id", "request_id")
TIMES = ("time", "timestamp", "created_at", "created", "ts")
ROLES = {"developer": "system", "function": "tool"}
BLOCKS = ("tool_use", "tool_result", "thinking")
NOT_FINITE = "not_finite"
"""The field of a call's data with the numbers in its arguments that became None, as ``NaN``."""


class Function(BaseModel):
    name: str
    arguments: str | dict[str, Any] | None = None


class Call(BaseModel, extra="allow"):
    function: Function
    id: str | None = None
    type: str | None = None


class Message(BaseModel, extra="allow"):
    role: str
    content: str | list[Any] | dict[str, Any] | None = None
    tool_calls: list[Call | None] | None = None
    function_call: Function | None = None
    tool_call_id: str | None = None
    name: str | None = None
    refusal: str | None = None


class Conversation:
    """The steps of one trace while they are read; each tool call is paired with its result."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._time: float | None = None
        self._extra: dict[str, Any] = {}
        self._ids: set[str] = set()
        self._call_ids: set[str] = set()
        self._unanswered: list[tuple[str | None, Step]] = []

    def read_all(self, messages: Iterable[Message | None]) -> None:
        """Append the steps of `messages`; a null among them says nothing, and is passed over."""
        for message in messages:
            if message is not None:
                self.read(message)

    def read(self, message: Message) -> None:
        """Append the steps of `message`: its further fields go to the first of them, its time to
        each.
        """
        self._begin(message.model_extra or {})
        actor, before, content = (
            ROLES.get(message.role, message.role),
            len(self.steps),
            message.content,
        )
        if actor == "tool":
            self._result(message.tool_call_id, message.name, *words_of(content))
            return
        role = message.role if message.role != actor else None
        about = {"name": message.name, "role": role, "refusal": message.refusal}
        parts: list[Any] = content if isinstance(content, list) else [content] if content else []
        for blocks, group in groupby((part for part in parts if part is not None), is_block):
            if blocks:
                for block in group:
                    self._block(actor, block)
            else:
                words, data = words_of(list(group))
                self.add("message", actor, words, data | about)
        old = [Call(function=message.function_call)] if message.function_call else []
        for call in [*(call for call in message.tool_calls or () if call), *old]:
            arguments, not_finite = _arguments(call.function.arguments)
            data = {**(call.model_extra or {}), NOT_FINITE: not_finite or None}
            self._call(call.id, call.function.name, arguments, data)
        if len(self.steps) == before:
            self.add("message", actor, message.refusal or "", about)

    def _begin(self, extra: Record) -> None:
        """A time is ISO, or an epoch in s or ms."""
        self._extra = {name: value for name, value in extra.items() if value is not None}
        timed, self._time = next((name for name in TIMES if name in self._extra), ""), None
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

    def _block(self, actor: str, block: Record) -> None:
        kind, own = (
            block["type"],
            ("type", "id", "name", "input", "tool_use_id", "content", "thinking", "is_error"),
        )
        data = {name: value for name, value in block.items() if name not in own}
        if kind.endswith("tool_use"):
            self._call(
                first_id(block, "id"),
                str(block.get("name") or kind),
                block.get("input") or {},
                data,
            )
        elif kind.endswith("tool_result"):
            words, parts = words_of(block.get("content"))
            error = {"error": bool(block.get("is_error"))}
            self._result(first_id(block, "tool_use_id"), None, words, data | parts | error)
        else:
            self.add("thinking", actor, words_of(block.get("thinking"))[0] or f"[{kind}]", data)

    def _call(self, call_id: str | None, name: str, arguments: Any, data: Record) -> None:
        """A tool is called. Ids that come again within a trace get a suffix, or results would be
        mixed up.
        """
        own = unused(call_id or f"call-{len(self._call_ids) + 1}", self._call_ids)
        original = call_id if call_id and call_id != own else None
        about = {
            **data,
            "call_id": own,
            "name": name,
            "arguments": arguments,
            "original_call_id": original,
        }
        self._unanswered.append((call_id, self.add("tool.call", "assistant", name, about)))

    def _result(self, call_id: str | None, name: str | None, content: str, data: Record) -> None:
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
        return Trace(
            id_,
            tuple(self.steps),
            {name: value for name, value in record.items() if name not in used},
        )


def first_id(record: Record, *names: str) -> str | None:
    """The first of the fields `names` (or of the usual ones) that holds an id."""
    found = (record.get(name) for name in names or IDS)
    return next(
        (str(v) for v in found if isinstance(v, str | int) and not isinstance(v, bool) and v != ""),
        None,
    )


def unused(id_: str, taken: set[str]) -> str:
    """`id_`, with the first suffix -2, -3, ... that makes it new; it is then taken."""
    own = next(new for new in chain([id_], (f"{id_}-{n}" for n in count(2))) if new not in taken)
    taken.add(own)
    return own


def is_block(part: object) -> bool:
    """Whether a part of a message's content is a step of its own, as only the Messages API writes
    it.
    """
    return isinstance(part, dict) and str(part.get("type")).endswith(BLOCKS)


def words_of(content: object) -> tuple[str, dict[str, Any]]:
    """The words of a message's content, and its parts where some are more than text."""
    parts = [
        part for part in (content if isinstance(content, list) else [content]) if part is not None
    ]
    plain = all(
        isinstance(part, str) or (isinstance(part, dict) and set(part) == {"type", "text"})
        for part in parts
    )
    return "\n".join(map(_words, parts)), {} if plain else {"parts": content}


def _words(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) else part
    if isinstance(text, str):
        return text
    return (
        f"[{part['type']}]"
        if isinstance(part, dict) and "type" in part
        else json.dumps(part, ensure_ascii=False)
    )


def _arguments(given: str | dict[str, Any] | None) -> tuple[Any, list[str]]:
    """Arguments as a dict, and the numbers in them that became None; text that is no JSON object is
    kept as it is.
    """
    if not given or isinstance(given, dict):
        return given or {}, []
    decoded = decode_at(given, 0)
    if isinstance(decoded.value, dict) and not given[decoded.end :].strip():
        return decoded.value, list(decoded.not_finite)
    return given, []
