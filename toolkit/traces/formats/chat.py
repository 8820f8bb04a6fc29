"""OpenAI-style chats: ``{"messages": [{"role", "content", "tool_calls"}, ...]}``."""

from itertools import groupby
from typing import Any

from pydantic import BaseModel

from toolkit.records import validate
from toolkit.traces.formats.format import Conversation, Format, Record, first_id, words_of
from toolkit.traces.scan import decode_at
from toolkit.traces.trace import Trace

ROLES = {"developer": "system", "function": "tool"}
BLOCKS = ("tool_use", "tool_result", "thinking")


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
    tool_calls: list[Call] | None = None
    function_call: Function | None = None
    tool_call_id: str | None = None
    name: str | None = None
    refusal: str | None = None


class Chat(BaseModel):
    messages: list[Message]
    system: str | list[Any] | None = None


def is_block(part: object) -> bool:
    """Whether a part of a message's content is a step of its own, as only the Messages API writes it."""
    return isinstance(part, dict) and str(part.get("type")).endswith(BLOCKS)


def add_message(talk: Conversation, message: Message) -> None:
    """Append the steps of `message` to `talk`."""
    talk.begin(message.model_extra)
    if message.role in ("tool", "function"):
        talk.result(message.tool_call_id, message.name, *words_of(message.content))
        return
    actor, before = ROLES.get(message.role, message.role), len(talk.steps)
    about = {"name": message.name, "role": None if actor == message.role else message.role, "refusal": message.refusal}
    parts = message.content if isinstance(message.content, list) else [message.content] if message.content else []
    for blocks, group in groupby(parts, is_block):
        if blocks:
            for block in group:
                _add_block(talk, actor, block)
        else:
            words, data = words_of(list(group))
            talk.add("message", actor, words, data | about)
    calls = list(message.tool_calls or ())
    calls += [Call(function=message.function_call)] if message.function_call else []
    for call in calls:
        talk.call(call.id, call.function.name, _arguments(call.function.arguments), call.model_extra or {})
    if len(talk.steps) == before:
        talk.add("message", actor, message.refusal or "", about)


def _add_block(talk: Conversation, actor: str, block: Record) -> None:
    kind, own = block["type"], ("type", "id", "name", "input", "tool_use_id", "content", "thinking", "is_error")
    data = {name: value for name, value in block.items() if name not in own}
    if kind.endswith("tool_use"):
        talk.call(first_id(block, "id"), str(block.get("name") or kind), block.get("input") or {}, data)
    elif kind.endswith("tool_result"):
        words, parts = words_of(block.get("content"))
        error = {"error": bool(block.get("is_error"))}
        talk.result(first_id(block, "tool_use_id"), None, words, data | parts | error)
    else:
        talk.add("thinking", actor, words_of(block.get("thinking"))[0] or f"[{kind}]", data)


def _arguments(given: str | dict[str, Any] | None) -> Any:
    """Arguments as a dict; text that is no JSON object is kept as it is."""
    if not given or isinstance(given, dict):
        return given or {}
    value, end, _ = decode_at(given, 0)
    return value if isinstance(value, dict) and not given[end:].strip() else given


def read(record: Record, id_: str) -> Trace:
    """The trace of a record of either provider."""
    chat, talk = validate(Chat, record), Conversation()
    if chat.system:
        talk.add("message", "system", words_of(chat.system)[0], {})
    for message in chat.messages:
        add_message(talk, message)
    return talk.trace(id_, record, "id", "messages", "system", "request", "response")


FORMAT = Format("chat", lambda record: isinstance(record.get("messages"), list), read)
