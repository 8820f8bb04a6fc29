"""Events of a span: its messages as older GenAI conventions have them, and its scores."""

from collections.abc import Iterable, Mapping
from typing import Any

from toolkit.traces.contents import messages_in
from toolkit.traces.decode import decoded
from toolkit.traces.fields import without
from toolkit.traces.formats.attributes import Attributes
from toolkit.traces.formats.scores import score
from toolkit.traces.spans import Span

DETAILS = "gen_ai.client.inference.operation.details"
"""The event that holds a call's messages instead of its span."""
EVALUATION = "gen_ai.evaluation.result"
CHOICE = "gen_ai.choice"
PROMPT = "gen_ai.content.prompt"
COMPLETION = "gen_ai.content.completion"
ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
"""The role of a message that is an event."""
ABOUT = {
    "gen_ai.system",
    "gen_ai.provider.name",
    "gen_ai.event.content",
    "event.name",
    "gen_ai.message.index",
    "message",
}
"""The fields of an event that say nothing of its message, or hold the message itself."""


def take_details(attributes: Attributes, events: list[dict[str, Any]]) -> None:
    """Put the attributes that stand in an event among those of the span."""
    for event in _taken(events, (DETAILS,)):
        attributes.rest = {**event["attributes"], **attributes.rest}


def read_events(span: Span, events: list[dict[str, Any]]) -> None:
    """Add the messages in the events of a span; the events that are read are taken out."""
    for event in _taken(events, ROLES):
        role = ROLES[event["name"]]
        span.input.append(_message(event["attributes"], role))
    for event in _taken(events, (CHOICE,)):
        span.output.append(_message(event["attributes"], "assistant"))
    for event in _taken(events, (PROMPT,)):
        written = event["attributes"].get("gen_ai.prompt")
        prompt = messages_in(written, "user")
        span.input += prompt.messages
    for event in _taken(events, (COMPLETION,)):
        written = event["attributes"].get("gen_ai.completion")
        completion = messages_in(written, "assistant")
        span.output += completion.messages


def _taken(events: list[dict[str, Any]], names: Iterable[str]) -> list[dict[str, Any]]:
    """The events of these names, in their order; they leave the list."""
    wanted = set(names)
    taken: list[dict[str, Any]] = []
    left: list[dict[str, Any]] = []
    for event in events:
        name = str(event.get("name"))
        if name in wanted:
            taken.append(event)
        else:
            left.append(event)
    events[:] = left
    return taken


def _message(fields: Mapping[str, Any], role: str) -> dict[str, Any]:
    """The message of an event: among its fields, in one of them, or as the text of one."""
    message = without(fields, *ABOUT)
    body = decoded(fields.get("gen_ai.event.content"))
    if isinstance(body, dict):
        message |= body
    inner = decoded(message.pop("message", fields.get("message")))
    if isinstance(inner, dict):
        message |= inner
    elif inner is not None:
        message["content"] = inner
    if "tool_calls" in message:
        message["tool_calls"] = decoded(message["tool_calls"])
    own_role = message.get("role")
    message["role"] = str(own_role or role)
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
