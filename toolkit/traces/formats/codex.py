"""Codex: the rollouts of its command line, a file of JSON lines a session.

Two logs are interleaved: the items that the model exchanged, and the events that were shown to the
user. What stands in both is read from the items; the events add exit codes, durations and usage.
"""

import re
from collections.abc import Iterable
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.decode import decode_at
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Step, Trace
from toolkit.traces.usage import number_of, usage_of
from toolkit.traces.words import words_of

Fields = dict[str, Any]
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
BY_THE_PROGRAM = re.compile(
    r"\s*(<(environment_context|user_instructions|permissions|turn_aborted|skill|INSTRUCTIONS"
    r"|subagent_notification|collaboration_mode)|# AGENTS\.md instructions)"
)
"""How a message begins that the program puts before the model in the user's place."""
EXIT_CODE = re.compile(r"(?:Exit code:|[Pp]rocess exited with code) (-?\d+)")
OUTPUTS = ("function_call_output", "custom_tool_call_output")


class _Rollout:
    """The steps and the meta of a rollout while its lines are read."""

    def __init__(self, lines: list[Record]) -> None:
        self.transcript = Transcript()
        self.meta: Fields = {}
        self._mirrored = _words_of_items(lines)
        self._ends = _ends_of_calls(lines)
        """The event at the end of each call, by the id of the call."""
        self._model: Any = None
        self._reply: Step | None = None
        """The first step of the reply whose usage is not yet stated."""
        self._total: Any = None
        self._others: dict[str, list[Any]] = {}

    def read(self, line: Record) -> None:
        """Append the steps of a line."""
        kind = line.get("type")
        payload = line.get("payload")
        if not isinstance(payload, dict):
            self._keep(str(kind), payload)
        elif kind == "response_item":
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
                self.meta.setdefault("model", self._model)
            self._keep(str(kind), payload)

    def _session(self, line: Record, payload: Record) -> None:
        self.meta |= payload
        self.meta["session"] = first_id(payload, "id", "session_id")
        for name in ("base_instructions", "instructions"):
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
        item = {**payload, "timestamp": line.get("timestamp")}
        if kind == "message":
            del item["type"]
        if kind in OUTPUTS:
            item |= self._outcome(payload)
        if kind == "message" and item.get("role") == "user":
            words, _ = words_of(payload.get("content"))
            if BY_THE_PROGRAM.match(words):
                item["role"] = "system"
        n_before = len(self.transcript.steps)
        self.transcript.read(item)
        step = self.transcript.steps[n_before]
        if step.actor == "assistant" and self._reply is None:
            self._reply = step
            if isinstance(self._model, str):
                step.data["model"] = self._model

    def _outcome(self, payload: Record) -> Fields:
        """Whether a call failed, how long it took, and its output out of the coat around it."""
        event = self._ends.get(payload.get("call_id"), {})
        outcome: Fields = {"exit_code": event.get("exit_code")}
        outcome["duration_s"] = _seconds(event.get("duration"))
        output = payload.get("output")
        if isinstance(output, str):
            coat = decode_at(output, 0).value if output.startswith("{") else None
            if isinstance(coat, dict) and isinstance(coat.get("metadata"), dict):
                output = coat.get("output")
                outcome["exit_code"] = coat["metadata"].get("exit_code")
                outcome["duration_s"] = number_of(coat["metadata"].get("duration_seconds"))
            exited = EXIT_CODE.search(str(output)[:500])
            if exited and outcome["exit_code"] is None:
                outcome["exit_code"] = int(exited[1])
        outcome["output"] = output
        outcome["is_error"] = _is_error(outcome["exit_code"], event, output)
        return outcome

    def _event(self, line: Record, payload: Record) -> None:
        kind = str(payload.get("type"))
        words = payload.get(MIRRORED.get(kind, ""))
        if kind == "token_count":
            self._count(payload)
        elif kind in NOTICES:
            step_kind = "compaction" if kind in COMPACTIONS else kind
            words = payload.get("message") or payload.get("reason")
            self._say(line, payload, "error" if "error" in kind else step_kind, words)
        elif kind in MIRRORED and words and words not in self._mirrored:
            role = "user" if kind == "user_message" else "assistant"
            self._say(line, payload, "message" if "message" in kind else "thinking", words, role)
        elif kind in MIRRORED:
            others = {name: payload[name] for name in payload if name not in ("type", "kind")}
            others.pop(MIRRORED[kind], None)
            if any(others.values()):
                self._keep(kind, others)
        else:
            self._keep(kind, payload)

    def _count(self, payload: Record) -> None:
        """Put the usage of the last reply on its first step. An event that repeats adds none."""
        info = payload.get("info")
        if not isinstance(info, dict) or info.get("total_token_usage") == self._total:
            self._keep("token_count", payload)
            return
        self._total = info.get("total_token_usage")
        if isinstance(self._total, dict):
            self.meta |= usage_of(self._total, "inside")
        last = info.get("last_token_usage")
        if self._reply and isinstance(last, dict):
            self._reply.data["usage"] = usage_of(last, "inside")
            self._reply.data["stated_usage"] = info
        self._reply = None

    def _say(
        self, line: Record, payload: Record, kind: str, words: Any, role: str = "system"
    ) -> None:
        """Append a step of words alone."""
        message = {
            name: value for name, value in payload.items() if name not in ("type", "message")
        }
        message |= {"role": role, "content": words if isinstance(words, str) else f"[{kind}]"}
        message["timestamp"] = line.get("timestamp")
        self.transcript.read(message, kind=kind)

    def _keep(self, kind: str, payload: Any) -> None:
        if payload not in self._others.get(kind, ()):
            self._others.setdefault(kind, []).append(payload)

    def trace(self, id_: str) -> Trace:
        """The trace of all that was read."""
        if not self.transcript.steps:
            raise RecordError("the rollout has no messages")
        if self._others:
            self.meta["other_lines"] = self._others
        return self.transcript.trace(id_, self.meta, "id")


def _words_of_items(lines: Iterable[Record]) -> set[str]:
    """The words of all items: an event with the same words says nothing new."""
    words: set[str] = set()
    for line in lines:
        payload = line.get("payload")
        if line.get("type") != "response_item" or not isinstance(payload, dict):
            continue
        for name in ("content", "summary"):
            parts = payload.get(name)
            if isinstance(parts, list):
                words.add(words_of(parts)[0])
                words |= {words_of(part)[0] for part in parts}
    return words


def _ends_of_calls(lines: Iterable[Record]) -> dict[Any, Record]:
    """The events that say how calls ended, by the ids of the calls."""
    ends: dict[Any, Record] = {}
    for line in lines:
        payload = line.get("payload")
        if line.get("type") != "event_msg" or not isinstance(payload, dict):
            continue
        if str(payload.get("type")).endswith("_end"):
            ends[first_id(payload, "call_id")] = payload
    return ends


def _is_error(exit_code: Any, event: Record, output: Any) -> bool | None:
    """Whether a call failed, as its exit code or its event says; None where neither does."""
    if isinstance(exit_code, int):
        return exit_code != 0
    if isinstance(event.get("success"), bool):
        return not event["success"]
    result = event.get("result")
    if isinstance(result, dict):
        return "Err" in result
    if isinstance(output, dict) and isinstance(output.get("success"), bool):
        return not output["success"]
    return None


def _seconds(duration: Any) -> float | None:
    """The seconds of a duration as Rust writes it."""
    if not isinstance(duration, dict):
        return None
    seconds = number_of(duration.get("secs"))
    nanoseconds = number_of(duration.get("nanos"))
    if seconds is None or nanoseconds is None:
        return None
    return seconds + nanoseconds / 1e9


def _read(record: Record, id_: str) -> Trace:
    lines = record["records"]
    rollout = _Rollout(lines)
    for line in lines:
        rollout.read(line)
    return rollout.trace(id_)


def _session_id(record: Record) -> str | None:
    """The id of the session that a line begins, or that the first of several lines names."""
    for line in record.get("records", [record]):
        payload = line.get("payload")
        if line.get("type") == "session_meta" and isinstance(payload, dict):
            return first_id(payload, "id", "session_id")
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
    converted=frozenset(("duration_seconds",)),
)
