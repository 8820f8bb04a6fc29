"""OpenHands' SDK: its events, each of which names its class in ``kind``."""

from typing import Any

from toolkit.traces.fields import object_in, without
from toolkit.traces.ids import Record

Fields = dict[str, Any]
KINDS = {
    "MessageEvent",
    "SystemPromptEvent",
    "ActionEvent",
    "ObservationEvent",
    "AgentErrorEvent",
    "UserRejectObservation",
    "Condensation",
    "CondensationSummaryEvent",
    "CondensationRequest",
    "ConversationErrorEvent",
    "ConversationStateUpdateEvent",
    "PauseEvent",
}
ABOUT = (
    "source",
    "kind",
    "tool_name",
    "tool_call_id",
    "tool_call",
    "thought",
    "observation",
    "llm_message",
    "system_prompt",
    "summary",
    "detail",
    "error",
    "rejection_reason",
)
"""The fields of an event that become a message."""
ANSWERS = ("content", "output", "message", "text")
WHYS = ("error", "rejection_reason")
PLAIN = {
    "SystemPromptEvent": ("system_prompt", "message"),
    "Condensation": ("summary", "compaction"),
    "CondensationSummaryEvent": ("summary", "compaction"),
    "ConversationErrorEvent": ("detail", "error"),
}
"""The events of words alone: the field with them, and the kind of the step."""


def is_event(event: Record) -> bool:
    """Whether it is an event of the SDK."""
    return str(event.get("kind")) in KINDS


def message_of(event: Record) -> Fields | None:
    """What an event says as a message; None where it says nothing about the task."""
    kind = event["kind"]
    message = without(event, *ABOUT)
    if kind == "MessageEvent":
        message["role"] = "user" if event.get("source") == "user" else "assistant"
        return message | object_in(event, "llm_message")
    if kind == "ActionEvent":
        return message | _action(event)
    if "tool_call_id" in event:
        return message | _observation(event)
    field, step_kind = PLAIN.get(kind, ("", ""))
    words = event.get(field)
    if not words:
        return None
    message["role"] = "system"
    message["content"] = [words]
    message["step_kind"] = step_kind
    return message


def _action(event: Record) -> Fields:
    """A call, and what was said before it."""
    arguments = object_in(event, "tool_call").get("arguments")
    if arguments is None:
        arguments = event.get("action")
    call = {
        "id": event.get("tool_call_id"),
        "name": event.get("tool_name"),
        "arguments": arguments,
    }
    return {"role": "assistant", "content": event.get("thought"), "tool_calls": [call]}


def _observation(event: Record) -> Fields:
    """The result of a call, or why there is none."""
    observation = object_in(event, "observation")
    message: Fields = {
        "role": "tool",
        "tool_call_id": event.get("tool_call_id"),
        "name": event.get("tool_name"),
    }
    if observation:
        message["observation"] = observation
        message["content"] = _first_of(observation, ANSWERS)
        message["is_error"] = _is_error(observation)
    else:
        message["content"] = _first_of(event, WHYS)
        message["is_error"] = True
    return message


def _first_of(record: Record, names: tuple[str, ...]) -> Any:
    """The first of the fields that says something."""
    for name in names:
        if record.get(name):
            return record[name]
    return None


def _is_error(observation: Record) -> bool | None:
    """Whether a call failed, as its observation says; None where it does not."""
    exit_code = observation.get("exit_code")
    if exit_code is None:
        exit_code = object_in(observation, "metadata").get("exit_code")
    if isinstance(exit_code, int) and exit_code > 0:
        return True
    stated = observation.get("is_error", observation.get("error"))
    if isinstance(stated, bool) or stated is None:
        return stated
    return True
