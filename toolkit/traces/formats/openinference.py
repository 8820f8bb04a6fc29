"""OpenInference: the attributes of Phoenix (``llm.input_messages.0.message.role``)."""

from typing import Any

from toolkit.traces.contents import messages_in, result_of
from toolkit.traces.decode import decoded
from toolkit.traces.fields import NOTHING
from toolkit.traces.formats.attributes import Attributes, listed
from toolkit.traces.spans import Kind, Span

KIND = "openinference.span.kind"
KINDS: dict[str, Kind] = {
    "LLM": "model",
    "TOOL": "tool",
    "RETRIEVER": "tool",
    "AGENT": "agent",
}
"""The kind of a span; those of other kinds hold other spans, and are no steps."""
INPUTS = (
    "llm.input_messages",
    "llm.prompts",
)
OUTPUTS = (
    "llm.output_messages",
    "llm.choices",
)
AGENT_NAMES = (
    "agent.name",
    "graph.node.id",
)
TOOL_NAMES = (
    "tool.name",
    "tool_call.function.name",
)
CALL_IDS = (
    "tool_call.id",
    "tool.id",
)
ARGUMENTS = (
    "input.value",
    "tool.parameters",
    "tool_call.function.arguments",
)
USAGES = (
    "llm.token_count.",
    "llm.cost.",
)
"""How the names of counts begin."""
COATS = (
    "message",
    "prompt",
    "completion",
)
"""The objects that a message may stand in."""


def read_openinference(span: Span, attributes: Attributes) -> None:
    """Fill `span` with what the attributes say; those that are read are taken out."""
    kind = str(attributes.rest.get(KIND, "")).upper()
    has_messages = any(name.startswith(INPUTS[0]) for name in attributes.rest)
    if not kind and not has_messages and "input.value" not in attributes.rest:
        return
    if kind in KINDS:
        span.kind = KINDS[kind]
    elif has_messages and span.kind == "other":
        span.kind = "model"
    if span.kind == "agent":
        span.agent = span.agent or attributes.text(*AGENT_NAMES) or span.name
    if span.kind == "tool":
        _read_tool(span, attributes)
        return
    _read_messages(span, attributes)
    if span.kind == "model":
        span.model = attributes.text("llm.model_name") or span.model
        span.usage |= attributes.take_usage(*USAGES)


def _read_tool(span: Span, attributes: Attributes) -> None:
    span.rename(attributes.text(*TOOL_NAMES) or span.name)
    span.arguments = decoded(attributes.take(*ARGUMENTS))
    documents = attributes.take("retrieval.documents")
    result = result_of(attributes.take("output.value"))
    span.result = result.value
    span.call_id = attributes.text(*CALL_IDS) or result.call_id
    if result.beside is not None:
        span.beside_messages["output"] = result.beside
    if span.result is None:
        span.result = documents
    elif documents is not None:
        span.beside_messages["documents"] = documents


def _read_messages(span: Span, attributes: Attributes) -> None:
    """The messages; where there are none, the value that the span was given and gave."""
    for written in listed(attributes.take(*INPUTS)):
        span.input += _message(written, "user")
    for written in listed(attributes.take(*OUTPUTS)):
        span.output += _message(written, "assistant")
    _read_value(span, attributes, "input.value", span.input, "user")
    _read_value(span, attributes, "output.value", span.output, "assistant")


def _read_value(
    span: Span, attributes: Attributes, name: str, messages: list[Any], role: str
) -> None:
    """The value of a span beside its messages, or in their place."""
    value = attributes.rest.pop(name, None)
    if value is None:
        return
    span.as_written[name] = value
    beside = _unsaid(value, messages)
    if not messages:
        content = messages_in(value, role)
        messages += content.messages
        beside = content.beside
    if beside is not None:
        span.beside_messages[name] = beside


def _unsaid(value: Any, messages: list[Any]) -> Any:
    """The value again, unless it is only the words of the messages."""
    spoken = [message.get("content") for message in messages if isinstance(message, dict)]
    return None if value in spoken else value


def _message(written: Any, role: str) -> list[Any]:
    """A message without the prefixes that each of its fields has."""
    fields = written
    for coat in COATS:
        if isinstance(written, dict) and coat in written:
            fields = written[coat]
            break
    if not isinstance(fields, dict):
        return messages_in(fields, role).messages
    message: dict[str, Any] = {"role": role}
    for name, value in fields.items():
        if value not in NOTHING:
            message[name.removeprefix("message.")] = value
    _read_parts(message)
    return [message]


def _read_parts(message: dict[str, Any]) -> None:
    """Bring the parts and the calls of a message into OpenAI's spelling."""
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
    if "text" in message:
        message.setdefault("content", message.pop("text"))


def _plain(fields: dict[str, Any], coat: str) -> dict[str, Any]:
    """Fields without the name of an object that stands in their names or around them."""
    inner = fields.get(coat)
    if isinstance(inner, dict) and len(fields) == 1:
        fields = inner
    return {name.removeprefix(f"{coat}."): value for name, value in fields.items()}


def _part(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    fields = _plain(part, "message_content")
    image = fields.get("image")
    if not isinstance(image, dict):
        return fields
    image = image.get("image", image)
    url = image.get("url") if isinstance(image, dict) else image
    return {"type": "image_url", "image_url": {"url": url}}


def _call(call: Any) -> Any:
    if not isinstance(call, dict):
        return call
    fields = _plain(call, "tool_call")
    function = fields.get("function")
    if not isinstance(function, dict):
        name = fields.pop("function.name", None)
        arguments = fields.pop("function.arguments", None)
        function = {"name": name, "arguments": arguments}
    return {**fields, "type": "function", "function": function}
