"""Claude Code and the Claude Agent SDK: sessions of JSON lines, and what ``claude -p`` prints.

One reply of the API takes several lines, a line a block, each of which repeats its usage. The steps
of a sub-agent stand behind the call that started it, on a branch of their own.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.formats.claude_threads import Threads, words_on
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id, id_text
from toolkit.traces.messages import Transcript, is_message
from toolkit.traces.trace import Step, Trace
from toolkit.traces.usage import number_of, usage_of

SESSION_ID = ("sessionId", "session_id")
FOREIGN = ("traceId", "trace_id", "messages", "steps", "role", "payload")
"""Fields of records that are no lines, though they may name a session."""
STATES = (
    *("cwd", "gitBranch", "version", "userType", "entrypoint", "slug", "teamName", "agentName"),
    *("summary", "aiTitle", "customTitle"),
)
"""What holds for many lines: it goes to meta, as a list where it changed."""
PLACED = {
    *STATES,
    *SESSION_ID,
    *("type", "uuid", "parentUuid", "logicalParentUuid", "parent_tool_use_id", "isSidechain"),
    *("agentId", "message", "timestamp", "costUSD", "durationMs", "leafUuid", "subtype"),
}
"""The fields of a line that a trace holds in places of their own."""
TITLES = ("summary", "ai-title", "custom-title", "agent-name")
RESULTS = ("toolUseResult", "tool_use_result")
DURATIONS_MS = ("durationMs", "totalDurationMs")
COMPACTIONS = ("compact_boundary", "microcompact_boundary")
API_ERRORS = ("isApiErrorMessage", "is_api_error_message")
NOT_THE_USER = re.compile(
    r"\s*(<(local-command-\w+|system-reminder|bash-std\w+|task-notification)>|"
    r"Caveat: The messages below were generated)"
)
"""How the program's own words begin where they stand on a line of the user."""
COMMAND = re.compile(r"<command-name>(.*?)</command-name>", re.DOTALL)
COMMAND_ARGUMENTS = re.compile(r"<command-args>(.*?)</command-args>", re.DOTALL)


class _Session:
    """The steps and the meta of a session while its lines are read."""

    def __init__(self, lines: list[Record]) -> None:
        self.transcript = Transcript()
        self.meta: dict[str, Any] = {}
        self.threads = Threads(lines)
        self._replies = _replies(lines)
        self._states: dict[str, list[Any]] = {name: [] for name in STATES}
        self._other_lines: dict[str, list[Record]] = {}
        self._in_agent = False

    def read(self, lines: Iterable[Record], branch: str | None = None, agent: str = "") -> None:
        """Append the steps of a thread, and behind a call those of the sub-agent it started."""
        for line in lines:
            n_before = len(self.transcript.steps)
            self._in_agent = bool(agent)
            self._line(line)
            steps = self.transcript.steps[n_before:]
            left_at = branch or self.threads.abandoned.get(line.get("uuid"))
            for step in steps:
                if agent:
                    step.data["agent"] = agent
                if left_at:
                    step.data["branch"] = left_at
            for step in steps:
                if step.kind == "tool.call":
                    self._sub_agent(step)

    def _sub_agent(self, call: Step) -> None:
        started = self.threads.take(call.data.get("original_call_id", call.data["call_id"]))
        if started:
            agent, lines = started
            self.read(lines, agent, _agent_name(call.data["arguments"], lines))

    def read_others(self) -> None:
        """Append the threads of sub-agents whose call is not in the session."""
        while self.threads.agents:
            agent = next(iter(self.threads.agents))
            lines = self.threads.agents.pop(agent)
            self.read(lines, agent, _agent_name({}, lines))

    def _line(self, line: Record) -> None:
        for name, values in self._states.items():
            value = line.get(name)
            if value is not None and value not in values:
                values.append(value)
        kind = line.get("type")
        attachment = line.get("attachment")
        if isinstance(line.get("message"), dict):
            self._message(line)
        elif isinstance(attachment, dict):
            self._attachment(line, attachment)
        elif kind == "result":
            self._result(line)
        elif kind == "system" and (line.get("content") or line.get("error")):
            self._system(line)
        elif line.get("subtype") == "init":
            self.meta |= _unplaced(line)
        elif kind not in TITLES:
            self._other_lines.setdefault(str(kind), []).append(_unplaced(line))

    def _message(self, line: Record) -> None:
        """Append the steps of a message; its usage and model stand on the first of its reply."""
        message: dict[str, Any] = dict(line["message"])
        reply_id = id_text(message.pop("id", None))
        fields = message if reply_id is None else self._replies.pop(reply_id, {})
        about = {**_unplaced(line), **_reply_fields(fields, line)}
        role = message.get("role") or line["type"]
        content = message.get("content")
        if role == "user" and (self._in_agent or _is_not_the_user(line)):
            role = "system"  # a sub-agent's prompt comes from the agent that started it
        command = COMMAND.search(words_on(line)) if role == "user" else None
        if command:
            arguments = COMMAND_ARGUMENTS.search(words_on(line))
            about["command"] = content
            content = f"{command[1]} {arguments[1] if arguments else ''}".strip()
        self._read(line, {**about, "role": role, "content": content}, _kind(line))

    def _read(self, line: Record, message: dict[str, Any], kind: str = "message") -> None:
        """Append a message with the time and the id of its line, as a step of `kind`."""
        message |= {"id": line.get("uuid"), "timestamp": line.get("timestamp")}
        n_before = len(self.transcript.steps)
        if is_message(message):
            self.transcript.read(message)
        else:
            self._other_lines.setdefault(str(line.get("type")), []).append(line)
        if kind == "message":
            return
        for position in range(n_before, len(self.transcript.steps)):
            step = self.transcript.steps[position]
            if step.kind == "message":
                self.transcript.steps[position] = replace(step, kind=kind)

    def _attachment(self, line: Record, attachment: Record) -> None:
        """Append what was put before the model: a prompt that waited for its turn, or context."""
        is_prompt = attachment.get("type") == "queued_command"
        content = attachment.get("prompt" if is_prompt else "content")
        if not isinstance(content, str | list):
            content = f"[{attachment.get('type')}]"
        is_user = is_prompt and attachment.get("commandMode") != "task-notification"
        message = {
            **_unplaced(line),
            "role": "user" if is_user and not _is_from_program(attachment) else "system",
            "content": content,
        }
        self._read(line, message, "message" if is_prompt else "attachment")

    def _system(self, line: Record) -> None:
        """Append a note of the program: a compaction, an error of the API, the output of a hook."""
        error = line.get("error")
        words = line.get("content")
        if isinstance(error, dict):
            words = error.get("formatted") or error.get("message") or words
        kind = "error" if error else str(line.get("subtype"))
        if kind in COMPACTIONS:
            kind = "compaction"
        message = {**_unplaced(line), "role": "system", "content": words or "[error]"}
        self._read(line, message, kind)

    def _result(self, line: Record) -> None:
        """Keep what the last line of a run states; its words are mostly those of the last step."""
        totals = _unplaced(line)
        words = totals.pop("result", None)
        usage = totals.pop("usage", None)
        if isinstance(usage, dict):
            self.meta |= usage_of(usage, "beside")
        cost = number_of(totals.pop("total_cost_usd", None))
        if cost is not None:
            self.meta["cost_usd"] = cost
        self.meta["duration_s"] = _seconds(totals.pop("duration_ms", None))
        self.meta["outcome"] = str(line.get("subtype"))
        self.meta |= totals
        is_new = all(step.content != words for step in self.transcript.steps[-1:])
        if isinstance(words, str) and words and is_new:
            kind = "error" if line.get("is_error") else "message"
            self._read(line, {"role": "assistant", "content": words}, kind)

    def trace(self, id_: str, session: str | None) -> Trace:
        """The trace of all that was read."""
        for name, values in self._states.items():
            if values:
                self.meta[name] = values[0] if len(values) == 1 else values
        if session:
            self.meta["session"] = session
        models = (step.data.get("model") for step in self.transcript.steps)
        self.meta.setdefault("model", next((model for model in models if model), None))
        if self._other_lines:
            self.meta["other_lines"] = self._other_lines
        stated = {name: value for name, value in self.meta.items() if value is not None}
        return self.transcript.trace(id_, stated)


def _replies(lines: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """What the lines of each reply state together: the last word of each counts."""
    replies: dict[str, dict[str, Any]] = {}
    for line in lines:
        message = line.get("message")
        if not isinstance(message, dict):
            continue
        reply_id = id_text(message.get("id"))
        if reply_id is not None:
            stated = {name: value for name, value in message.items() if value is not None}
            replies.setdefault(reply_id, {}).update(stated)
    return replies


def _reply_fields(fields: Record, line: Record) -> dict[str, Any]:
    """The fields of a reply for the data of its first step."""
    about = {name: fields[name] for name in fields if name not in ("role", "content", "type")}
    if "id" in about:
        about["message_id"] = about.pop("id")
    if about.get("model") == "<synthetic>":
        del about["model"]
    usage = about.pop("usage", None)
    if isinstance(usage, dict):
        about["usage"] = usage_of({**usage, "cost_usd": line.get("costUSD")}, "beside")
    durations = [line.get("durationMs")]
    for name in RESULTS:
        result = line.get(name)
        if isinstance(result, dict):
            durations += [result.get(duration) for duration in DURATIONS_MS]
    about["duration_s"] = next((_seconds(ms) for ms in durations if _seconds(ms)), None)
    return about


def _seconds(milliseconds: Any) -> float | None:
    number = number_of(milliseconds)
    return None if number is None else number / 1000


def _unplaced(line: Record) -> dict[str, Any]:
    """The fields of a line that have no place of their own."""
    return {
        name: value
        for name, value in line.items()
        if name not in PLACED and value is not None and value is not False
    }


def _kind(line: Record) -> str:
    if line.get("isCompactSummary"):
        return "compaction"
    return "error" if any(line.get(name) for name in API_ERRORS) else "message"


def _is_not_the_user(line: Record) -> bool:
    """Whether the program itself speaks on a line of the user."""
    if any(line.get(name) for name in ("isMeta", "isCompactSummary", "isSynthetic")):
        return True
    return _is_from_program(line) or bool(NOT_THE_USER.match(words_on(line)))


def _is_from_program(record: Record) -> bool:
    origin = record.get("origin")
    return isinstance(origin, dict) and origin.get("kind") not in ("human", None)


def _agent_name(arguments: Any, lines: list[Record]) -> str:
    """The name of a sub-agent: its type, as the call that started it or its lines state it."""
    stated = [arguments.get("subagent_type")] if isinstance(arguments, dict) else []
    stated += [line.get("subagent_type") for line in lines]
    return next((name for name in stated if isinstance(name, str) and name), "sub-agent")


def _read(record: Record, id_: str) -> Trace:
    lines = _without_repeats(record["records"])
    session = _Session(lines)
    threads = session.threads
    has_messages = any("message" in line or "result" in line for line in threads.main)
    if len(threads.agents) == 1 and not has_messages:  # the file of a sub-agent alone
        _, lines_of_agent = threads.agents.popitem()
        threads.main = [*threads.main, *lines_of_agent]
    session.read(threads.main)
    session.read_others()
    if not session.transcript.steps:
        raise RecordError("it has no messages")
    return session.trace(id_, _session(record))


def _without_repeats(lines: Iterable[Record]) -> list[Record]:
    """The lines, without those that a resumed session repeats: they bear the same uuid."""
    new: list[Record] = []
    seen: set[Any] = set()
    for line in lines:
        uuid = id_text(line.get("uuid"))
        if uuid is None or uuid not in seen:
            new.append(line)
            seen.add(uuid)
    return new


def _session(record: Record) -> str | None:
    """The id of the session of a line, or of the first line that names it."""
    lines = record.get("records", [record])
    ids = (first_id(line, *SESSION_ID) for line in lines)
    return next((id_ for id_ in ids if id_ is not None), None)


def _id(record: Record) -> str | None:
    """The id of a session, or of the sub-agent where all lines are of one."""
    lines = record.get("records", [record])
    agents = {line.get("agentId") if line.get("isSidechain") else None for line in lines}
    agent = agents.pop()
    if agent and not agents:
        return f"agent-{agent}"
    return _session(record)


def _is_line(record: Record) -> bool:
    kind = record.get("type")
    if not isinstance(kind, str) or any(name in record for name in FOREIGN):
        return False
    if isinstance(record.get("sessionId"), str):
        return kind == kind.lower()
    if kind == "summary":
        return "leafUuid" in record
    if kind == "file-history-snapshot":
        return "messageId" in record
    has_message = isinstance(record.get("message"), dict) and kind in ("user", "assistant")
    is_printed = "subtype" in record or "event" in record or has_message
    return is_printed and ("uuid" in record or "parent_tool_use_id" in record)


FORMAT = Format(
    "claude-code",
    (*SESSION_ID, "uuid", "parent_tool_use_id", "leafUuid", "messageId"),
    _read,
    _is_line,
    record_id=_id,
    group=_session,
    converted=frozenset(
        (
            *PLACED - set(STATES),
            "role",
            "usage",
            "is_error",
            "event",
            "total_cost_usd",
            "duration_ms",
        )
    ),
)
