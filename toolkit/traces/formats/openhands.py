"""OpenHands: the events of a conversation, alone or in the history of a record.

In the versions before the SDK an event is an action or an observation, which names the action that
it answers as its cause. The events of the SDK are read in `openhands_sdk`.
"""

from collections.abc import Iterator
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import object_in, without
from toolkit.traces.formats import openhands_sdk
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace
from toolkit.traces.usage import number_of, usage_of

Fields = dict[str, Any]
LISTS = ("history", "trajectory", "events")
"""Where the events of a record stand."""
SILENT = ("null", "agent_state_changed", "change_agent_state", "condensation_request")
"""Events that say something about the program and nothing about the task."""
WORDS = {
    "message": "content",
    "system": "content",
    "finish": "final_thought",
    "reject": "thought",
    "think": "thought",
    "condensation": "summary",
    "recall": "query",
}
"""The actions that are words and no call, and the argument with the words."""
KINDS = {"think": "thinking", "condensation": "compaction", "condense": "compaction"}
"""The kinds of steps, where they are not called as the action or the observation is."""
MESSAGES = ("message", "system", "finish", "reject")


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    calls: dict[str, str] = {}
    replies: set[str] = set()
    silent: list[Record] = []
    meta = without(record, "records", *LISTS)
    for event in _events(record):
        meta |= _totals(event)
        if openhands_sdk.is_event(event):
            message = openhands_sdk.message_of(event)
        else:
            message = _message_of(event, calls)
            if message is not None:
                message |= _reply(event, replies)
        if message is None:
            silent.append(event)
        else:
            transcript.read(message, kind=message.pop("step_kind", "message"))
    if not transcript.steps:
        raise RecordError("none of its events says anything")
    if silent:
        meta["other_events"] = silent
    return transcript.trace(id_, meta)


def _events(record: Record) -> Iterator[Record]:
    """The events, in their order; old histories hold pairs of an action and its observation."""
    events = record.get("records") or _listed(record)
    for event in events:
        pair = event if isinstance(event, list) else [event]
        for inner in pair:
            if isinstance(inner, dict):
                yield inner


def _listed(record: Record) -> list[Any]:
    for name in LISTS:
        events = record.get(name)
        if isinstance(events, list):
            return events
    return []


def _message_of(event: Record, calls: dict[str, str]) -> Fields | None:
    """What an event says as a message; None where it says nothing about the task.

    Parameters
    ----------
    event
        An action or an observation.
    calls
        The id of the call that each action made, by the id of its event: the actions add theirs.
    """
    if event.get("action") in SILENT:
        return None
    if event.get("observation") in SILENT:
        return None
    message = dict(event)
    for name in ("source", "message", "action", "observation", "cause", "args"):
        message.pop(name, None)
    if "action" in event:
        return message | _action(event, calls)
    return message | _observation(event, calls)


def _action(event: Record, calls: dict[str, str]) -> Fields:
    """The words or the call of an action."""
    name = str(event.get("action"))
    arguments = dict(object_in(event, "args"))
    role = "user" if event.get("source") == "user" else "assistant"
    message: Fields = {"role": role}
    if name in WORDS:
        words = arguments.pop(WORDS[name], None) or arguments.pop("thought", None)
        message["content"] = _with_pictures(words or event.get("message"), arguments)
        message["arguments"] = arguments or None
        message["action"] = name
        message["step_kind"] = "message" if name in MESSAGES else KINDS.get(name, name)
        if name in ("system", "recall"):
            message["role"] = "system"
        return message
    call_id = _call_id(event)
    calls[str(event.get("id"))] = call_id
    message["reasoning_content"] = arguments.pop("thought", None)
    message["tool_calls"] = [{"id": call_id, "name": name, "arguments": arguments}]
    return message


def _observation(event: Record, calls: dict[str, str]) -> Fields:
    """The result of a call; a note of the program where it answers none."""
    name = str(event.get("observation"))
    call_id = calls.get(str(event.get("cause")))
    if call_id is None:
        return {"role": "system", "step_kind": KINDS.get(name, name)}
    return {"role": "tool", "tool_call_id": call_id, "is_error": _is_error(event)}


def _is_error(event: Record) -> bool | None:
    """Whether a call failed, as the observation or its exit code says."""
    if event.get("observation") == "error":
        return True
    extras = object_in(event, "extras")
    metadata = object_in(extras, "metadata")
    for place in (metadata, extras):
        exit_code = place.get("exit_code")
        if isinstance(exit_code, int):
            return exit_code != 0
    success = event.get("success")
    return not success if isinstance(success, bool) else None


def _call_id(event: Record) -> str:
    stated = first_id(object_in(event, "tool_call_metadata"), "tool_call_id")
    return stated or f"event-{event.get('id')}"


def _with_pictures(words: Any, arguments: Fields) -> Any:
    """The content of a message: its words, and the pictures that its action names."""
    urls = arguments.pop("image_urls", None)
    if not isinstance(urls, list) or not urls:
        return words
    pictures = [{"type": "image_url", "image_url": url} for url in urls]
    return [{"type": "text", "text": words}, *pictures]


def _reply(event: Record, replies: set[str]) -> Fields:
    """The model and the usage of the reply that made an action.

    Several actions of one reply each repeat its usage: the ids of the `replies` so far are noted.
    """
    reply = object_in(object_in(event, "tool_call_metadata"), "model_response")
    if "action" not in event or not reply:
        return {}
    reply_id = str(reply.get("id"))
    if reply_id in replies:
        return {}
    replies.add(reply_id)
    return {"model": reply.get("model"), "usage": reply.get("usage")}


def _totals(event: Record) -> Fields:
    """The cost and the tokens up to an event."""
    metrics = object_in(event, "llm_metrics")
    usage = object_in(metrics, "accumulated_token_usage")
    totals = usage_of(usage, "inside")
    cost = number_of(metrics.get("accumulated_cost"))
    if cost is not None:
        totals["cost_usd"] = cost
    return totals


def _is_event(event: Any) -> bool:
    """Whether it is an event of any version; old histories hold pairs."""
    if isinstance(event, list) and event:
        event = event[0]
    if not isinstance(event, dict):
        return False
    if openhands_sdk.is_event(event):
        return True
    has_cause = "observation" in event and ("cause" in event or "extras" in event)
    has_args = "action" in event and isinstance(event.get("args"), dict)
    return "source" in event and (has_cause or has_args)


def _has_events(record: Record) -> bool:
    return any(map(_is_event, _listed(record)[:3]))


def _together(_event: Record) -> None:
    """No id: the records of a file that name no trace are one together."""


def _id(record: Record) -> str | None:
    return first_id(record, "instance_id", "conversation_id", "session_id")


CONVERTED = ("source", "message", "action", "observation", "cause", "success")
IN_LISTS = frozenset(f"{holder}.{name}" for holder in LISTS for name in CONVERTED)
FORMAT = Format("openhands", LISTS, _read, _has_events, record_id=_id, converted=IN_LISTS)
EVENTS = Format(
    "openhands-events",
    ("action", "observation", "kind"),
    _read,
    _is_event,
    record_id=_id,
    group=_together,
    converted=frozenset(CONVERTED),
)
