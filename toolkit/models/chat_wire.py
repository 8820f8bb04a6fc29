"""The chat-completions form as pure functions: a Request as a body, and the message of the Messages
API that the chunks of an answer make.
"""

from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from toolkit.models import wire
from toolkit.models.model import Request

SCHEMA_NAME = "reply"
STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
"""A ``finish_reason`` as a ``stop_reason`` of the Messages API."""
LEFT_OUT = ("thinking", "redacted_thinking")  # the form has no word for it


def body_of(request: Request, model: str, limit: str = "max_tokens") -> dict[str, Any]:
    """The body of ``POST /chat/completions`` for `request`; absent parts are left out.

    `limit` names the field that bounds the answer. Of the metadata the form knows ``user_id``
    alone. Raises ValueError for a block that the form has no word for.
    """
    messages: list[dict[str, Any]] = []
    if request.system:
        messages.append({"role": "system", "content": request.system})
    for message in request.messages:
        messages.extend(_messages_of(message))
    body: dict[str, Any] = {"model": model, limit: request.max_tokens, "messages": messages}
    if request.schema is not None:
        form = {"name": SCHEMA_NAME, "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    if request.tools:
        body["tools"] = [_tool_of(tool) for tool in request.tools]
    if "user_id" in request.metadata:
        body["user"] = request.metadata["user_id"]
    return wire.well_formed(body)


def _tool_of(tool: dict[str, Any]) -> dict[str, Any]:
    function = {"name": tool["name"], "parameters": tool["input_schema"]}
    if "description" in tool:
        function["description"] = tool["description"]
    return {"type": "function", "function": function}


def _messages_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A message of the Messages API: the results of tools are messages of their own."""
    role = message["role"]
    content = message["content"]
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    texts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    messages: list[dict[str, Any]] = []
    for block in content:
        match block["type"]:
            case "text":
                texts.append({"type": "text", "text": block["text"]})
            case "tool_use":
                calls.append(_call_of(block))
            case "tool_result":
                messages.append(_result_of(block))
            case other if other not in LEFT_OUT:
                raise ValueError(f"the chat form has no block of the type {other!r}")
    if calls:
        words = "".join(part["text"] for part in texts)
        messages.append({"role": role, "content": words or None, "tool_calls": calls})
    elif texts:
        messages.append({"role": role, "content": texts})
    return messages


def _call_of(block: dict[str, Any]) -> dict[str, Any]:
    from toolkit.records import canonical

    function = {"name": block["name"], "arguments": canonical(block["input"])}
    return {"id": block["id"], "type": "function", "function": function}


def _result_of(block: dict[str, Any]) -> dict[str, Any]:
    content = block.get("content") or ""
    if not isinstance(content, str):
        content = "\n".join(part["text"] for part in content)
    return {"role": "tool", "tool_call_id": block["tool_use_id"], "content": content}


@dataclass
class Completion:
    """What has come of an answer, chunk by chunk."""

    text: str = ""
    calls: dict[Any, dict[str, Any]] = field(default_factory=dict)
    """The tool calls by their index."""
    finish_reason: Any = None
    usage: Any = None

    def add(self, chunk: dict[str, Any]) -> str:
        """Take in a `chunk`, and give the words that it brings. What cannot be read raises."""
        self.usage = chunk.get("usage") or self.usage
        words = ""
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            refusal = delta.get("refusal") or ""
            words += wire.well_formed((delta.get("content") or "") + refusal)
            for call in delta.get("tool_calls") or ():
                self._add_call(call)
            finish_reason = choice.get("finish_reason")
            if refusal:
                self.finish_reason = "content_filter"
            elif finish_reason and self.finish_reason is None:
                self.finish_reason = finish_reason
        self.text += words
        return words

    def _add_call(self, call: dict[str, Any]) -> None:
        """Take in a part of a tool call: its id and its name come once, its arguments in pieces."""
        known = self.calls.setdefault(call.get("index"), {"id": None, "name": None, "json": ""})
        function = call.get("function") or {}
        known["id"] = known["id"] or call.get("id")
        known["name"] = known["name"] or function.get("name")
        known["json"] += function.get("arguments") or ""

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
            arguments = _arguments_of(call["json"])
            content.append(
                {"type": "tool_use", "id": call["id"], "name": call["name"], "input": arguments}
            )
        stop_reason = STOP_REASONS.get(self.finish_reason, self.finish_reason)
        if stop_reason == "end_turn" and self.calls:  # some servers call every end "stop"
            stop_reason = "tool_use"
        return {"content": content, "stop_reason": stop_reason, "usage": _usage_of(self.usage)}


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
