"""OpenHands' SDK: its events, each of which names its class in ``kind``."""

from typing import Any

from toolkit.traces.ids import Record

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
ABOUT = ("source", "kind", "tool_name", "tool_call_id", "tool_call", "thought", "observation")
"""The fields of an event that become a message."""
ANSWERS = ("content", "output", "message", "text")
WHYS = ("error", "rejection_reason")


def is_event(event: Record) -> bool:
    """Whether it is an event of the SDK."""
    return event.get("kind") in KINDS


def message_of(event: Record) -> dict[str, Any] | None:
    """What an event says as a message; None where it says nothing about the task."""
    message = {name: value for name, value in event.items() if name not in ABOUT}
    kind = event["kind"]
    if kind == "MessageEvent":
        inner = message.pop("llm_message", None)
        role = "user" if event.get("source") == "user" else "assistant"
        return {"role": role, **message, **(inner if isinstance(inner, dict) else {})}
    if kind == "SystemPromptEvent":
        prompt = message.pop("system_prompt", None)
        return {**message, "role": "system", "content": [prompt]}
    if kind == "ActionEvent":
        return message | _action(event)
    if "tool_call_id" in event:
        return message | _observation(event)
    if event.get("summary"):
        summary = message.pop("summary")
        return {**message, "role": "system", "content": summary, "step_kind": "compaction"}
    if kind == "ConversationErrorEvent":
        content = message.pop("detail", None)
        return {**message, "role": "system", "content": content, "step_kind": "error"}
    return None


def _action(event: Record) -> dict[str, Any]:
    """A call, and what was said before it."""
    call = {"id": event.get("tool_call_id"), "name": event.get("tool_name")}
    written = event.get("tool_call")
    if isinstance(written, dict):
        call["arguments"] = written.get("arguments")
    if call.get("arguments") is None:
        call["arguments"] = event.get("action")
    return {"role": "assistant", "content": event.get("thought"), "tool_calls": [call]}


def _observation(event: Record) -> dict[str, Any]:
    """The result of a call, or why there is none."""
    message: dict[str, Any] = {
        "role": "tool",
        "tool_call_id": event.get("tool_call_id"),
        "name": event.get("tool_name"),
    }
    observation = event.get("observation")
    if not isinstance(observation, dict):
        message["content"] = next((event[name] for name in WHYS if event.get(name)), None)
        message["is_error"] = True
        message["error"] = None
        return message
    message["observation"] = observation
    message["is_error"] = _is_error(observation)
    for name in ANSWERS:
        if observation.get(name):
            message["content"] = observation[name]
            break
    return message


def _is_error(observation: Record) -> bool | None:
    metadata = observation.get("metadata")
    exit_code = observation.get("exit_code")
    if exit_code is None and isinstance(metadata, dict):
        exit_code = metadata.get("exit_code")
    if isinstance(exit_code, int) and exit_code > 0:
        return True
    is_error = observation.get("is_error", observation.get("error"))
    if isinstance(is_error, bool) or is_error is None:
        return is_error
    return True
