"""Gemini CLI: the sessions that it keeps, as one document or as lines."""

from typing import Any

from toolkit.traces.formats.exchange import elements_of, fields_of, without
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
READ = ("type", "content", "thoughts", "toolCalls", "tokens")


def _knows(record: Record) -> bool:
    if all(name in record for name in HEAD) or "$set" in record:
        return True
    is_line = "timestamp" in record and "id" in record and "uuid" not in record
    return is_line and str(record.get("type")) in (*ROLES, *NOTICES) and "content" in record


def _read(record: Record, id_: str) -> Trace:
    """The trace of a session; a line with the id of an earlier one replaces it."""
    messages: dict[str, Any] = {}
    meta: dict[str, Any] = {}
    for part in record["records"]:
        if all(name in part for name in HEAD):
            meta |= without(part, "messages")
            listed = elements_of(part.get("messages"))
        elif "$set" in part:
            meta |= fields_of(part["$set"])
            listed = []
        else:
            listed = [part]
        for message in filter(None, map(fields_of, listed)):
            messages[str(message.get("id", len(messages)))] = message
    transcript = Transcript()
    for message in messages.values():
        if str(message.get("type")) in ROLES:
            transcript.read(_message(message))
        else:
            notice = {**without(message, "type"), "role": "system"}
            transcript.read(notice, kind=str(message.get("type")))
    session = {"session": meta["sessionId"]} if "sessionId" in meta else {}
    return transcript.trace(id_, {**meta, **session})


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """A message as one of Gemini's API, whose calls have their answers with them."""
    content = message.get("content")
    words = content if isinstance(content, list) else [{"text": content}] if content else []
    thoughts = filter(None, map(fields_of, elements_of(message.get("thoughts"))))
    calls = filter(None, map(fields_of, elements_of(message.get("toolCalls"))))
    tokens = fields_of(message.get("tokens"))
    return {
        **without(message, *READ),
        "role": ROLES[message["type"]],
        "parts": [*map(_thought, thoughts), *words, *map(_call, calls)],
        "usage": {TOKENS.get(name, name): count for name, count in tokens.items()} or None,
    }


def _thought(thought: dict[str, Any]) -> dict[str, Any]:
    titles = (thought.get("subject"), thought.get("description"))
    return {"text": "\n".join(str(title) for title in titles if title), "thought": True}


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """A call with its answer, where one came back."""
    answers: list[Any] = []
    for part in elements_of(call.get("result")):
        opened = open_answer(part) if isinstance(part, dict) else part
        answer = opened.get("functionResponse") if isinstance(opened, dict) else None
        answers.append(answer.get("response") if isinstance(answer, dict) else opened)
    result = answers[0] if len(answers) == 1 else answers or None
    fields = without(call, "id", "name", "result")
    made = {"type": "tool-call", "toolCallId": call.get("id"), "toolName": call.get("name")}
    return {**made, **fields, "result": result}


def _session(record: Record) -> str | None:
    """The id of the session of a head, or of the first of several records."""
    first = record["records"][0] if record.get("records") else record
    return first_id(first, "sessionId")


FORMAT = Format(
    "gemini-cli",
    (*HEAD, "$set", "type"),
    _read,
    _knows,
    _session,
    group=_session,
    converted=frozenset({"type"}),
)
