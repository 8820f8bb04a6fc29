"""Log: an append-only, totally ordered record of events, and what it tells those who write and read
it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from toolkit.events import CONTROL_KINDS, Event, storable

T = TypeVar("T")

Durability = Literal["memory", "os", "fsync"]
"""What an acknowledged event survives: nothing but this process; a kill -9 of the process that
stores it; a power loss, as far as the disk keeps its word.
"""


Lane = Literal["log", "quiet", "control", "words", "snapshot", "lease"]
"""What a reader wants of a session: the whole log; the log without words; control events; words
alone. Snapshots and leases stand beside the log: they repeat it, or concern nobody who reads it.
"""

LANES: dict[str, frozenset[str]] = {
    "log": frozenset({"event", "control", "words"}),
    "quiet": frozenset({"event", "control"}),
    "control": frozenset({"control"}),
    "words": frozenset({"words"}),
    "snapshot": frozenset({"snapshot"}),
    "lease": frozenset({"lease"}),
}
BESIDE = {
    "text.delta": "words",
    "text.snapshot": "snapshot",
    "lease.renewed": "lease",
    "presence.renewed": "lease",
}
BESIDE_LANES = frozenset({"snapshot", "lease"})
"""Lanes beside the log: what stands on them does not stay."""
FENCES = frozenset({"run.started", "run.adopted", "run.finished"})
"""The last of these in a run is its fence: its writer names it with each write, so that only one
can write, and nobody once it has ended.
"""
FRESH_ID = re.compile(r"[0-9a-f]{32}")
"""The form of an id that nobody chose. Any other may come again at any time, and is stored once
even then.
"""
SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def place(event: Event) -> str:
    """Where an event stands: ``event``, ``control``, ``words``, ``snapshot`` or ``lease``."""
    return "control" if event.kind in CONTROL_KINDS else BESIDE.get(event.kind, "event")


class Fenced(PermissionError):
    """Another agent has this run: what was to be written was not stored, and never will be."""


class CursorLost(LookupError):
    """The reader's cursor is of another history: the log began anew, or what stood there was
    purged.

    What the reader has shown so far is not what the log holds. It begins anew, at cursor 0.
    """

    def __init__(self, session: str, after: int):
        super().__init__(
            f"session {session} has another history than the one that was read up to {after}: begin anew"
        )


class TooLarge(ValueError):
    """The event is larger than the log takes: nothing was stored, and sending it again would not
    help.
    """


def checked(event: Event) -> Event:
    """`event` as every log stores it. Raises ValueError where no log could."""
    if not isinstance(event.session, str) or not SESSION_ID.fullmatch(event.session):
        raise ValueError("a session id has 1 to 128 letters, digits, '-' or '_'")
    return storable(event)


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


async def shielded(operation: Coroutine[Any, Any, T]) -> T:
    """Await `operation` so that a cancellation reaches the caller at once, while the operation runs
    to its end.

    A write must not be broken off half-way, and nats-py swallows a cancellation that meets one of
    its flushes.
    """
    task = asyncio.ensure_future(operation)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise


async def stop(task: "asyncio.Task[Any]") -> None:
    """Cancel `task` and wait until it has ended. An error of its own is raised."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


@dataclass(frozen=True, slots=True)
class Ack:
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
class Extent:
    """What a log holds of one session now: enough to tell whether a cursor is of this history."""

    first: str | None
    """The id of the oldest event on the lane ``log``; None where there is none. Another one means
    another history.
    """
    last: int
    """The sequence number of the newest event on that lane; 0 where there is none. No cursor of it
    lies beyond.
    """


class Log(Protocol):
    """What a session is written on: `MemoryLog` or `NatsLog`."""

    @property
    def durability(self) -> Durability:
        """The tier that each acknowledgement states."""

    @property
    def reachable(self) -> bool:
        """Whether the log can be written to and read now, as far as one knows."""

    @property
    def max_event_bytes(self) -> int:
        """The size of the largest event that it takes, as JSON in UTF-8."""

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

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Store `events` of one session together: all of them or none, next to each other."""

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

    async def extent(self, session: str) -> Extent:
        """Where the session's history begins and ends now."""

    async def close(self) -> None:
        """Let go of files and connections."""
