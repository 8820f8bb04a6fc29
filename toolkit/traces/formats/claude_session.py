"""A session of Claude Code while its lines become steps and meta."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from toolkit.traces.fields import object_in
from toolkit.traces.formats.claude_lines import (
    AGENT_LINE,
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
from toolkit.traces.formats.claude_runs import totals_of_runs
from toolkit.traces.formats.claude_threads import Threads
from toolkit.traces.ids import Record, id_text
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Step, Trace

TITLE_FIELDS = ("customTitle", "aiTitle")
TITLES = ("summary", "ai-title", "custom-title", "agent-name")
"""Lines that hold nothing but what is kept for the whole session."""


class Thread(NamedTuple):
    """Where a line stands: in the main line, on a branch of it, or in a sub-agent's."""

    agent: str | None = None
    branch: str | None = None


class Session:
    """The steps and the meta of a session while its lines are read."""

    def __init__(self, lines: list[Record]) -> None:
        self.threads = Threads(lines)
        self.transcript = Transcript()
        self.meta: Fields = {}
        self._replies = replies_on(lines)
        """What each reply states, until its first step has taken it."""
        self._states: dict[str, dict[str, Any]] = {name: {} for name in STATES}
        """The values of each state, in their order; by their text, as each may be of any type."""
        self._runs: list[Fields] = []
        """What the last line of each run states."""
        self._title = title_of(lines)
        self._other_lines: dict[str, list[Record]] = {}

    def read(self) -> None:
        """Append the steps of the main line, and of sub-agents whose call is not in it."""
        self._read_thread(self.threads.main, Thread())
        for agent in list(self.threads.agents):
            self._read_sub_agent(agent, {})

    def _read_thread(self, lines: Iterable[Record], thread: Thread) -> None:
        """Append the steps of a thread, and behind a call those of the sub-agent it started."""
        for line in lines:
            n_before = len(self.transcript.steps)
            place = thread
            if thread.branch is None:
                branch = self.threads.branches.get(id_text(line.get("uuid")))
                place = Thread(thread.agent, branch)
            self._read_line(line, place)
            for step in self.transcript.steps[n_before:]:
                if step.kind == "tool.call":
                    self._follow(step)

    def _follow(self, call: Step) -> None:
        """Append the steps of the sub-agent that a call started."""
        call_id = call.data.get("original_call_id", call.data["call_id"])
        agent = self.threads.started_by(call_id)
        if agent:
            self._read_sub_agent(agent, object_in(call.data, "arguments"))

    def _read_sub_agent(self, agent: str, arguments: Record) -> None:
        lines = self.threads.take(agent)
        name = _agent_name(arguments, lines)
        self._read_thread(lines, Thread(name, agent))

    def _read_line(self, line: Record, thread: Thread) -> None:
        self._note_states(line)
        kind = line.get("type")
        message: Fields | None = None
        if message_on(line):
            message = self._message(line, thread)
        elif isinstance(line.get("attachment"), dict):
            message = _attachment(line)
        elif kind == "result":
            message = self._result(line)
        elif kind == "system":
            message = self._system(line)
        else:
            self._keep(line)
        if message:
            message["id"] = line.get("uuid")
            message["timestamp"] = line.get("timestamp")
            step_kind = message.pop("step_kind", None) or kind_on(line)
            self.transcript.read(message, thread.agent, thread.branch, step_kind)

    def _message(self, line: Record, thread: Thread) -> Fields:
        """The message on a line; what its reply states stands on the first of its lines."""
        written = message_on(line)
        reply_id = id_text(written.get("id"))
        reply = written if reply_id is None else self._replies.pop(reply_id, {})
        message = further_fields(line)
        message |= fields_of_reply(reply, line)
        message["duration_s"] = duration_s(line)
        message["content"] = written.get("content")
        role = written.get("role")
        message["role"] = role if isinstance(role, str) else line.get("type")
        if message["role"] != "user":
            return message
        if thread.agent or is_by_the_program(line):
            message["role"] = "system"  # the prompt of a sub-agent is not the user's either
            return message
        command = typed_command(words_on(line))
        if command:
            message["command"] = message["content"]
            message["content"] = command
            return message
        message["content"], added = apart_from_program(message["content"])
        if added:
            message["added_by_program"] = added
        return message

    def _system(self, line: Record) -> Fields | None:
        """A note of the program: a compaction, an error of the API, the output of a hook."""
        message = further_fields(line)
        if line.get("subtype") == "init":
            self.meta |= message
            return None
        error = object_in(line, "error")
        words = error.get("formatted") or error.get("message") or line.get("content")
        if not words and not line.get("error"):
            self._keep(line)
            return None
        message["role"] = "system"
        message["content"] = words or "[error]"
        return message

    def _result(self, line: Record) -> Fields | None:
        """What the last line of a run states goes to meta; its words are mostly those of a step."""
        stated = further_fields(line)
        words = stated.pop("result", None)
        self._runs.append(stated)
        self.meta["outcome"] = line.get("subtype")
        last_words = [step.content for step in self.transcript.steps[-1:]]
        if not words or words in last_words:
            return None
        step_kind = "error" if line.get("is_error") else "message"
        return {"role": "assistant", "content": words, "step_kind": step_kind}

    def _note_states(self, line: Record) -> None:
        for name, values in self._states.items():
            value = line.get(name)
            if value is not None:
                values.setdefault(repr(value), value)

    def _keep(self, line: Record) -> None:
        """Keep a line that is no step for the meta."""
        kind = str(line.get("type"))
        if kind not in TITLES:
            lines = self._other_lines.setdefault(kind, [])
            lines.append(further_fields(line))

    def trace(self, id_: str, session: str | None) -> Trace:
        """The trace of all that was read."""
        for name, by_text in self._states.items():
            values = list(by_text.values())
            if values:
                self.meta[name] = values[0] if len(values) == 1 else values
        self.meta |= totals_of_runs(self._runs)
        if session:
            self.meta["session"] = session
        if self._title:
            self.meta["title"] = self._title
        if self._other_lines:
            self.meta["other_lines"] = self._other_lines
        for step in self.transcript.steps:
            if "model" in step.data:
                self.meta.setdefault("model", step.data["model"])
                break
        return self.transcript.trace(id_, self.meta)


def _attachment(line: Record) -> Fields:
    """What was put before the model: a prompt that waited for its turn, or context."""
    attachment = object_in(line, "attachment")
    kind = attachment.get("type")
    message = further_fields(line)
    message["role"] = "system"
    content = attachment.get("content")
    if kind == "queued_command":
        content = attachment.get("prompt")
        message["step_kind"] = "message"
        is_notice = attachment.get("commandMode") == "task-notification"
        if not is_notice and not has_other_origin(attachment):
            message["role"] = "user"
    message["content"] = content if isinstance(content, str | list) else f"[{kind}]"
    return message


def _agent_name(arguments: Record, lines: Iterable[Record]) -> str:
    """The name of a sub-agent: its type, as its call or its lines state it, and its task."""
    for line in lines:
        if line.get("type") == AGENT_LINE:
            type_ = line.get("name") or line.get("agentType")
            stated = [type_, line.get("description")]
            return ": ".join(text for text in stated if isinstance(text, str) and text)
    for record in (arguments, *lines):
        name = record.get("subagent_type")
        if isinstance(name, str) and name:
            return name
    return "sub-agent"


def title_of(lines: Iterable[Record]) -> str | None:
    """What a session is called: by the user, else by the program, else by the last summary of it.

    A session's file may hold the summaries of earlier ones: these name a line of another session.
    """
    uuids = {id_text(line.get("uuid")) for line in lines}
    titles: dict[str, str] = {}
    summaries: dict[str, None] = {}
    for line in lines:
        for name in TITLE_FIELDS:
            if isinstance(line.get(name), str):
                titles[name] = line[name]
        if isinstance(line.get("summary"), str):
            summaries[line["summary"]] = None
            if "leafUuid" not in line or id_text(line["leafUuid"]) in uuids:
                titles["summary"] = line["summary"]
    if len(summaries) == 1:
        titles["summary"] = next(iter(summaries))
    for name in (*TITLE_FIELDS, "summary"):
        if name in titles:
            return titles[name]
    return None
