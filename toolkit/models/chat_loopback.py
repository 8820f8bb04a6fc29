"""Chat completions as a `LoopbackServer` serves them: the body of a message that a request stands
for, and the completion that a message stands for.
"""

import json
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, Field, Json

from toolkit.models.chat_wire import STOP_REASONS
from toolkit.models.script import BROKEN, Answer, Fault, first_half, pieces_of
from toolkit.models.wire import usage_of
from toolkit.records import canonical, validate

MAX_TOKENS = 4096  # where the request bounds nothing
FINISH_REASONS = {stop: finish for finish, stop in STOP_REASONS.items()} | {"refusal": "stop"}


class _Function(BaseModel, strict=True):
    name: str
    arguments: Json[dict[str, Any]]


class _Call(BaseModel, strict=True):
    id: str
    type: Literal["function"]
    function: _Function


class _Message(BaseModel, strict=True):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[_Call] = []
    tool_call_id: str = ""


class _ToolFunction(BaseModel, strict=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any] = {}


class _Tool(BaseModel, strict=True):
    type: Literal["function"]
    function: _ToolFunction


class _Schema(BaseModel, strict=True):
    name: str
    form: dict[str, Any] = Field(alias="schema")


class _Format(BaseModel, strict=True):
    type: Literal["json_schema"]
    json_schema: _Schema


class _Body(BaseModel, strict=True):
    model: str
    messages: list[_Message]
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: list[_Tool] = []
    response_format: _Format | None = None
    user: str | None = None
    stream: bool = False
    stream_options: dict[str, Any] | None = None

    @property
    def limit(self) -> int:
        """The most tokens that an answer may have."""
        if self.max_completion_tokens is not None:
            return self.max_completion_tokens
        return MAX_TOKENS if self.max_tokens is None else self.max_tokens


def message_body_of(body: Any) -> dict[str, Any]:
    """The body of the Messages API that the `body` of a chat completion stands for. Raises
    RecordError, with the field, for a wrong shape.
    """
    chat = validate(_Body, body)
    messages: list[dict[str, Any]] = []
    system = []
    for message in chat.messages:
        if message.role in ("system", "developer"):
            system.append(str(message.content))
        else:
            _append(messages, message)
    request: dict[str, Any] = {
        "model": chat.model,
        "max_tokens": chat.limit,
        "messages": messages,
    }
    if system:
        request["system"] = "\n".join(system)
    if chat.tools:
        request["tools"] = [_tool_of(tool.function) for tool in chat.tools]
    if chat.response_format is not None:
        schema = chat.response_format.json_schema.form
        request["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if chat.user is not None:
        request["metadata"] = {"user_id": chat.user}
    return request


def _tool_of(function: _ToolFunction) -> dict[str, Any]:
    tool = {"name": function.name, "input_schema": function.parameters}
    if function.description is not None:
        tool["description"] = function.description
    return tool


def _append(messages: list[dict[str, Any]], message: _Message) -> None:
    """Append a chat `message`; the results of tools and what the user says after them are one
    message of the Messages API.
    """
    role = "user" if message.role == "tool" else message.role
    content = _content_of(message)
    follows_results = role == "user" and messages and _holds_results(messages[-1])
    if follows_results and isinstance(content, list):
        messages[-1]["content"] += content
    else:
        messages.append({"role": role, "content": content})


def _content_of(message: _Message) -> str | list[dict[str, Any]]:
    content = message.content or ""
    if message.role == "tool":
        result = {
            "type": "tool_result",
            "tool_use_id": message.tool_call_id,
            "content": content,
        }
        return [result]
    if not message.tool_calls:
        return content
    blocks: list[dict[str, Any]] = []
    if content:
        blocks.append({"type": "text", "text": content})
    for call in message.tool_calls:
        block = {
            "type": "tool_use",
            "id": call.id,
            "name": call.function.name,
            "input": call.function.arguments,
        }
        blocks.append(block)
    return blocks


def _holds_results(message: dict[str, Any]) -> bool:
    content = message["content"]
    return isinstance(content, list) and content[0].get("type") == "tool_result"


def error_of(answer: Answer) -> dict[str, Any]:
    """The error of the chat form that a status of 400 or more is answered with."""
    return {"error": answer.error | {"param": None, "code": None}}


def completion_of(message: dict[str, Any]) -> dict[str, Any]:
    """The chat completion that says a `message` of the Messages API."""
    spoken: dict[str, Any] = {"role": "assistant", "content": None}
    calls = []
    for block in message["content"]:
        if block["type"] == "text":
            spoken[_words_field(message)] = block["text"]
        else:
            calls.append(_call_of(block, canonical(block["input"])))
    if calls:
        spoken["tool_calls"] = calls
    choice = {
        "index": 0,
        "message": spoken,
        "finish_reason": _finish_reason(message),
    }
    return {
        **_head(message, "chat.completion"),
        "choices": [choice],
        "usage": _usage_of(message["usage"]),
    }


def _words_field(message: dict[str, Any]) -> str:
    return "refusal" if message["stop_reason"] == "refusal" else "content"


def _finish_reason(message: dict[str, Any]) -> str:
    return FINISH_REASONS[message["stop_reason"]]


def _head(message: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "id": message["id"],
        "object": kind,
        "created": 0,
        "model": message["model"],
    }


def _call_of(block: dict[str, Any], arguments: str) -> dict[str, Any]:
    return {
        "id": block["id"],
        "type": "function",
        "function": {"name": block["name"], "arguments": arguments},
    }


def _usage_of(used: dict[str, Any]) -> dict[str, Any]:
    """The usage of a chat completion, which counts cached tokens as part of the prompt."""
    usage = usage_of({"usage": used})
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
    }


def chunks_of(message: dict[str, Any], body: dict[str, Any], fault: Fault | None) -> Iterator[str]:
    """The data of the events that stream a `message`, up to where the fault breaks it."""
    head = _head(message, "chat.completion.chunk")
    for delta in _deltas(message, fault):
        yield _chunk(head, delta, None)
    if fault == "error":
        yield json.dumps({"error": BROKEN})
    if fault:
        return
    yield _chunk(head, {}, _finish_reason(message))
    options = body.get("stream_options") or {}
    if options.get("include_usage"):
        used = _usage_of(message["usage"])
        yield json.dumps(head | {"choices": [], "usage": used})
    yield "[DONE]"


def _deltas(message: dict[str, Any], fault: Fault | None) -> Iterator[dict[str, Any]]:
    """What the chunks of a `message` bring; where there is a fault, the first half of its first
    block.
    """
    yield {"role": "assistant", "content": ""}
    blocks = message["content"]
    n_calls = 0
    for block in blocks[:1] if fault else blocks:
        if block["type"] == "text":
            words = _words_field(message)
            for piece in _pieces(block["text"], fault):
                yield {words: piece}
        else:
            yield from _call_deltas(n_calls, block, fault)
            n_calls += 1


def _pieces(text: str, fault: Fault | None) -> list[str]:
    return pieces_of(first_half(text) if fault else text)


def _call_deltas(
    index: int, block: dict[str, Any], fault: Fault | None
) -> Iterator[dict[str, Any]]:
    """The deltas of a tool call: its id and its name, then its arguments in pieces."""
    begun = _call_of(block, "")
    yield {"tool_calls": [begun | {"index": index}]}
    for piece in _pieces(canonical(block["input"]), fault):
        part = {"index": index, "function": {"arguments": piece}}
        yield {"tool_calls": [part]}


def _chunk(head: dict[str, Any], delta: dict[str, Any], finish_reason: str | None) -> str:
    choice = {
        "index": 0,
        "delta": delta,
        "finish_reason": finish_reason,
    }
    return json.dumps(head | {"choices": [choice]})
