"""Log: an append-only, totally ordered record of events; MemoryLog keeps one in this process, or in a file."""

import asyncio
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from toolkit.events import CONTROL_KINDS, Event, RecordError
from toolkit.records import JsonlFile

T = TypeVar("T")

Durability = Literal["memory", "os", "fsync"]
"""What an acknowledged event survives: nothing but this process; a kill -9 of the process that stores it; a power
loss, as far as the disk keeps its word."""


Lane = Literal["log", "quiet", "control", "words", "snapshot", "lease"]
"""What a reader wants of a session: the whole log; the log without words; control events; words alone. Snapshots and
leases stand beside the log: they repeat it, or concern nobody who reads it."""

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
FENCES = frozenset({"run.started", "run.adopted", "run.finished"})
"""The last of these in a run is its fence: its writer names it with each write, so that only one can write, and
nobody once it has ended."""
FRESH_ID = re.compile(r"[0-9a-f]{32}")
"""The form of an id that nobody chose. Any other may come again at any time, and is stored once even then."""


def place(event: Event) -> str:
    """Where an event stands: ``event``, ``control``, ``words``, ``snapshot`` or ``lease``."""
    return "control" if event.kind in CONTROL_KINDS else BESIDE.get(event.kind, "event")


class Fenced(PermissionError):
    """Another agent has this run: what was to be written was not stored, and never will be."""


class CursorLost(LookupError):
    """The reader's cursor is of another history: the log began anew, or what stood there was purged.

    What the reader has shown so far is not what the log holds. It begins anew, at cursor 0.
    """


class TooLarge(ValueError):
    """The event is larger than the log takes: nothing was stored, and sending it again would not help."""


class LogUnavailable(ConnectionError):
    """The log did not acknowledge in time. The event may or may not be stored: append the same event again."""


class LogClosed(LogUnavailable):
    """The log was closed here: waiting would not help."""


async def shielded(operation: Coroutine[Any, Any, T]) -> T:
    """Await `operation` so that a cancellation reaches the caller at once, while the operation runs to its end.

    A write must not be broken off half-way, and nats-py swallows a cancellation that meets one of its flushes.
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
    """The id of the oldest event on the lane ``log``; None where there is none. Another one means another history."""
    last: int
    """The sequence number of the newest event on that lane; 0 where there is none. No cursor of it lies beyond."""


class Log(Protocol):
    """What a session is written on: `MemoryLog` or `NatsLog`."""

    @property
    def durability(self) -> Durability:
        """The tier that each acknowledgement states."""

    @property
    def reachable(self) -> bool:
        """Whether the log can be written to and read now, as far as one knows."""

    async def append(self, event: Event, fence: int | None = None) -> Ack:
        """Store `event` once, whatever the number of calls with its id.

        With a `fence` it is stored only while the event at that sequence number is still the run's fence; 0 means
        that the run has none yet. Raises `Fenced` otherwise, and `LogUnavailable` at the deadline.
        """

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Store `events` of one session together: all of them or none, next to each other."""

    def read(
        self, session: str, after: int = 0, follow: bool = True, lane: Lane = "log", run: str | None = None
    ) -> AsyncIterator[Event]:
        """Yield the session's events with ``seq > after`` in order, each once.

        With `follow` it goes on with those to come, however long the log is away; without, it ends at what is stored
        now, and `LogUnavailable` is raised at a deadline. With `run`, only what is of that run, or of none.
        """

    async def latest(self, session: str, lane: Lane) -> list[Event]:
        """The last event of each run (of each actor, where it is of no run) on a lane, in order."""

    async def extent(self, session: str) -> Extent:
        """Where the session's history begins and ends now."""

    async def close(self) -> None:
        """Let go of files and connections."""


class MemoryLog:
    """A log in this process. With a `path` each event is written and fsynced before it is acknowledged.

    Parameters
    ----------
    path : str or Path, optional
        A JSONL file of events. Where it exists, the log goes on from it. One MemoryLog at a time may write it.
    """

    reachable = True

    def __init__(self, path: str | Path | None = None):
        self._file = JsonlFile(path, Event) if path is not None else None
        self._sessions: dict[str, list[Event]] = defaultdict(list)
        self._by_id: dict[tuple[str, str], Event] = {}
        self._fences: dict[tuple[str, str | None], int] = {}
        self._seq = 0
        self._writing = asyncio.Lock()
        self._news = asyncio.Event()
        self.problems: tuple[RecordError, ...] = tuple(self._load())
        self._size = self._size_now()

    def _load(self) -> list[RecordError]:
        lines = list(self._file.lines()) if self._file else []
        for line in lines:
            if line.record:
                self._keep(line.record)
        return [line.error for line in lines if line.error]

    def _size_now(self) -> int:
        return self._file.path.stat().st_size if self._file and self._file.path.exists() else 0

    def _keep(self, event: Event) -> None:
        assert event.seq is not None
        self._seq = max(self._seq, event.seq)
        self._by_id[event.session, event.id] = event
        self._sessions[event.session].append(event)
        if event.kind in FENCES:
            self._fences[event.session, event.run] = event.seq

    @property
    def durability(self) -> Durability:
        """``fsync`` with a path, ``memory`` without."""
        return "fsync" if self._file else "memory"

    async def append(self, event: Event, fence: int | None = None) -> Ack:
        """Store `event`; see `Log.append`."""
        return (await self.append_all([event], fence))[0]

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Store `events`; see `Log.append_all`."""
        return await shielded(self._append(events, fence))

    async def _append(self, events: Sequence[Event], fence: int | None) -> list[Ack]:
        async with self._writing:
            once = {(event.session, event.id): event for event in events}
            fresh = [event for key, event in once.items() if key not in self._by_id]
            first = fresh[0] if fresh else None
            if first and fence is not None and self._fences.get((first.session, first.run), 0) != fence:
                raise Fenced(f"run {first.run} of session {first.session} is another agent's now")
            stored = [replace(event, seq=self._seq + n) for n, event in enumerate(fresh, 1)]
            if self._file and stored:
                if self._size_now() != self._size:
                    raise LogUnavailable(
                        f"{self._file.path} was written by another log since: open a new MemoryLog on it"
                    )
                await asyncio.to_thread(self._file.append, *stored)
                self._size = self._size_now()
            for event in stored:
                self._keep(event)
            self._news.set()
            self._news = asyncio.Event()
        # A writer that never waits would starve the readers of its own loop.
        await asyncio.sleep(0)
        new = {event.id for event in fresh}
        stored_as = [self._by_id[event.session, event.id] for event in events]
        return [Ack(event, self.durability, duplicate=event.id not in new) for event in stored_as]

    async def read(
        self, session: str, after: int = 0, follow: bool = True, lane: Lane = "log", run: str | None = None
    ) -> AsyncIterator[Event]:
        """Yield events; see `Log.read`."""
        events, wanted = self._sessions[session], LANES[lane]
        at = bisect_right(events, after, key=lambda event: event.seq or 0)
        end = len(events)
        while True:
            news = self._news
            while at < (len(events) if follow else end):
                event, at = events[at], at + 1
                if place(event) in wanted and (run is None or event.run in (None, run)):
                    yield event
            if not follow:
                return
            await news.wait()

    async def latest(self, session: str, lane: Lane) -> list[Event]:
        """The last event of each run on a lane; see `Log.latest`."""
        wanted = (event for event in self._sessions[session] if place(event) in LANES[lane])
        last = {(event.run, event.run or event.actor): event for event in wanted}
        return sorted(last.values(), key=lambda event: event.seq or 0)

    async def extent(self, session: str) -> Extent:
        """Where the session's history begins and ends; see `Log.extent`."""
        history = [event for event in self._sessions[session] if place(event) in LANES["log"]]
        if not history:
            return Extent(None, 0)
        return Extent(history[0].id, history[-1].seq or 0)

    async def close(self) -> None:
        """Nothing is held open between appends."""
