"""OpenInference: the attributes of Phoenix (``llm.input_messages.0.message.role``)."""

from typing import Any

from toolkit.traces.contents import decoded, messages_in, result_of
from toolkit.traces.formats.attributes import Attributes, listed
from toolkit.traces.spans import Kind, Span

KINDS: dict[str, Kind] = {
    "LLM": "model",
    "TOOL": "tool",
    "RETRIEVER": "tool",
    "AGENT": "agent",
}
"""The kind of a span; those of other kinds hold other spans, and are no steps."""


def read_openinference(span: Span, attributes: Attributes) -> None:
    """Fill `span` with what the attributes say; those that are read are taken out."""
    kind = str(attributes.rest.get("openinference.span.kind", "")).upper()
    has_messages = any(name.startswith("llm.input_messages") for name in attributes.rest)
    if not kind and not has_messages and "input.value" not in attributes.rest:
        return
    if kind in KINDS:
        attributes.rest.pop("openinference.span.kind")
        span.kind = KINDS[kind]
    elif has_messages and span.kind == "other":
        span.kind = "model"
    if span.kind == "agent":
        span.agent = span.agent or attributes.text("agent.name", "graph.node.id") or span.name
    if span.kind == "tool":
        _read_tool(span, attributes)
    else:
        _read_messages(span, attributes)
    if span.kind == "model":
        span.model = attributes.text("llm.model_name") or span.model
        span.usage |= attributes.take_usage("llm.token_count.", "llm.cost.")


def _read_tool(span: Span, attributes: Attributes) -> None:
    span.rename(attributes.text("tool.name", "tool_call.function.name") or span.name)
    given = ("input.value", "tool.parameters", "tool_call.function.arguments")
    span.arguments = decoded(attributes.take(*given))
    documents = attributes.take("retrieval.documents")
    result = result_of(attributes.take("output.value"))
    span.result = result.value if result.value is not None else documents
    span.call_id = attributes.text("tool_call.id", "tool.id") or result.call_id
    if result.beside is not None:
        span.beside["output"] = result.beside
    if documents is not None and result.value is not None:
        span.beside["documents"] = documents


def _read_messages(span: Span, attributes: Attributes) -> None:
    """The messages; where there are none, the value that the span was given and gave."""
    for written in listed(attributes.take("llm.input_messages", "llm.prompts")):
        span.input += _message(written, "user")
    for written in listed(attributes.take("llm.output_messages", "llm.choices")):
        span.output += _message(written, "assistant")
    for name, messages, role in (
        ("input.value", span.input, "user"),
        ("output.value", span.output, "assistant"),
    ):
        value = attributes.rest.get(name)
        if value is None:
            continue
        del attributes.rest[name]
        span.raw[name] = value
        content = messages_in(value, role)
        if messages:
            span.beside[name] = _unsaid(value, messages)
        else:
            messages += content.messages
            span.beside[name] = content.beside
    span.beside = {name: value for name, value in span.beside.items() if value is not None}


def _unsaid(value: Any, messages: list[Any]) -> Any:
    """The value again, unless it is only the words of the messages."""
    said = [message.get("content") for message in messages if isinstance(message, dict)]
    return None if value in said else value


def _message(written: Any, role: str) -> list[Any]:
    """A message without the prefixes that each of its fields has."""
    if not isinstance(written, dict):
        return messages_in(written, role).messages
    fields = written.get("message", written.get("prompt", written.get("completion", written)))
    if not isinstance(fields, dict):
        return messages_in(fields, role).messages
    fields = _plain(fields, "message.")
    message = {"role": role, **{k: v for k, v in fields.items() if v not in (None, [], {})}}
    contents = message.pop("contents", None)
    if isinstance(contents, list):
        message["content"] = [_part(part) for part in contents]
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        message["tool_calls"] = [_call(call) for call in calls]
    old_name = message.pop("function_call_name", None)
    old_arguments = message.pop("function_call_arguments_json", None)
    if old_name:
        message["function_call"] = {"name": old_name, "arguments": old_arguments}
    if "text" in message and "content" not in message:
        message["content"] = message.pop("text")
    return [message]


def _plain(fields: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Fields without a prefix that stands in their names or around them."""
    inner = fields.get(prefix.removesuffix("."))
    if isinstance(inner, dict) and len(fields) == 1:
        fields = inner
    return {name.removeprefix(prefix): value for name, value in fields.items()}


def _part(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    fields = _plain(part, "message_content.")
    if fields.get("type") == "reasoning":
        return {"type": "thinking", "thinking": fields.get("text", fields.get("reasoning"))}
    image = fields.get("image")
    if isinstance(image, dict):
        image = image.get("image", image)
        url = image.get("url") if isinstance(image, dict) else image
        return {"type": "image_url", "image_url": {"url": url}}
    return fields


def _call(call: Any) -> Any:
    if not isinstance(call, dict):
        return call
    fields = _plain(call, "tool_call.")
    function = fields.get("function")
    if not isinstance(function, dict):
        name = fields.pop("function.name", None)
        function = {"name": name, "arguments": fields.pop("function.arguments", None)}
    return {**fields, "type": "function", "function": function}
