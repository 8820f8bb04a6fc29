"""Claude Code and the Claude Agent SDK: sessions of JSON lines, and what ``claude -p`` prints.

One reply of the API takes several lines, a line a block, each of which repeats its usage. The steps
of a sub-agent stand behind the call that started it, on a branch of their own.
"""

import re
from collections.abc import Iterable
from pathlib import PurePath

from toolkit.records import RecordError
from toolkit.traces.fields import objects_of
from toolkit.traces.formats.claude_lines import AGENT_LINE, LINE_IDS, SESSION_ID, message_on
from toolkit.traces.formats.claude_session import Session
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id, id_text
from toolkit.traces.trace import Trace

FOREIGN = {"traceId", "trace_id", "messages", "steps", "role", "payload"}
"""Fields of records that are no lines, though they may name a session."""
COMPANION = re.compile(r"agent-(.+)\.meta\.json$")
"""The name of the file beside that of a sub-agent which says what the sub-agent is."""
SUB_AGENTS = "subagents"
"""The folder of the files of a session's sub-agents, in one that has the session's id."""
INDEX_MARKS = ("fullPath", "firstPrompt", "messageCount", "summary")
"""The fields of which an entry of an index of sessions has one."""
CONVERTED = {"subtype", "durationMs", "duration_ms", "costUSD", *LINE_IDS}


def _read(record: Record, id_: str) -> Trace:
    lines = _without_repeats(record["records"])
    session = Session(lines)
    threads = session.threads
    has_main_line = any(map(_has_words, threads.main))
    if len(threads.agents) == 1 and not has_main_line:  # the file of a sub-agent alone
        for agent in list(threads.agents):
            threads.main += threads.take(agent)
    session.read()
    if not session.transcript.steps:
        raise RecordError("the session has no messages")
    return session.trace(id_, _session_id(record))


def _has_words(line: Record) -> bool:
    return "message" in line or "result" in line


def _without_repeats(lines: Iterable[Record]) -> list[Record]:
    """The lines, without those that a resumed session repeats: the same uuid and message."""
    new: list[Record] = []
    messages: dict[str, Record] = {}
    for line in lines:
        uuid = id_text(line.get("uuid"))
        if uuid is None:
            new.append(line)
        elif uuid not in messages or messages[uuid] != message_on(line):
            messages[uuid] = message_on(line)
            new.append(line)
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
    agents: set[str | None] = set()
    for line in record.get("records", [record]):
        agent = first_id(line, "agentId") if line.get("isSidechain") else None
        agents.add(agent)
    agent = agents.pop()
    if agent and not agents:
        return f"agent-{agent}"
    return _session_id(record)


def _companions(name: str, record: Record) -> list[Record] | None:
    """What an index says of each session, or what the file beside a sub-agent's says of it."""
    entries = objects_of(record.get("entries"))
    if entries and all(map(_is_entry, entries)):
        return [{**entry, "type": "session-index"} for entry in entries]
    path = PurePath(name)
    agent = COMPANION.match(path.name)
    if agent is None or not isinstance(record.get("agentType", record.get("description")), str):
        return None
    line = {**record, "type": AGENT_LINE, "isSidechain": True, "agentId": agent[1]}
    if SUB_AGENTS in path.parts:
        place = path.parts.index(SUB_AGENTS)
        line["sessionId"] = path.parts[place - 1]
    return [line]


def _is_entry(entry: Record) -> bool:
    return isinstance(entry.get("sessionId"), str) and any(name in entry for name in INDEX_MARKS)


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
    converted=frozenset(CONVERTED),
    companions=_companions,
)
