"""OpenTelemetry's GenAI conventions: what the attributes of a span say.

OpenLLMetry writes the same under numbered names, and Vercel's AI SDK under names of its own; both
are in the tables.
"""

from typing import Any

from toolkit.traces.contents import messages_in
from toolkit.traces.decode import decoded
from toolkit.traces.fields import objects_of
from toolkit.traces.formats.attributes import Attributes, listed
from toolkit.traces.formats.genai_events import read_events, take_details
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
"""The kind of span of an operation, in lower case."""
OPERATIONS = (
    "gen_ai.operation.name",
    "ai.operationId",
    "traceloop.span.kind",
    "llm.request.type",
)
INPUTS = (
    "gen_ai.input.messages",
    "gen_ai.prompt",
    "ai.prompt.messages",
)
CONVERSATIONS = (
    "pydantic_ai.all_messages",
    "all_messages_events",
)
"""The attributes in which Pydantic AI writes down the conversation of an agent's run."""
OUTPUTS = (
    "gen_ai.output.messages",
    "gen_ai.completion",
)
TOOL_NAMES = (
    "gen_ai.tool.name",
    "ai.toolCall.name",
    "traceloop.entity.name",
)
AGENT_NAMES = (
    "gen_ai.agent.name",
    "agent_name",
)
CALL_IDS = (
    "gen_ai.tool.call.id",
    "ai.toolCall.id",
)
ARGUMENTS = (
    "gen_ai.tool.call.arguments",
    "ai.toolCall.args",
    "tool_arguments",
    "traceloop.entity.input",
)
RESULTS = (
    "gen_ai.tool.call.result",
    "ai.toolCall.result",
    "tool_response",
    "traceloop.entity.output",
)
USAGES = (
    "gen_ai.usage.",
    "llm.usage.",
    "ai.usage.",
)
"""How the names of counts begin."""
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"


def read_genai(span: Span, attributes: Attributes, events: list[dict[str, Any]]) -> None:
    """Fill `span` with what the attributes and events say; those that are read are taken out."""
    take_details(attributes, events)
    events += _events_in(attributes)
    if span.kind == "other":
        span.kind = _kind(attributes)
    span.agent = span.agent or attributes.text(*AGENT_NAMES)
    if span.kind == "agent" and span.agent is None:
        span.agent = attributes.text("traceloop.entity.name") or span.name
    if span.kind == "tool":
        _read_tool(span, attributes)
        return
    _read_messages(span, attributes)
    read_events(span, events)
    if span.kind == "model":
        _read_model(span, attributes)


def _kind(attributes: Attributes) -> Kind:
    """The kind of a span by its operation; without one, by the names that it has."""
    stated = False
    for name in OPERATIONS:
        operation = attributes.rest.get(name)
        if not isinstance(operation, str):
            continue
        stated = True
        kind = KINDS.get(operation.lower())
        if kind is not None:
            return kind
    if stated:
        return "other"
    if REQUEST_MODEL in attributes.rest:
        return "model"
    if TOOL_NAMES[0] in attributes.rest:
        return "tool"
    if any(name in attributes.rest for name in (*CONVERSATIONS, *AGENT_NAMES)):
        return "agent"
    return "other"


def _events_in(attributes: Attributes) -> list[dict[str, Any]]:
    """The events that Pydantic AI writes into an attribute of the span."""
    written = decoded(attributes.rest.get("events"))
    events = [event for event in objects_of(written) if "event.name" in event]
    if events:
        del attributes.rest["events"]
    return [{"name": event["event.name"], "attributes": event} for event in events]


def _read_tool(span: Span, attributes: Attributes) -> None:
    name = attributes.text(*TOOL_NAMES)
    span.rename(name or span.name.removeprefix("execute_tool "))
    span.call_id = attributes.text(*CALL_IDS) or span.call_id
    arguments = attributes.take(*ARGUMENTS)
    if arguments is not None:
        span.arguments = decoded(arguments)
    result = attributes.take(*RESULTS)
    if result is not None:
        span.result = decoded(result)


def _read_model(span: Span, attributes: Attributes) -> None:
    """The model, of which the one that answered counts, and what the call used."""
    answered = span.model or attributes.text(RESPONSE_MODEL)
    asked = attributes.rest.get(REQUEST_MODEL)
    if answered is None or asked == answered:
        answered = attributes.text(REQUEST_MODEL) or answered
    span.model = answered
    span.usage |= attributes.take_usage(*USAGES)


def _read_messages(span: Span, attributes: Attributes) -> None:
    for part in listed(attributes.take("gen_ai.system_instructions")):
        words = part.get("content", part) if isinstance(part, dict) else part
        prompt = messages_in(words, "system")
        span.input += prompt.messages
    given = messages_in(attributes.take(*INPUTS), "user")
    span.input += given.messages
    answered = messages_in(attributes.take(*OUTPUTS), "assistant")
    span.output += answered.messages
    _read_ai_sdk(span, attributes)
    _read_conversation(span, attributes)


def _read_conversation(span: Span, attributes: Attributes) -> None:
    """The messages of a whole run of an agent, of which the last is its answer."""
    messages = messages_in(attributes.take(*CONVERSATIONS), "user").messages
    if not messages or span.has_words():
        return
    span.input += messages
    if messages[-1].get("role") == "assistant":
        span.output.append(span.input.pop())


def _read_ai_sdk(span: Span, attributes: Attributes) -> None:
    """The answer as Vercel's AI SDK writes it: words and calls apart."""
    content: list[Any] = []
    words = attributes.text("ai.response.text", "ai.response.object")
    if words:
        content.append({"type": "text", "text": words})
    calls = listed(attributes.take("ai.response.toolCalls"))
    content += [{**call, "type": "tool-call"} for call in calls if isinstance(call, dict)]
    if content and not span.output:
        span.output.append({"role": "assistant", "content": content})
