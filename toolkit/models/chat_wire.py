"""The chat-completions form as pure functions: a Request as a body, and the message of the Messages
API that the chunks of an answer make.
"""

from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from toolkit.models import wire
from toolkit.models.model import Request
from toolkit.records import canonical

SCHEMA_NAME = "reply"
STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
"""A ``finish_reason`` as a ``stop_reason`` of the Messages API."""
LEFT_OUT = ("thinking", "redacted_thinking")  # the form has no word for it


def body_of(request: Request, model: str, limit_field: str = "max_tokens") -> dict[str, Any]:
    """The body of ``POST /chat/completions`` for `request`; absent parts are left out.

    `limit_field` bounds the answer. Of the metadata the form knows ``user_id``
    alone. Raises ValueError for a block that the form has no word for.
    """
    messages: list[dict[str, Any]] = []
    if request.system:
        messages.append({"role": "system", "content": request.system})
    for message in request.messages:
        messages.extend(_messages_of(message))
    body: dict[str, Any] = {
        "model": model,
        limit_field: request.max_tokens,
        "messages": messages,
    }
    if request.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": SCHEMA_NAME, "schema": request.schema},
        }
    if request.tools:
        body["tools"] = [_tool_of(tool) for tool in request.tools]
    if "user_id" in request.metadata:
        body["user"] = request.metadata["user_id"]
    return wire.well_formed(body)


def _tool_of(tool: dict[str, Any]) -> dict[str, Any]:
    function = {
        "name": tool["name"],
        "parameters": tool["input_schema"],
    }
    if "description" in tool:
        function["description"] = tool["description"]
    return {"type": "function", "function": function}


def _messages_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A message of the Messages API: the results of tools are messages of their own."""
    role = message["role"]
    content = message["content"]
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    texts = []
    calls = []
    messages = []
    for block in content:
        match block["type"]:
            case "text":
                texts.append(block["text"])
            case "tool_use":
                calls.append(_call_of(block))
            case "tool_result":
                messages.append(_result_of(block))
            case other if other not in LEFT_OUT:
                raise ValueError(f"the chat form has no block of the type {other!r}")
    if calls:
        words = "".join(texts) or None
        messages.append({"role": role, "content": words, "tool_calls": calls})
    elif texts:
        parts = [{"type": "text", "text": text} for text in texts]
        messages.append({"role": role, "content": parts})
    return messages


def _call_of(block: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": block["id"],
        "type": "function",
        "function": {
            "name": block["name"],
            "arguments": canonical(block["input"]),
        },
    }


def _result_of(block: dict[str, Any]) -> dict[str, Any]:
    """The result of a tool. The form has no word for ``is_error``: the content has to say it."""
    content = block.get("content") or ""
    if not isinstance(content, str):
        content = "\n".join(part["text"] for part in content)
    return {
        "role": "tool",
        "tool_call_id": block["tool_use_id"],
        "content": content,
    }


@dataclass
class CallInParts:
    """A tool call as it comes: its id and its name once, its arguments in pieces of JSON."""

    id: Any = None
    name: Any = None
    arguments: str = ""

    def add(self, part: dict[str, Any]) -> None:
        """Take in a `part` of the call."""
        function = part.get("function") or {}
        self.id = self.id or part.get("id")
        self.name = self.name or function.get("name")
        self.arguments += function.get("arguments") or ""

    def block(self) -> dict[str, Any]:
        """The call as a block of the Messages API."""
        return {
            "type": "tool_use",
            "id": self.id,
            "name": self.name,
            "input": _arguments_of(self.arguments),
        }


@dataclass
class Completion:
    """What has come of an answer, chunk by chunk."""

    text: str = ""
    is_refused: bool = False
    calls: dict[Any, CallInParts] = field(default_factory=dict)
    """By their index."""
    finish_reason: Any = None
    usage: Any = None

    def add(self, chunk: dict[str, Any]) -> str:
        """Take in a `chunk`, and give the words that it brings. What cannot be read raises."""
        self.usage = chunk.get("usage") or self.usage
        before = len(self.text)
        for choice in chunk.get("choices") or ():
            self._add_delta(choice.get("delta") or {})
            self.finish_reason = self.finish_reason or choice.get("finish_reason")
        return self.text[before:]

    def _add_delta(self, delta: dict[str, Any]) -> None:
        refusal = delta.get("refusal") or ""
        if refusal:
            self.is_refused = True
        words = delta.get("content") or ""
        self.text += wire.well_formed(words + refusal)
        for part in delta.get("tool_calls") or ():
            call = self.calls.setdefault(part.get("index"), CallInParts())
            call.add(part)

    def message(self) -> dict[str, Any] | None:
        """The message of the Messages API that came; None where its end did not come. Raises
        ValueError where it does not say what it used.
        """
        if self.finish_reason is None:
            return None
        if self.usage is None:
            raise ValueError("the server did not say what the reply used: no usage came")
        content: list[dict[str, Any]] = []
        if self.text:
            content.append({"type": "text", "text": self.text})
        for call in self.calls.values():
            content.append(call.block())
        return {
            "content": content,
            "stop_reason": self._stop_reason(),
            "usage": _usage_of(self.usage),
        }

    def _stop_reason(self) -> Any:
        if self.is_refused:
            return "refusal"
        if self.finish_reason == "stop" and self.calls:  # some servers call every end "stop"
            return "tool_use"
        return STOP_REASONS.get(self.finish_reason, self.finish_reason)


def _arguments_of(text: str) -> Any:
    """The arguments in the JSON `text`; the text itself where it is none, which no tool is run
    with.
    """
    try:
        return from_json(text, allow_inf_nan=False) if text else {}
    except ValueError:
        return text


def _usage_of(used: dict[str, Any]) -> dict[str, Any]:
    """The ``usage`` of a message of the Messages API, by that of a chat completion."""
    details = used.get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens") or 0
    return {
        "input_tokens": used["prompt_tokens"] - cached,
        "output_tokens": used["completion_tokens"],
        "cache_read_input_tokens": cached,
    }
