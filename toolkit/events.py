"""Event: one entry of a session's log, and the kinds that the rooms agree on.

>>> event = new_event("demo", "text.delta", "agent", {"text": "Hel"}, run="r1")
>>> decode_event(encode(event)) == event
True
"""

import time as clock
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Literal

from toolkit.records import RecordError, decode, encode

__all__ = ["CONTROL_KINDS", "KINDS", "Event", "Outcome", "RecordError"]
__all__ += ["decode_event", "encode", "fresh_id", "new_event"]

Outcome = Literal["complete", "cancelled", "error", "orphaned"]
"""How a run ended."""

CONTROL_KINDS = frozenset({"cancel", "steer", "interrupt", "approve"})
"""Signals from a surface to an agent. They travel on the log, on a subject of their own."""

KINDS = CONTROL_KINDS | {
    "message",  # somebody said something whole: data.text
    "run.started",  # data.source: live | tape | simulated
    "run.adopted",  # another agent goes on with it: the writer before is fenced out
    "run.suspended",
    "run.resumed",
    "run.finished",  # data.outcome: an Outcome
    "text.delta",  # a run's words so far grow by data.text
    "text.snapshot",  # data.text: the run's whole text so far, which replaces what the reader has
    "text.done",  # data.chars and data.sha256 of the run's whole text
    "tool.call",  # data.call_id, data.name, data.arguments
    "tool.result",  # data.call_id, data.content, data.error
    "model.usage",  # data.usage, data.cost_usd, data.model: what a reply cost
    "run.rolled_back",  # what the run put out no longer counts
    "step.started",  # data.step, data.attempt: a new attempt replaces what the one before put out
    "steer.consumed",  # data.event: the steer that the agent has taken into account
    "approval.asked",  # data.question, data.timeout_s
    "approval.settled",  # data.request, data.answer: True, False, or None at the deadline
    "message.rejected",  # data.event, data.why: a message that the agent will not answer
    "lease.renewed",  # data.ttl_s: the run's agent is alive
    "joined",  # a surface is here
    "left",
}
"""Kinds with a meaning in the library. `Event.kind` is open: others are kept and passed on."""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a session's log."""

    session: str
    """The session that it belongs to."""
    kind: str
    """What happened: one of `KINDS`, or any other word."""
    actor: str
    """Who did it: a person, an agent, a surface."""
    data: dict[str, Any]
    """What the kind needs, as JSON."""
    id: str
    """Unique; a second event with the same id is the same event, and is stored once."""
    run: str | None = None
    """The run that it is part of or about."""
    time: float | None = None
    """Seconds since 1970 UTC, by the writer's clock. Order comes from `seq`, never from here."""
    seq: int | None = None
    """Its place in the log, given by the log: the cursor for `read(after=seq)`."""


def fresh_id() -> str:
    """An id that nobody chose: 32 random hex digits."""
    return token_hex(16)


def new_event(session: str, kind: str, actor: str, data: dict[str, Any], run: str | None = None) -> Event:
    """Make an event that happens now, with a fresh id and no place in a log yet."""
    return Event(session, kind, actor, data, fresh_id(), run, clock.time())


def decode_event(text: str | bytes, file: str | None = None, line: int | None = None) -> Event:
    """Read one event from JSON. Raises `RecordError` that names file, line and field."""
    return decode(Event, text, file, line)
