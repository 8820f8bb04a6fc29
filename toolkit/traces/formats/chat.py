"""OpenAI-style chats: ``{"messages": [{"role", "content", "tool_calls"}, ...]}``."""

from typing import Any

from pydantic import BaseModel

from toolkit.records import validate
from toolkit.traces.formats.conversation import Conversation, arguments_of, words_of
from toolkit.traces.formats.format import TIME_FIELDS, Format, Record, first_id
from toolkit.traces.trace import Trace

ROLES = {"developer": "system", "function": "tool"}
MESSAGE_FIELDS = {"id", "usage", "model", "refusal", "error", "is_error", "cost_usd", *TIME_FIELDS}
RECORD_FIELDS = {"id", "trace_id", "messages", "model", "usage", "cost_usd", "outcome", "messages_skipped"}


class Function(BaseModel):
    """A function as the assistant calls it."""

    name: str
    arguments: str | dict[str, Any] | None = None


class Call(BaseModel, extra="allow"):
    """One entry of ``tool_calls``."""

    function: Function
    id: str | None = None
    type: str | None = None


class Message(BaseModel, extra="allow"):
    """One message."""

    role: str
    content: str | list[Any] | dict[str, Any] | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None
    tool_call_id: str | None = None
    name: str | None = None


class Chat(BaseModel, extra="allow"):
    """A record."""

    messages: list[Message]


def add_message(talk: Conversation, message: Message) -> None:
    """Append the steps of `message` to `talk`."""
    extra = dict(message.model_extra or {})
    talk.unknown |= {f"steps.{name}" for name in extra.keys() - MESSAGE_FIELDS}
    words, parts = words_of(message.content)
    data = extra | parts
    if message.role in ("tool", "function"):
        data["error"] = extra.get("error", extra.get("is_error"))
        talk.result(message.tool_call_id, message.name, words, data)
        return
    calls = [(call.id, call.function, call.model_extra or {}) for call in message.tool_calls or ()]
    if message.function_call:
        calls.append((None, message.function_call, {}))
    if words or not calls:
        refusal = extra.get("refusal")
        words = words or (refusal if isinstance(refusal, str) else "")
        actor = ROLES.get(message.role, message.role)
        other = None if actor == message.role else message.role
        talk.add("message", actor, words, data | {"name": message.name, "role": other})
        data = {name: extra[name] for name in extra if name in TIME_FIELDS}
    for call_id, function, more in calls:
        talk.call(call_id, function.name, arguments_of(function.arguments), data | more)
        data = {name: extra[name] for name in extra if name in TIME_FIELDS}


def _knows(record: Record) -> bool:
    return isinstance(record.get("messages"), list)


def _record_id(record: Record) -> str | None:
    return first_id(record, "id", "trace_id", "conversation_id", "session_id")


def _read(record: Record, id_: str) -> tuple[Trace, set[str]]:
    chat, talk = validate(Chat, record), Conversation()
    for message in chat.messages:
        add_message(talk, message)
    meta = {name: value for name, value in record.items() if name not in ("id", "messages")}
    return Trace(id_, tuple(talk.steps), meta), talk.unknown | (meta.keys() - RECORD_FIELDS)


FORMAT = Format("chat", 'an OpenAI-style chat: {"messages": [...]}', _knows, _record_id, _read)
