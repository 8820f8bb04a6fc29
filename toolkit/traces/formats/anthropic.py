"""Anthropic Messages: requests, or requests with their responses, made of content blocks."""

from typing import Any

from pydantic import BaseModel

from toolkit.records import validate
from toolkit.traces.formats.chat import RECORD_FIELDS
from toolkit.traces.formats.conversation import Conversation, words_of
from toolkit.traces.formats.format import TIME_FIELDS, Format, Record, first_id
from toolkit.traces.trace import Trace

BLOCKS = {"tool_use", "tool_result", "thinking", "redacted_thinking", "server_tool_use"}
API_FIELDS = {"id", "type", "model", "usage", "stop_reason", "stop_sequence", "container", "stop_details"}
REQUEST_FIELDS = {"system", "tools", "tool_choice", "max_tokens", "metadata", "thinking", "temperature", "stream"}


class Block(BaseModel, extra="allow"):
    """One content block."""

    type: str
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    tool_use_id: str | None = None
    content: str | list[Any] | dict[str, Any] | None = None
    is_error: bool | None = None


class Message(BaseModel, extra="allow"):
    """A message of the request, or the response."""

    role: str
    content: str | list[Block]


class Failed(BaseModel, extra="allow"):
    """A response that is an error."""

    error: dict[str, Any]


class Ask(BaseModel, extra="allow"):
    """The body of a request."""

    messages: list[Message]
    system: str | list[Block] | None = None


class Pair(BaseModel, extra="allow"):
    """A request with its response."""

    request: Ask
    response: Message | Failed | None = None


def _add_message(talk: Conversation, message: Message) -> None:
    data = dict(message.model_extra or {})
    talk.unknown |= {f"steps.{name}" for name in data.keys() - API_FIELDS - set(TIME_FIELDS)}
    every = {name: data[name] for name in data if name in TIME_FIELDS}
    blocks = [Block(type="text", text=message.content)] if isinstance(message.content, str) else message.content
    if not blocks:
        talk.add("message", message.role, "", data)
    for block in blocks:
        _add_block(talk, message.role, block, data)
        data = every


def _add_block(talk: Conversation, role: str, block: Block, data: dict[str, Any]) -> None:
    extra = data | {k: v for k, v in (block.model_extra or {}).items() if k != "type"}
    if block.type.endswith("tool_use"):
        talk.call(block.id, block.name or block.type, {} if block.input is None else block.input, extra)
    elif block.type.endswith("tool_result"):
        words, parts = words_of(block.content)
        talk.result(block.tool_use_id, block.name, words, extra | parts | {"error": bool(block.is_error)})
    elif block.type == "text":
        talk.add("message", role, block.text or "", extra)
    elif block.type == "thinking":
        talk.add("thinking", role, block.thinking or "", extra)
    else:
        talk.add("message", role, f"[{block.type}]", extra | {"parts": [block.model_dump(exclude_none=True)]})


def _knows(record: Record) -> bool:
    request = record.get("request")
    if isinstance(request, dict):
        return isinstance(request.get("messages"), list)
    messages = record.get("messages")
    return isinstance(messages, list) and ("system" in record or any(_is_ours(m) for m in messages))


def _is_ours(message: object) -> bool:
    if not isinstance(message, dict):
        return False
    blocks = message.get("content")
    kinds = {b.get("type") for b in blocks if isinstance(b, dict)} if isinstance(blocks, list) else set()
    return "stop_reason" in message or any(kind in BLOCKS for kind in kinds if isinstance(kind, str))


def _record_id(record: Record) -> str | None:
    answer = record.get("response")
    return first_id(record, "id", "trace_id", "conversation_id", "session_id", "request_id") or (
        first_id(answer, "id") if isinstance(answer, dict) else None
    )


def _read(record: Record, id_: str) -> tuple[Trace, set[str]]:
    pair = validate(Pair, record) if "request" in record else None
    ask, answer = (pair.request, pair.response) if pair else (validate(Ask, record), None)
    talk = Conversation()
    if ask.system:
        words = ask.system if isinstance(ask.system, str) else "\n".join(b.text or "" for b in ask.system)
        talk.add("message", "system", words, {})
    for message in [*ask.messages, *([answer] if isinstance(answer, Message) else [])]:
        _add_message(talk, message)
    if isinstance(answer, Failed):
        talk.add("error", "assistant", str(answer.error.get("message", answer.error)), {"error": answer.error})
    meta = {k: v for k, v in record.items() if k not in ("id", "messages", "system", "request", "response")}
    unknown = meta.keys() - RECORD_FIELDS - REQUEST_FIELDS
    if pair:
        body = {k: v for k, v in record["request"].items() if k not in ("messages", "system")}
        meta = {"model": body.get("model"), "request": body} | meta
    return Trace(id_, tuple(talk.steps), meta), talk.unknown | unknown


LOOKS = 'Anthropic Messages: content blocks, a "system" field, or {"request", "response"}'
FORMAT = Format("anthropic", LOOKS, _knows, _record_id, _read)
