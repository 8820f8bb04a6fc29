"""The events of a sample of Inspect: when its messages were sent, and what is in no message."""

from typing import Any

from toolkit.traces.formats.scores import stated_only
from toolkit.traces.formats.vendor import object_in, objects_in
from toolkit.traces.ids import Record
from toolkit.traces.usage import usage_of

REPEATED = {"input", "input_refs", "call", "call_refs", "output"}
"""The fields of a model's event that a sample's messages hold too."""
ANSWERED = {"id", "function", "arguments", "result", "error"}
"""The fields of a tool's event that the message of its result holds too."""


class Events:
    """The events of one sample, by the messages that they are about."""

    def __init__(self, events: Any):
        self._listed = objects_in({"events": events}, "events")
        self._replies: dict[str, Record] = {}
        """The model's events by the id of the message that it replied with."""
        self._results: dict[str, Record] = {}
        """The tools' events by the id of their call."""
        self._used: set[int] = set()
        self._start: Any = None
        """When the sample was given its input."""
        for event in self._listed:
            if event.get("event") == "sample_init":
                self._start = event.get("timestamp")
            elif event.get("event") == "model":
                self._replies[str(object_in(_choice(event), "message").get("id"))] = event
            elif event.get("event") == "tool":
                self._results[str(event.get("id"))] = event

    def dated(self, message: Any) -> Any:
        """A message with its time, what its reply used, and how long it took."""
        if not isinstance(message, dict):
            return message
        if message.get("role") == "tool":
            return self._dated_result(message)
        if message.get("source") == "input" and self._start:
            return {**message, "timestamp": self._start}
        event = self._replies.get(str(message.get("id")))
        if not event or message.get("role") != "assistant":
            return message
        self._used.add(id(event))
        output = event["output"]
        about: dict[str, Any] = {
            "timestamp": _end(event),
            "duration_s": output.get("time"),
            "stop_reason": _choice(event).get("stop_reason"),
        }
        usage = output.get("usage")
        if isinstance(usage, dict):
            about["usage"] = usage_of(usage, None if "total_tokens" in usage else "beside")
        return {**message, **stated_only(about)}

    def _dated_result(self, message: Record) -> Record:
        """The message of a result; one without an error went well."""
        about: dict[str, Any] = {"is_error": bool(message.get("error"))}
        event = self._results.get(str(message.get("tool_call_id")))
        if event:
            self._used.add(id(event))
            about["timestamp"] = _end(event)
            about["duration_s"] = event.get("working_time")
        return {**message, **stated_only(about)}

    @property
    def others(self) -> list[Record]:
        """The events without what the messages say: a reply to nobody in them is whole."""
        others: list[Record] = []
        for event in self._listed:
            repeated: set[str] = set()
            if id(event) in self._used:
                repeated = REPEATED if event.get("event") == "model" else ANSWERED
            others.append({name: value for name, value in event.items() if name not in repeated})
        return others


def _choice(event: Record) -> Record:
    """The reply of the model in an event, with why it stopped; empty where there is none."""
    choices = objects_in(object_in(event, "output"), "choices")
    return choices[0] if choices else {}


def _end(event: Record) -> Any:
    """When an event ended, or at least began."""
    return event.get("completed") or event.get("timestamp")
