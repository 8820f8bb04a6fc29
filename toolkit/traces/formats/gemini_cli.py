"""Gemini CLI: the sessions that it keeps, as one document or as lines."""

from typing import Any

from toolkit.traces.fields import fields_of, objects_of, without
from toolkit.traces.formats.exchange import first_record
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.gemini import open_answer
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

ROLES = {"user": "user", "gemini": "model"}
NOTICES = ("info", "warning", "error")
TOKENS = {
    "input": "promptTokenCount",
    "output": "candidatesTokenCount",
    "cached": "cachedContentTokenCount",
    "thoughts": "thoughtsTokenCount",
    "tool": "toolUsePromptTokenCount",
    "total": "totalTokenCount",
}
"""The counts of a message, and what Gemini's API calls them."""
HEAD = ("sessionId", "projectHash")
"""The fields of the first line, or of a whole document."""
LINE = ("id", "timestamp", "content")
"""The fields of the line of a message."""
READ = ("type", "content", "thoughts", "toolCalls", "tokens")


def _knows(record: Record) -> bool:
    if _is_head(record) or "$set" in record:
        return True
    if "uuid" in record or not all(name in record for name in LINE):
        return False
    return str(record.get("type")) in (*ROLES, *NOTICES)


def _is_head(record: Record) -> bool:
    return all(name in record for name in HEAD)


def _read(record: Record, id_: str) -> Trace:
    """The trace of a session; a line with the id of an earlier one replaces it."""
    messages: dict[str, dict[str, Any]] = {}
    meta: dict[str, Any] = {}
    for part in record["records"]:
        if _is_head(part):
            meta |= without(part, "messages")
        if "$set" in part:
            meta |= fields_of(part["$set"])
        for message in _messages(part):
            own_id = str(message.get("id", len(messages)))
            messages[own_id] = message
    transcript = Transcript()
    for message in messages.values():
        _read_message(transcript, message)
    if "sessionId" in meta:
        meta["session"] = meta["sessionId"]
    return transcript.trace(id_, meta)


def _messages(part: Record) -> list[dict[str, Any]]:
    """The messages of a document, or the one that a line is."""
    if _is_head(part):
        return objects_of(part.get("messages"))
    return [] if "$set" in part else [dict(part)]


def _read_message(transcript: Transcript, message: dict[str, Any]) -> None:
    type_ = str(message.get("type"))
    if type_ in ROLES:
        others = without(message, *READ)
        transcript.read({**others, **_content(message), "role": ROLES[type_]})
    else:
        notice = without(message, "type")
        notice["role"] = "system"
        transcript.read(notice, kind=type_)


def _content(message: Record) -> dict[str, Any]:
    """What a message says, in the words of Gemini's API; its calls have their answers with them."""
    parts: list[Any] = []
    for thought in objects_of(message.get("thoughts")):
        parts.append({"text": _thought(thought), "thought": True})
    content = message.get("content")
    if isinstance(content, list):
        parts += content
    elif content:
        parts.append({"text": content})
    for call in objects_of(message.get("toolCalls")):
        parts.append(_call(call))
    usage: dict[str, Any] = {}
    for name, count in fields_of(message.get("tokens")).items():
        usage[TOKENS.get(name, name)] = count
    return {"parts": parts, "usage": usage or None}


def _thought(thought: Record) -> str:
    """The subject of a thought, and its description on the next line."""
    lines: list[str] = []
    for name in ("subject", "description"):
        if thought.get(name):
            lines.append(str(thought[name]))
    return "\n".join(lines)


def _call(call: Record) -> dict[str, Any]:
    """A call with its answer, where one came back."""
    results = objects_of(call.get("result"))
    answers: Any = [_answer(part) for part in results]
    if len(answers) == 1:
        answers = answers[0]
    return {
        "type": "tool-call",
        "toolCallId": call.get("id"),
        "toolName": call.get("name"),
        **without(call, "id", "name", "result"),
        "result": answers if results else None,
    }


def _answer(part: dict[str, Any]) -> Any:
    """What a part of a result says."""
    answer = open_answer(part).get("functionResponse")
    if not isinstance(answer, dict):
        return part
    return answer.get("response")


def _session(record: Record) -> str | None:
    """The id of the session of a head, or of the first of several records."""
    return first_id(first_record(record), "sessionId")


FORMAT = Format(
    "gemini-cli",
    (*HEAD, "$set", "type"),
    _read,
    _knows,
    _session,
    group=_session,
)
