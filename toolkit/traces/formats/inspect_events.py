"""The events of a sample of Inspect: when its messages were sent, and what is in no message."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from toolkit.traces.fields import (
    elements_of,
    object_in,
    objects_in,
    objects_of,
    stated_only,
    without,
)
from toolkit.traces.ids import Record, id_text
from toolkit.traces.usage import usage_of

REPEATED = {"input", "input_refs", "call", "call_refs", "output"}
"""The fields of a model's event that a sample's messages hold too."""
ANSWERED = {"id", "function", "arguments", "result", "error"}
"""The fields of a tool's event that the message of its result holds too."""


class Branch(NamedTuple):
    """Messages beside the main line."""

    agent: str | None
    id: str
    messages: list[Any]


class Events:
    """The events of one sample, by the messages that they are about."""

    def __init__(self, events: Any):
        self._listed = objects_of(events)
        self._replies: dict[str, Record] = {}
        """The model's events by the id of the message that it replied with."""
        self._results: dict[str, Record] = {}
        """The tools' events by the id of their call."""
        self._used: set[int] = set()
        self._start: Any = None
        """When the sample was given its input."""
        for event in self._listed:
            kind = event.get("event")
            if kind == "sample_init":
                self._start = event.get("timestamp")
            elif kind == "model":
                reply_id = _reply(event).get("id")
                _note(self._replies, reply_id, event)
            elif kind == "tool":
                _note(self._results, event.get("id"), event)

    def branches(self, messages: list[Any], pool: Any) -> Iterator["Branch"]:
        """What sub-agents said, which is in events alone: for each reply, what was not said before.

        The models that score the sample are none; where the events do not say where scoring
        begins, there is no telling, and no branch.
        """
        if not any(_is_scoring(event) for event in self._listed):
            return
        known = {id_text(message.get("id")) for message in messages if isinstance(message, dict)}
        spans: dict[str, Record] = {}
        for event in self._listed:
            if _is_scoring(event):
                return
            if event.get("event") == "span_begin":
                _note(spans, event.get("id"), event)
            if event.get("event") != "model":
                continue
            new: list[Any] = []
            for message in [*_input(event, pool), _reply(event)]:
                id_ = message.get("id")
                if not isinstance(id_, str) or id_ in known:
                    continue
                known.add(id_)
                is_user = message.get("role") == "user"
                new.append(message if is_user else self.dated(message))
            if new:
                span_id = str(event.get("span_id"))
                yield Branch(_agent(spans, span_id), span_id, new)

    def dated(self, message: Any) -> Any:
        """A message with its time, what its reply used, and how long it took."""
        if not isinstance(message, dict):
            return message
        if message.get("role") == "tool":
            return self._dated_result(message)
        if message.get("source") == "input" and self._start:
            return {**message, "timestamp": self._start}
        message_id = id_text(message.get("id")) or ""
        event = self._replies.get(message_id)
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
            about["usage"] = counts_of(usage)
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
            if id(event) not in self._used:
                others.append(event)
                continue
            repeated = REPEATED if event.get("event") == "model" else ANSWERED
            others.append(without(event, *repeated))
        return others


def counts_of(usage: Record) -> dict[str, Any]:
    """What a reply used.

    Inspect counts cached tokens beside the input: where a total is stated, that decides.
    """
    cached: Literal["beside"] | None = None if "total_tokens" in usage else "beside"
    return usage_of(usage, cached)


def _note(events: dict[str, Record], id_: Any, event: Record) -> None:
    """Keep an event by an id, where it has one."""
    if isinstance(id_, str) and id_:
        events[id_] = event


def _is_scoring(event: Record) -> bool:
    """Whether scoring begins here, as Inspect writes it today or in steps, as it did before."""
    begins_span = event.get("event") == "span_begin" and event.get("name") == "scorers"
    begins_step = event.get("event") == "step" and event.get("type") == "scorer"
    return begins_span or begins_step


def _agent(spans: Record, span_id: str) -> str | None:
    """The name of the agent around a span."""
    for _ in range(len(spans)):
        span = spans.get(span_id, {})
        if span.get("type") == "agent":
            return str(span.get("name"))
        span_id = str(span.get("parent_id"))
    return None


def _input(event: Record, pool: Any) -> list[Any]:
    """The messages that a model was given, which may stand in a pool for all events."""
    refs = elements_of(event.get("input_refs"))
    if refs:
        return objects_of(referred(pool, refs))
    return objects_in(event, "input")


def referred(pool: Any, refs: Any) -> list[Any]:
    """The messages of a pool in the ranges that `refs` states; all where it states none.

    Ranges that overlap would make more messages than there are: those stay out.
    """
    known = elements_of(pool)
    if not isinstance(refs, list):
        return known
    messages: list[Any] = []
    for ref in refs:
        match ref:
            case [int(begin), int(end)]:
                messages += known[begin:end]
        if len(messages) > len(known):
            break
    return messages[: len(known)]


def _reply(event: Record) -> Record:
    """The message that the model replied with; empty where it did not."""
    return object_in(_choice(event), "message")


def _choice(event: Record) -> Record:
    """The reply of the model in an event, with why it stopped; empty where there is none."""
    output = object_in(event, "output")
    choices = objects_in(output, "choices")
    return choices[0] if choices else {}


def _end(event: Record) -> Any:
    """When an event ended, or at least began."""
    return event.get("completed") or event.get("timestamp")
