"""Claude Code and the Claude Agent SDK: sessions of JSON lines, and what ``claude -p`` prints.

One reply of the API takes several lines, a line a block, each of which repeats its usage. The steps
of a sub-agent stand behind the call that started it, on a branch of their own.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.formats.claude_lines import (
    PLACED,
    SESSION_ID,
    STATES,
    Fields,
    apart_from_program,
    duration_s,
    fields_of_reply,
    further_fields,
    has_other_origin,
    is_by_the_program,
    kind_on,
    message_on,
    replies_on,
    typed_command,
    words_on,
)
from toolkit.traces.formats.claude_threads import Threads
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id, id_text
from toolkit.traces.messages import Transcript
from toolkit.traces.totals import totals_of
from toolkit.traces.trace import Step, Trace

FOREIGN = {"traceId", "trace_id", "messages", "steps", "role", "payload"}
"""Fields of records that are no lines, though they may name a session."""
TITLES = ("summary", "ai-title", "custom-title", "agent-name")
"""Lines that hold nothing but what is kept for the whole session."""
CONVERTED = {"role", "usage", "is_error", "event", "total_cost_usd", "duration_ms"}


class _Session:
    """The steps and the meta of a session while its lines are read."""

    def __init__(self, lines: list[Record]) -> None:
        self.threads = Threads(lines)
        self.transcript = Transcript()
        self.meta: Fields = {}
        self._replies = replies_on(lines)
        """What each reply states, until its first step has taken it."""
        self._states: dict[str, list[Any]] = {name: [] for name in STATES}
        self._other_lines: dict[str, list[Record]] = {}

    def read_thread(
        self, lines: Iterable[Record], agent: str | None = None, branch: str | None = None
    ) -> None:
        """Append the steps of a thread, and behind a call those of the sub-agent it started."""
        for line in lines:
            n_before = len(self.transcript.steps)
            left_at = branch or self.threads.branches.get(line.get("uuid"))
            self._read_line(line, agent, left_at)
            for step in self.transcript.steps[n_before:]:
                if step.kind == "tool.call":
                    self._read_sub_agent(step)

    def _read_sub_agent(self, call: Step) -> None:
        call_id = call.data.get("original_call_id", call.data["call_id"])
        started = self.threads.started_by(call_id)
        if started:
            lines = self.threads.take(started)
            name = _agent_name(call.data["arguments"], lines)
            self.read_thread(lines, name, started)

    def read_other_threads(self) -> None:
        """Append the steps of sub-agents whose call is not in the session."""
        for agent in list(self.threads.agents):
            lines = self.threads.take(agent)
            self.read_thread(lines, _agent_name({}, lines), agent)

    def _read_line(self, line: Record, agent: str | None, branch: str | None) -> None:
        self._note_states(line)
        message: Fields | None
        if message_on(line):
            message = self._message(line, agent)
        elif isinstance(line.get("attachment"), dict):
            message = _attachment(line)
        elif line.get("type") == "result":
            message = self._result(line)
        elif line.get("type") == "system":
            message = self._system(line)
        else:
            self._keep(line)
            return
        if message:
            self._add(line, message, agent, branch)

    def _add(self, line: Record, message: Fields, agent: str | None, branch: str | None) -> None:
        """Append a message with the time and the id of its line, as steps of the line's kind."""
        message["id"] = line.get("uuid")
        message["timestamp"] = line.get("timestamp")
        kind = message.pop("kind", None) or kind_on(line)
        n_before = len(self.transcript.steps)
        self.transcript.read(message, agent, branch)
        if kind == "message":
            return
        for position, step in enumerate(self.transcript.steps[n_before:], n_before):
            if step.kind == "message":
                self.transcript.steps[position] = replace(step, kind=kind)

    def _message(self, line: Record, agent: str | None) -> Fields:
        """The message on a line; what its reply states stands on the first of its lines."""
        written = message_on(line)
        reply_id = id_text(written.get("id"))
        reply = written if reply_id is None else self._replies.pop(reply_id, {})
        message = further_fields(line) | fields_of_reply(reply, line)
        message["duration_s"] = duration_s(line)
        message["content"] = written.get("content")
        role = written.get("role")
        message["role"] = role if isinstance(role, str) else line.get("type")
        if message["role"] != "user":
            return message
        command = typed_command(words_on(line))
        if command:
            message["command"] = message["content"]
            message["content"] = command
        if agent or is_by_the_program(line):
            message["role"] = "system"  # the prompt of a sub-agent is not the user's either
            return message
        message["content"], added = apart_from_program(message["content"])
        message["added_by_program"] = added or None
        return message

    def _system(self, line: Record) -> Fields | None:
        """A note of the program: a compaction, an error of the API, the output of a hook."""
        if line.get("subtype") == "init":
            self.meta |= further_fields(line)
            return None
        error = line.get("error")
        words = line.get("content")
        if isinstance(error, dict):
            words = error.get("formatted") or error.get("message") or words
        if not words and not error:
            self._keep(line)
            return None
        return {**further_fields(line), "role": "system", "content": words or "[error]"}

    def _result(self, line: Record) -> Fields | None:
        """What the last line of a run states goes to meta; its words are mostly those of a step."""
        stated = further_fields(line)
        words = stated.pop("result", None)
        self.meta |= stated | totals_of(stated)
        self.meta["outcome"] = line.get("subtype")
        last = self.transcript.steps[-1:]
        is_repeated = bool(last) and last[0].content == words
        if not words or is_repeated:
            return None
        kind = "error" if line.get("is_error") else "message"
        return {"role": "assistant", "content": words, "kind": kind}

    def _note_states(self, line: Record) -> None:
        for name, values in self._states.items():
            value = line.get(name)
            if value is not None and value not in values:
                values.append(value)

    def _keep(self, line: Record) -> None:
        """Keep a line that is no step for the meta."""
        kind = str(line.get("type"))
        if kind not in TITLES:
            self._other_lines.setdefault(kind, []).append(further_fields(line))

    def trace(self, id_: str, session: str | None) -> Trace:
        """The trace of all that was read."""
        for name, values in self._states.items():
            if values:
                self.meta[name] = values[0] if len(values) == 1 else values
        if session:
            self.meta["session"] = session
        if self._other_lines:
            self.meta["other_lines"] = self._other_lines
        if "model" not in self.meta:
            models = [step.data["model"] for step in self.transcript.steps if "model" in step.data]
            self.meta |= {"model": models[0]} if models else {}
        return self.transcript.trace(id_, self.meta)


def _attachment(line: Record) -> Fields:
    """What was put before the model: a prompt that waited for its turn, or context."""
    attachment = line["attachment"]
    message = further_fields(line) | {"role": "system"}
    content = attachment.get("content")
    if attachment.get("type") == "queued_command":
        content = attachment.get("prompt")
        message["kind"] = "message"
        is_notice = attachment.get("commandMode") == "task-notification"
        if not is_notice and not has_other_origin(attachment):
            message["role"] = "user"
    if not isinstance(content, str | list):
        content = f"[{attachment.get('type')}]"
    message["content"] = content
    return message


def _agent_name(arguments: Any, lines: Iterable[Record]) -> str:
    """The name of a sub-agent: its type, as the call that started it or its lines state it."""
    named = [arguments] if isinstance(arguments, dict) else []
    for record in [*named, *lines]:
        name = record.get("subagent_type")
        if isinstance(name, str) and name:
            return name
    return "sub-agent"


def _read(record: Record, id_: str) -> Trace:
    lines = _without_repeats(record["records"])
    session = _Session(lines)
    threads = session.threads
    is_agent_alone = len(threads.agents) == 1 and not any(map(_has_words, threads.main))
    if is_agent_alone:
        for agent in list(threads.agents):
            threads.main += threads.take(agent)
    session.read_thread(threads.main)
    session.read_other_threads()
    if not session.transcript.steps:
        raise RecordError("the session has no messages")
    return session.trace(id_, _session_id(record))


def _has_words(line: Record) -> bool:
    return "message" in line or "result" in line


def _without_repeats(lines: Iterable[Record]) -> list[Record]:
    """The lines, without those that a resumed session repeats: they bear the same uuid."""
    new: list[Record] = []
    seen: set[str] = set()
    for line in lines:
        uuid = id_text(line.get("uuid"))
        if uuid not in seen:
            new.append(line)
        if uuid:
            seen.add(uuid)
    return new


def _session_id(record: Record) -> str | None:
    """The id of the session of a line, or of the first line that names it."""
    for line in record.get("records", [record]):
        session = first_id(line, *SESSION_ID)
        if session is not None:
            return session
    return None


def _id(record: Record) -> str | None:
    """The id of a session, or of the sub-agent where all lines are of one."""
    agents = set()
    for line in record.get("records", [record]):
        agents.add(line.get("agentId") if line.get("isSidechain") else None)
    agent = agents.pop()
    if isinstance(agent, str) and not agents:
        return f"agent-{agent}"
    return _session_id(record)


def _is_line(record: Record) -> bool:
    kind = record.get("type")
    if not isinstance(kind, str) or not FOREIGN.isdisjoint(record):
        return False
    if isinstance(record.get("sessionId"), str):
        return kind.islower()
    if kind == "summary":
        return "leafUuid" in record
    if kind == "file-history-snapshot":
        return "messageId" in record
    has_message = bool(message_on(record)) and kind in ("user", "assistant")
    is_printed = "subtype" in record or "event" in record or has_message
    return is_printed and ("uuid" in record or "parent_tool_use_id" in record)


FORMAT = Format(
    "claude-code",
    (*SESSION_ID, "uuid", "parent_tool_use_id", "leafUuid", "messageId"),
    _read,
    _is_line,
    record_id=_id,
    group=_session_id,
    converted=frozenset(CONVERTED | (PLACED - set(STATES))),
)
