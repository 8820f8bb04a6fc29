"""Codex: the rollouts of its command line, a file of JSON lines a session.

Two logs are interleaved: the items that the model exchanged, and the events that were shown to the
user. What stands in both is read from the items; the events add exit codes, durations and usage.
"""

import re
from collections.abc import Iterable
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import object_in
from toolkit.traces.formats.codex_calls import Fields, ends_of_calls, outcome_of
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Step, Trace
from toolkit.traces.usage import usage_of
from toolkit.traces.words import words_of

TYPES = ("session_meta", "turn_context", "response_item", "event_msg", "compacted", "world_state")
MIRRORED = {
    "user_message": "message",
    "agent_message": "message",
    "agent_reasoning": "text",
    "agent_reasoning_raw_content": "text",
}
"""The events that repeat an item, and the field with its words."""
NOTICES = ("error", "stream_error", "warning", "turn_aborted", "context_compacted")
"""The events that are steps of their own."""
COMPACTIONS = ("compaction", "compaction_summary", "context_compaction", "context_compacted")
OUTPUTS = ("function_call_output", "custom_tool_call_output")
BY_THE_PROGRAM = re.compile(
    r"\s*(<(environment_context|user_instructions|permissions|turn_aborted|skill|INSTRUCTIONS"
    r"|subagent_notification|collaboration_mode)|# AGENTS\.md instructions)"
)
"""How a message begins that the program puts before the model in the user's place."""
INSTRUCTIONS = ("base_instructions", "instructions")
SESSION_ID = ("id", "session_id")


class _Rollout:
    """The steps and the meta of a rollout while its lines are read."""

    def __init__(self, lines: list[Record]) -> None:
        self.transcript = Transcript()
        self.meta: Fields = {}
        self._words = _words_of_items(lines)
        self._ends = ends_of_calls(lines)
        self._model: Any = None
        """That of the turn."""
        self._reply: Step | None = None
        """The first step of the reply whose usage is not yet stated."""
        self._total: Any = None
        self._others: dict[str, list[Any]] = {}

    def read(self, line: Record) -> None:
        """Append the steps of a line."""
        kind = str(line.get("type"))
        payload = object_in(line, "payload")
        if kind == "response_item":
            self._item(line, payload)
        elif kind == "event_msg":
            self._event(line, payload)
        elif kind == "session_meta" and "session" not in self.meta:
            self._session(line, payload)
        elif kind == "compacted":
            self._say(line, payload, "compaction", payload.get("message"))
        else:
            if kind == "turn_context":
                self._model = payload.get("model")
            self._keep(kind, line.get("payload"))

    def _session(self, line: Record, payload: Record) -> None:
        """Take what the session states; its instructions are the first step."""
        self.meta |= payload
        self.meta["session"] = first_id(payload, *SESSION_ID)
        for name in INSTRUCTIONS:
            instructions = payload.get(name)
            if isinstance(instructions, dict):
                instructions = instructions.get("text")
            if isinstance(instructions, str) and instructions:
                self._say(line, {}, "message", instructions)
                del self.meta[name]

    def _item(self, line: Record, payload: Record) -> None:
        """Append what the model was given, or what it replied."""
        kind = payload.get("type")
        if kind in COMPACTIONS:
            self._say(line, payload, "compaction", None)
            return
        item = dict(payload)
        item["timestamp"] = line.get("timestamp")
        if kind in OUTPUTS:
            end = self._ends.get(first_id(payload, "call_id"), {})
            item |= outcome_of(payload, end)
        if kind == "message":
            del item["type"]
            words, _ = words_of(payload.get("content"))
            if item.get("role") == "user" and BY_THE_PROGRAM.match(words):
                item["role"] = "system"
        n_before = len(self.transcript.steps)
        self.transcript.read(item)
        self._note_reply(self.transcript.steps[n_before])

    def _note_reply(self, step: Step) -> None:
        """Note where a reply begins: its model and its usage stand there."""
        if step.actor != "assistant" or self._reply is not None:
            return
        self._reply = step
        if isinstance(self._model, str):
            step.data["model"] = self._model
            self.meta.setdefault("model", self._model)

    def _event(self, line: Record, payload: Record) -> None:
        """Append the steps of an event that says what no item says."""
        kind = str(payload.get("type"))
        if kind == "token_count":
            self._count(payload)
        elif kind in NOTICES:
            words = payload.get("message") or payload.get("reason")
            self._say(line, payload, _kind_of_notice(kind), words)
        elif kind in MIRRORED:
            self._mirrored(line, payload, kind)
        else:
            self._keep(kind, payload)

    def _mirrored(self, line: Record, payload: Record, kind: str) -> None:
        """Append an event that repeats an item, where the item is not there."""
        field = MIRRORED[kind]
        words = payload.get(field)
        if isinstance(words, str) and words not in self._words:
            role = "user" if kind == "user_message" else "assistant"
            step_kind = "message" if field == "message" else "thinking"
            self._say(line, payload, step_kind, words, role)
            return
        further = {name: value for name, value in payload.items() if value}
        for name in ("type", "kind", field):
            further.pop(name, None)
        if further:
            self._keep(kind, further)

    def _count(self, payload: Record) -> None:
        """Put the usage of the last reply on its first step. An event that repeats adds none."""
        info = object_in(payload, "info")
        total = object_in(info, "total_token_usage")
        if not info or total == self._total:
            self._keep("token_count", payload)
            return
        self._total = total
        self.meta |= usage_of(total, "inside")
        if self._reply:
            usage = object_in(info, "last_token_usage")
            self._reply.data["usage"] = usage_of(usage, "inside")
            self._reply.data["stated_usage"] = info
        self._reply = None

    def _say(
        self, line: Record, payload: Record, kind: str, words: Any, role: str = "system"
    ) -> None:
        """Append a step of words alone."""
        message = dict(payload)
        for name in ("type", "message", "text"):
            message.pop(name, None)
        message["role"] = role
        message["content"] = words if isinstance(words, str) else f"[{kind}]"
        message["timestamp"] = line.get("timestamp")
        self.transcript.read(message, kind=kind)

    def _keep(self, kind: str, payload: Any) -> None:
        """Keep what is no step for the meta, once."""
        kept = self._others.setdefault(kind, [])
        if payload not in kept[-1:]:
            kept.append(payload)

    def trace(self, id_: str) -> Trace:
        """The trace of all that was read."""
        if not self.transcript.steps:
            raise RecordError("the rollout has no messages")
        if self._others:
            self.meta["other_lines"] = self._others
        return self.transcript.trace(id_, self.meta, "id")


def _kind_of_notice(kind: str) -> str:
    if kind in COMPACTIONS:
        return "compaction"
    return "error" if "error" in kind else kind


def _words_of_items(lines: Iterable[Record]) -> set[str]:
    """The words of all items: an event with the same words says nothing new."""
    seen: set[str] = set()
    for line in lines:
        if line.get("type") != "response_item":
            continue
        item = object_in(line, "payload")
        for name in ("content", "summary"):
            parts = item.get(name)
            if not isinstance(parts, list):
                continue
            for words in (parts, *parts):
                seen.add(words_of(words)[0])
    return seen


def _read(record: Record, id_: str) -> Trace:
    lines = record["records"]
    rollout = _Rollout(lines)
    for line in lines:
        rollout.read(line)
    return rollout.trace(id_)


def is_old_header(record: Record) -> bool:
    """Whether it is the first line of a rollout of 2025, whose items stand by themselves."""
    return {"id", "timestamp", "instructions"} <= record.keys() and "role" not in record


def read_old(records: list[Record], id_: str) -> Trace:
    """The trace of a rollout of 2025: its first line is the session, the others are items."""
    header, *items = records
    lines = [{"type": "session_meta", "timestamp": header["timestamp"], "payload": header}]
    for item in items:
        kind = "response_item" if "type" in item else "state"
        lines.append({"type": kind, "payload": item})
    return _read({"records": lines}, first_id(header) or id_)


def _session_id(record: Record) -> str | None:
    """The id of the session that a line begins, or that the first of several lines names."""
    for line in record.get("records", [record]):
        if line.get("type") == "session_meta":
            return first_id(object_in(line, "payload"), *SESSION_ID)
    return None


def _is_line(record: Record) -> bool:
    return isinstance(record["payload"], dict) and record.get("type") in TYPES


FORMAT = Format(
    "codex",
    ("payload",),
    _read,
    _is_line,
    record_id=_session_id,
    group=_session_id,
    converted=frozenset({"payload.duration_seconds", "**.metadata.duration_seconds"}),
)
