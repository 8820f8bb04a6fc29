"""OpenTelemetry's GenAI conventions, new and old, and what OpenLLMetry and the AI SDK add."""

from collections.abc import Iterable, Mapping
from typing import Any

from toolkit.traces.contents import decoded, messages_in
from toolkit.traces.formats.attributes import Attributes, listed
from toolkit.traces.formats.scores import score
from toolkit.traces.spans import Kind, Span

KINDS: dict[str, Kind] = {
    "chat": "model",
    "generate_content": "model",
    "text_completion": "model",
    "completion": "model",
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "create_agent": "agent",
    "agent": "agent",
    "tool": "tool",
    "ai.toolcall": "tool",
    "ai.generatetext.dogenerate": "model",
    "ai.streamtext.dostream": "model",
    "ai.generateobject.dogenerate": "model",
    "ai.streamobject.dostream": "model",
}
"""The kind of span of an operation."""
OPERATIONS = (
    *("gen_ai.operation.name", "ai.operationId", "traceloop.span.kind", "llm.request.type"),
)
INPUTS = ("gen_ai.input.messages", "gen_ai.prompt", "ai.prompt.messages")
OUTPUTS = ("gen_ai.output.messages", "gen_ai.completion")
ARGUMENTS = ("gen_ai.tool.call.arguments", "ai.toolCall.args", "traceloop.entity.input")
RESULTS = ("gen_ai.tool.call.result", "ai.toolCall.result", "traceloop.entity.output")
DETAILS = "gen_ai.client.inference.operation.details"
"""The event that holds a call's messages instead of its span."""
EVALUATION = "gen_ai.evaluation.result"
OLD_EVENT_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}


def read_genai(span: Span, attributes: Attributes, events: list[dict[str, Any]]) -> None:
    """Fill `span` with what the attributes and events say; those that are read are taken out."""
    for event in _taken(events, (DETAILS,)):
        attributes.rest = {**event.get("attributes", {}), **attributes.rest}
    for name in OPERATIONS:
        operation = attributes.rest.get(name)
        if isinstance(operation, str) and operation.lower() in KINDS:
            span.kind = KINDS[operation.lower()]
            break
    names_model = "gen_ai.request.model" in attributes.rest
    if span.kind == "other" and names_model and "gen_ai.operation.name" not in attributes.rest:
        span.kind = "model"
    span.agent = span.agent or attributes.text("gen_ai.agent.name")
    if span.kind == "agent" and span.agent is None:
        span.agent = attributes.text("traceloop.entity.name") or span.name
    if span.kind == "tool":
        _read_tool(span, attributes)
        return
    _read_messages(span, attributes, events)
    if span.kind == "model":
        span.model = span.model or attributes.text("gen_ai.response.model")
        request_model = attributes.rest.get("gen_ai.request.model")
        if span.model is None or request_model == span.model:
            span.model = attributes.text("gen_ai.request.model") or span.model
        span.usage |= attributes.take_usage("gen_ai.usage.", "llm.usage.", "ai.usage.")


def _read_tool(span: Span, attributes: Attributes) -> None:
    name = attributes.text("gen_ai.tool.name", "ai.toolCall.name", "traceloop.entity.name")
    span.rename(name or span.name.removeprefix("execute_tool "))
    call_id = attributes.text("gen_ai.tool.call.id", "ai.toolCall.id")
    span.call_id = call_id or span.call_id
    arguments = attributes.take(*ARGUMENTS)
    if arguments is not None:
        span.arguments = decoded(arguments)
    result = attributes.take(*RESULTS)
    if result is not None:
        span.result = decoded(result)


def _read_messages(span: Span, attributes: Attributes, events: list[dict[str, Any]]) -> None:
    for part in listed(attributes.take("gen_ai.system_instructions")):
        words = part.get("content", part) if isinstance(part, dict) else part
        span.input += messages_in(words, "system").messages
    span.input += messages_in(attributes.take(*INPUTS), "user").messages
    span.output += messages_in(attributes.take(*OUTPUTS), "assistant").messages
    _read_ai_sdk(span, attributes)
    for event in _taken(events, tuple(OLD_EVENT_ROLES)):
        span.input.append(_old_message(event["attributes"], OLD_EVENT_ROLES[event["name"]]))
    for event in _taken(events, ("gen_ai.choice",)):
        span.output.append(_old_message(event["attributes"], "assistant"))
    for event in _taken(events, ("gen_ai.content.prompt",)):
        span.input += messages_in(event["attributes"].get("gen_ai.prompt"), "user").messages
    for event in _taken(events, ("gen_ai.content.completion",)):
        words = event["attributes"].get("gen_ai.completion")
        span.output += messages_in(words, "assistant").messages


def _read_ai_sdk(span: Span, attributes: Attributes) -> None:
    """The answer as Vercel's AI SDK writes it: words and calls apart."""
    words = attributes.text("ai.response.text", "ai.response.object")
    calls: list[Any] = []
    for call in listed(attributes.take("ai.response.toolCalls")):
        if isinstance(call, dict):
            arguments = decoded(call.get("args", call.get("input")))
            name = call.get("toolName")
            block = {"type": "tool_use", "id": call.get("toolCallId"), "name": name}
            calls.append({**block, "input": arguments})
    if span.output or not (words or calls):
        return
    content = [{"type": "text", "text": words}] if words else []
    span.output.append({"role": "assistant", "content": [*content, *calls]})


def _taken(events: list[dict[str, Any]], names: Iterable[str]) -> list[dict[str, Any]]:
    """The events of these names, in their order; they leave the list."""
    taken = [event for event in events if str(event.get("name")) in names]
    events[:] = [event for event in events if str(event.get("name")) not in names]
    return taken


def _old_message(fields: Mapping[str, Any], role: str) -> dict[str, Any]:
    """The message of an event, as the conventions had it before messages were attributes."""
    body = decoded(fields.get("gen_ai.event.content"))
    stated = {**fields, **body} if isinstance(body, dict) else dict(fields)
    inner = decoded(stated.get("message"))
    if isinstance(inner, dict):
        stated |= inner
        del stated["message"]
    elif isinstance(inner, str):
        stated["content"] = stated.pop("message")
    message = {
        name: decoded(value) if name == "tool_calls" else value for name, value in stated.items()
    }
    for name in ("gen_ai.system", "gen_ai.event.content", "gen_ai.provider.name", "event.name"):
        message.pop(name, None)
    message["role"] = str(message.get("role") or role)
    if role == "tool" and "id" in message:
        message["tool_call_id"] = message.pop("id")
    return message


def scores_of(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The scores in a span's events, as a trace's meta has them."""
    scores: list[dict[str, Any]] = []
    for event in _taken(events, (EVALUATION,)):
        fields = Attributes(event["attributes"])
        name = fields.take("gen_ai.evaluation.name")
        value = fields.take("gen_ai.evaluation.score.value")
        label = fields.take("gen_ai.evaluation.score.label")
        comment = fields.take("gen_ai.evaluation.explanation")
        more = fields.rest
        if value is None:
            value = label
        elif label is not None:
            more["label"] = label
        scores.append(score(name, value, None, comment, None, more))
    return scores
