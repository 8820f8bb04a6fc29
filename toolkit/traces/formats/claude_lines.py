"""A line of a Claude Code session: who speaks on it, what it says, and what else it states."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from toolkit.traces.ids import Record, id_text
from toolkit.traces.usage import number_of

Fields = dict[str, Any]
SESSION_ID = ("sessionId", "session_id")
AGENT_LINE = "agent-meta"
"""The type of what stands in the file beside a sub-agent's: its type, its task and its call."""
STATES = (
    "cwd",
    "gitBranch",
    "version",
    "userType",
    "entrypoint",
    "slug",
    "teamName",
    "agentName",
    "summary",
    "aiTitle",
    "customTitle",
)
"""What holds for many lines: it goes to meta, as a list where it changed."""
LINE_IDS = (
    "uuid",
    "parentUuid",
    "logicalParentUuid",
    "leafUuid",
    "parent_tool_use_id",
    "agentId",
)
"""What ties lines together, which a trace shows by the order and the branches of its steps."""
PLACED = {
    *STATES,
    *SESSION_ID,
    *LINE_IDS,
    "type",
    "subtype",
    "isSidechain",
    "message",
    "timestamp",
    "costUSD",
    "durationMs",
}
"""The fields of a line that a trace holds in places of their own."""
TOOL_RESULTS = ("toolUseResult", "tool_use_result")
"""What a tool returned, as the program has it: richer than the words that the model was given."""
DURATIONS = ("durationMs", "totalDurationMs")
COMPACTIONS = ("compact_boundary", "microcompact_boundary")
NOT_THE_USER = ("isMeta", "isCompactSummary", "isSynthetic")
API_ERRORS = ("isApiErrorMessage", "is_api_error_message")
PROGRAM_TAGS = (
    "local-command-",
    "system-reminder",
    "bash-std",
    "task-notification",
    "ide_",
    "cross-session-message",
    "teammate-message",
)
PROGRAM_WORDS = re.compile(
    rf"\s*(<({'|'.join(PROGRAM_TAGS)})|Caveat: The messages below were generated)"
)
"""How the program's own words begin where they stand on a line of the user."""


def message_on(line: Record) -> Mapping[str, Any]:
    """The message on a line; empty where there is none."""
    message = line.get("message")
    return message if isinstance(message, dict) else {}


def blocks_of(line: Record) -> Iterator[Record]:
    """The blocks of the message on a line."""
    content = message_on(line).get("content")
    if not isinstance(content, list):
        return
    for block in content:
        if isinstance(block, dict):
            yield block


def words_on(line: Record) -> str:
    """The first words of the message on a line."""
    content = message_on(line).get("content")
    if isinstance(content, str):
        return content
    for block in blocks_of(line):
        text = block.get("text")
        if isinstance(text, str):
            return text
    return ""


def tool_result_on(line: Record) -> Mapping[str, Any]:
    """What a tool returned; empty where it returned words alone."""
    for name in TOOL_RESULTS:
        result = line.get(name)
        if isinstance(result, dict):
            return result
    return {}


def further_fields(line: Record) -> Fields:
    """The fields of a line that have no place of their own, and say something."""
    further: Fields = {}
    for name, value in line.items():
        if name not in PLACED and value is not None and value is not False:
            further[name] = value
    if isinstance(line.get("message"), str | list):
        further["message"] = line["message"]
    return further


def kind_on(line: Record) -> str:
    """The kind of the steps that a line's words become."""
    if line.get("isCompactSummary") or line.get("subtype") in COMPACTIONS:
        return "compaction"
    if line.get("error") and line.get("type") == "system":
        return "error"
    if any(line.get(name) for name in API_ERRORS):
        return "error"
    if line.get("type") == "attachment":
        return "attachment"
    if line.get("type") == "system":
        return str(line.get("subtype") or "message")
    return "message"


def is_by_the_program(line: Record) -> bool:
    """Whether the program itself speaks on a line of the user."""
    if any(line.get(name) for name in NOT_THE_USER):
        return True
    if has_other_origin(line):
        return True
    _, added = apart_from_program(message_on(line).get("content"))
    return PROGRAM_WORDS.match(words_on(line)) is not None and not added


def apart_from_program(content: Any) -> tuple[Any, list[Any]]:
    """What the user said in a message, and the words that the program put beside it."""
    if not isinstance(content, list):
        return content, []
    own: list[Any] = []
    added: list[Any] = []
    for block in content:
        text = block.get("text") if isinstance(block, dict) else None
        is_added = isinstance(text, str) and PROGRAM_WORDS.match(text)
        (added if is_added else own).append(block)
    return (own, added) if own else (content, [])


def has_other_origin(record: Record) -> bool:
    """Whether a prompt names an origin that is no person."""
    origin = record.get("origin")
    return isinstance(origin, dict) and origin.get("kind") not in ("human", None)


def typed_command(words: str) -> str | None:
    """A slash command as the user typed it, out of the tags around it.

    >>> typed_command("<command-name>/review</command-name><command-args>a.py</command-args>")
    '/review a.py'
    """
    name = _inside(words, "command-name")
    if name is None:
        return None
    arguments = _inside(words, "command-args")
    return name if arguments is None else f"{name} {arguments}".strip()


def _inside(words: str, tag: str) -> str | None:
    """What stands in the first element of a tag; None where there is none."""
    _, begin, rest = words.partition(f"<{tag}>")
    inside, end, _ = rest.partition(f"</{tag}>")
    return inside if begin and end else None


def replies_on(lines: Iterable[Record]) -> dict[str, Fields]:
    """What the lines of each reply state together, by its id: the last word on each field counts.

    The first lines of a reply are written while it still streams: their usage is not the last.
    """
    replies: dict[str, Fields] = {}
    for line in lines:
        message = message_on(line)
        reply_id = id_text(message.get("id"))
        if reply_id is None:
            continue
        reply = replies.setdefault(reply_id, {})
        for name, value in message.items():
            if value is not None:
                reply[name] = value
    return replies


def fields_of_reply(reply: Record, line: Record) -> Fields:
    """The fields of a reply that stand in the data of its first step."""
    fields = dict(reply)
    for name in ("role", "content", "type"):
        fields.pop(name, None)
    if "id" in fields:
        fields["message_id"] = fields.pop("id")
    if fields.get("model") == "<synthetic>":  # an error of the API, in the shape of a reply
        del fields["model"]
    usage = fields.get("usage")
    if isinstance(usage, dict) and "costUSD" in line:
        fields["usage"] = {**usage, "cost_usd": line["costUSD"]}
    return fields


def duration_s(line: Record) -> float | None:
    """How long the call or the reply on a line took."""
    stated = [line.get("durationMs")]
    result = tool_result_on(line)
    stated += [result.get(name) for name in DURATIONS]
    for value in stated:
        milliseconds = number_of(value)
        if milliseconds is not None:
            return milliseconds / 1000
    return None
