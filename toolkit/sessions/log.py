"""Log: an append-only, totally ordered record of events, and what it tells those who write and read
it.
"""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from toolkit.events import CONTROL_KINDS, Event, encode, storable
from toolkit.shown import Shown

Durability = Literal["memory", "os", "fsync"]
"""What an acknowledged event survives: nothing but this process; a kill -9 of the process that
stores it; a power loss, as far as the disk keeps its word.
"""


Lane = Literal["log", "quiet", "control", "words", "snapshot", "lease"]
"""What a reader wants of a session: the whole log; the log without words; control events; words
alone. Snapshots and leases stand beside the log: they repeat it, or concern nobody who reads it.
"""

LANES: dict[Lane, frozenset[str]] = {
    "log": frozenset({"event", "control", "words"}),
    "quiet": frozenset({"event", "control"}),
    "control": frozenset({"control"}),
    "words": frozenset({"words"}),
    "snapshot": frozenset({"snapshot"}),
    "lease": frozenset({"lease"}),
}
PARTS = {
    "text.delta": "words",
    "text.snapshot": "snapshot",
    "lease.renewed": "lease",
    "presence.renewed": "lease",
}
BESIDE_LANES = frozenset({"snapshot", "lease"})
"""Lanes beside the log: what stands on them does not stay."""
FENCES = frozenset({"run.started", "run.adopted", "run.finished"})
"""The fence of a run is the ``seq`` of the last of these events in it, 0 while it has not begun.
Its writer names it with each write, so that only one can write, and nobody once it has ended.
"""
FRESH_ID = re.compile(r"[0-9a-f]{32}")
"""The form of an id that nobody chose. Any other may come again at any time, and is stored once
even then.
"""
ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,128}")


def part_of(event: Event) -> str:
    """The part of its session that an event is stored in: ``event``, ``control``, ``words``,
    ``snapshot`` or ``lease``.
    """
    if event.kind in CONTROL_KINDS:
        return "control"
    return PARTS.get(event.kind, "event")


def is_on(event: Event, lane: Lane, run: str | None = None) -> bool:
    """Whether whoever reads `lane` gets this event; with `run`, only what is of that run, or of
    none.
    """
    return part_of(event) in LANES[lane] and (run is None or event.run in (None, run))


class Fenced(PermissionError):
    """Another agent has this run: what was to be written was not stored, and never will be."""


class CursorLost(LookupError):
    """The reader's cursor is of another history: the log began anew, or what stood there was
    purged.

    What the reader has shown so far is not what the log holds. It begins anew, at cursor 0.
    """

    def __init__(self, session: str, after: int):
        other = f"session {session} has another history than the one that was read up to {after}"
        super().__init__(f"{other}: begin anew")


class TooLarge(ValueError):
    """The event is larger than the log takes: nothing was stored, and sending it again would not
    help.
    """


def checked(event: Event, max_bytes: int | None = None) -> Event:
    """`event` as every log stores it.

    Raises
    ------
    ValueError
        Where no log could store it.
    TooLarge
        Where it has more than `max_bytes` as JSON.
    """
    if not isinstance(event.session, str) or not ID_PATTERN.fullmatch(event.session):
        raise ValueError("a session id has 1 to 128 letters, digits, '-' or '_'")
    event = storable(event)
    if max_bytes is not None:
        line_of(event, max_bytes)
    return event


def at_place(event: Event, seq: int | None) -> Event:
    """`event` with its place in the log, as `dataclasses.replace` gives it, in less time."""
    return Event(
        event.session, event.kind, event.actor, event.data, event.id, event.run, event.time, seq
    )


def line_of(event: Event, max_bytes: int) -> bytes:
    """`event` as JSON, with its place. Raises TooLarge for more than `max_bytes` without it."""
    line = encode(event).encode()
    if len(line) > max_bytes:
        size = len(encode(at_place(event, None)).encode())
        if size > max_bytes:
            raise too_large(event, size, max_bytes)
    return line


def too_large(event: Event, size: int, limit: int) -> TooLarge:
    """The error for an event of `size` bytes where the log takes `limit`."""
    return TooLarge(
        f"event {event.id} ({event.kind}) has {size:,} bytes as JSON, and the log takes {limit:,}"
    )


class LogUnavailable(ConnectionError):
    """The log did not acknowledge in time. The event may or may not be stored: append the same
    event again.
    """


class LogClosed(LogUnavailable):
    """The log was closed here: waiting would not help."""


@dataclass(frozen=True, slots=True)
class Ack(Shown):
    """The log's word that an event is stored."""

    event: Event
    """The event with its `seq`."""
    durability: Durability
    """What it survives from now on."""
    duplicate: bool = False
    """The log had it already: nothing was added."""

    @property
    def seq(self) -> int:
        """The event's place in the log."""
        assert self.event.seq is not None
        return self.event.seq


@dataclass(frozen=True, slots=True)
class Extent(Shown):
    """What a log holds of one session now: enough to tell whether a cursor is of this history."""

    first: str | None
    """The id of the oldest event on the lane ``log``; None where there is none. Another one means
    another history.
    """
    last: int
    """The sequence number of the newest event on that lane; 0 where there is none. No cursor of it
    lies beyond.
    """


def check_cursor(session: str, events: Sequence[Event], after: int, lane: Lane) -> None:
    """Raise `CursorLost` where nobody can have read the `events` of a session up to `after`: no
    cursor is before a history, or beyond it.
    """
    if after <= 0:
        return
    in_history = (event.seq or 0 for event in events if is_on(event, "log"))
    on_lane = (
        event.seq or 0 for event in reversed(events) if is_on(event, "log") or is_on(event, lane)
    )
    oldest = next(in_history, 0)
    newest = next(on_lane, 0)
    if lane in BESIDE_LANES:
        oldest = 0  # what stands beside the log comes and goes
    if not oldest - 1 <= after <= newest:
        raise CursorLost(session, after)


def extent_of(events: Sequence[Event]) -> Extent:
    """The extent of a session, of its stored `events` in order."""
    oldest = next((event for event in events if is_on(event, "log")), None)
    newest = next((event for event in reversed(events) if is_on(event, "log")), None)
    if oldest is None or newest is None:
        return Extent(None, 0)
    return Extent(oldest.id, newest.seq or 0)


def latest_of(events: Sequence[Event], lane: Lane) -> list[Event]:
    """The last event of each run (of each actor, where it is of no run) on a lane, in order."""
    last = {}
    for event in events:
        if is_on(event, lane):
            last[event.run, event.run or event.actor] = event
    return sorted(last.values(), key=lambda event: event.seq or 0)


class Log(Protocol):
    """What a session is written on: `MemoryLog` or `NatsLog`.

    A log of your own that derives from this class need not write `append`, `latest`, `extent` and
    `close`: they are made of the others. Where you have a table of events, `TableLog` is shorter.
    `toolkit.sessions.contract` tells whether a log keeps what is promised here.
    """

    @property
    def durability(self) -> Durability:
        """The tier that each acknowledgement states."""

    @property
    def reachable(self) -> bool:
        """Whether the log can be written to and read now, as far as one knows."""

    @property
    def max_event_bytes(self) -> int:
        """The size of the largest event that it takes, as JSON in UTF-8."""

    @property
    def shared(self) -> bool:
        """Whether programs in several processes may write it at once."""
        return True

    async def append(self, event: Event, fence: int | None = None) -> Ack:
        """Store `event` once, whatever the number of calls with its id.

        With a `fence` it is stored only while the event at that sequence number is still the run's
        fence; 0 means that the run has none yet. What is stored, and acknowledged, is
        `toolkit.events.storable` of the event.

        Raises
        ------
        Fenced
            Where another agent has the run.
        LogUnavailable
            Where the event was not acknowledged by the deadline, or the disk is full.
        TooLarge
            Where it is larger than `max_event_bytes`.
        ValueError
            Where it cannot be JSON.
        """
        acks = await self.append_all([event], fence)
        return acks[0]

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Store `events` of one session together: all of them or none, next to each other.

        A `NatsLog` on a server before 2.12, which has no batches, stores them one by one: where it
        breaks off, the first of them are stored, and appending all again adds the rest.
        """

    def read(
        self,
        session: str,
        after: int = 0,
        follow: bool = True,
        lane: Lane = "log",
        run: str | None = None,
    ) -> AsyncIterator[Event]:
        """Yield the session's events with ``seq > after`` in order, each once.

        With `follow` it goes on with those to come, however long the log is away; without, it ends
        at what is stored now, and `LogUnavailable` is raised at a deadline. With `run`, only what
        is of that run, or of none.

        Raises `CursorLost`, at once or later, where `after` is no cursor of the session's history
        as it is now.
        """

    async def latest(self, session: str, lane: Lane) -> list[Event]:
        """The last event of each run (of each actor, where it is of no run) on a lane, in order."""
        events = self.read(session, follow=False, lane=lane)
        return latest_of([event async for event in events], lane)

    async def extent(self, session: str) -> Extent:
        """Where the session's history begins and ends now."""
        return extent_of([event async for event in self.read(session, follow=False)])

    async def sessions(self, prefix: str = "") -> list[str]:
        """The ids of the sessions that have a history, sorted; those that begin with `prefix`."""

    async def delete(self, session: str) -> None:
        """Do away with all events of a session, for good. One that is not there is no error.

        Whoever reads it raises `CursorLost`, and a run that is under way on it is `Fenced` at its
        next write. A session of the same id may begin anew, with the same ids of events.

        Raises
        ------
        LogUnavailable
            Where it is not known whether the events are gone: delete them again.
        """

    async def close(self) -> None:
        """Let go of files and connections; by itself it holds none."""
        return
