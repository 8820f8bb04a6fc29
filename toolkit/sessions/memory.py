"""MemoryLog: a log in this process, or in a file."""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from toolkit.events import Event, RecordError, encode, storable
from toolkit.records import FileChanged, JsonlFile
from toolkit.sessions.log import (
    BESIDE_LANES,
    FENCES,
    LANES,
    SESSION_ID,
    Ack,
    CursorLost,
    Durability,
    Extent,
    Fenced,
    Lane,
    LogUnavailable,
    checked,
    place,
    shielded,
    too_large,
)

MAX_EVENT_BYTES = 64 << 20
"""As much as a nats-server can be set to take."""


class MemoryLog:
    """A log in this process. With a `path` each event is written and fsynced before it is
    acknowledged.

    Parameters
    ----------
    path : str or Path, optional
        A JSONL file of events. Where it exists, the log goes on from it. Of two logs on one file
        only the one that wrote last may write: the other is refused, so that no place in the log is
        given out twice.
    max_event_bytes : int
        The size of the largest event that it takes.
    """

    reachable = True

    def __init__(self, path: str | Path | None = None, max_event_bytes: int = MAX_EVENT_BYTES):
        self.max_event_bytes = max_event_bytes
        self._file = JsonlFile(path, Event) if path is not None else None
        self._end = 0
        self._sessions: dict[str, list[Event]] = defaultdict(list)
        self._by_id: dict[tuple[str, str], Event] = {}
        self._fences: dict[tuple[str, str | None], int] = {}
        self._seq = 0
        self._writing = asyncio.Lock()
        self._news = asyncio.Event()
        self.problems: tuple[RecordError, ...] = tuple(self._load(self._file) if self._file else ())
        """Lines of the file that are no events of this log. They stay in the file, and all others
        count.
        """

    def _load(self, file: JsonlFile) -> list[RecordError]:
        content = file.content()
        self._end = content.end
        problems = []
        for line in content.lines:
            if line.error:
                problems.append(line.error)
            elif (wrong := self._what_is_wrong(line.record)) is not None:
                field, why = wrong
                problems.append(RecordError(why, str(file.path), line.number, field))
            else:
                self._keep(storable(line.record))
        return problems

    def _what_is_wrong(self, event: Event) -> tuple[str, str] | None:
        """The field that keeps a stored event out of the log, and why."""
        if event.seq is None:
            return (
                "seq",
                "an event in a log has its place there: add the number, or take the line out",
            )
        if event.seq <= self._seq:
            return "seq", f"place {event.seq} is not after {self._seq}, which the line before has"
        if not SESSION_ID.fullmatch(event.session):
            return "session", "a session id has 1 to 128 letters, digits, '-' or '_'"
        if (event.session, event.id) in self._by_id:
            return "id", f"event {event.id} stands in the file already"
        return None

    def _keep(self, event: Event) -> None:
        assert event.seq is not None
        self._seq = event.seq
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
        ready = [checked(event) for event in events]
        for event in ready:
            size = len(encode(event).encode())
            if size > self.max_event_bytes:
                raise too_large(event, size, self.max_event_bytes)
        return await shielded(self._append(ready, fence))

    async def _append(self, events: Sequence[Event], fence: int | None) -> list[Ack]:
        async with self._writing:
            once = {(event.session, event.id): event for event in events}
            fresh = [event for key, event in once.items() if key not in self._by_id]
            first = fresh[0] if fresh else None
            if (
                first
                and fence is not None
                and self._fences.get((first.session, first.run), 0) != fence
            ):
                raise Fenced(f"run {first.run} of session {first.session} is another agent's now")
            stored = [replace(event, seq=self._seq + n) for n, event in enumerate(fresh, 1)]
            if self._file and stored:
                await self._write(self._file, stored)
            for event in stored:
                self._keep(event)
            self._news.set()
            self._news = asyncio.Event()
        # A writer that never waits would starve the readers of its own loop.
        await asyncio.sleep(0)
        new = {event.id for event in fresh}
        stored_as = [self._by_id[event.session, event.id] for event in events]
        return [Ack(event, self.durability, duplicate=event.id not in new) for event in stored_as]

    async def _write(self, file: JsonlFile, events: list[Event]) -> None:
        try:
            self._end = await asyncio.to_thread(file.append, *events, expected_end=self._end)
        except FileChanged:
            why = "was written by another log since: open a new MemoryLog on it"
            raise LogUnavailable(f"{file.path} {why}") from None
        except OSError as error:
            raise LogUnavailable(f"nothing was stored: {error}") from error

    async def read(
        self,
        session: str,
        after: int = 0,
        follow: bool = True,
        lane: Lane = "log",
        run: str | None = None,
    ) -> AsyncIterator[Event]:
        """Yield events; see `Log.read`."""
        events, wanted = self._sessions[session], LANES[lane]
        if after > 0 and not self._is_cursor(events, after, lane):
            raise CursorLost(session, after)
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

    def _is_cursor(self, events: list[Event], after: int, lane: Lane) -> bool:
        """Whether somebody can have read up to `after`: no cursor is before a history, or beyond
        it.
        """
        history = LANES["log"]
        read = history | LANES[lane]
        newest = next((event.seq for event in reversed(events) if place(event) in read), None) or 0
        oldest = next((event.seq for event in events if place(event) in history), None) or 0
        return after <= newest and (lane in BESIDE_LANES or after >= oldest - 1)

    async def latest(self, session: str, lane: Lane) -> list[Event]:
        """The last event of each run on a lane; see `Log.latest`."""
        wanted = (event for event in self._sessions[session] if place(event) in LANES[lane])
        last = {(event.run, event.run or event.actor): event for event in wanted}
        return sorted(last.values(), key=lambda event: event.seq or 0)

    async def extent(self, session: str) -> Extent:
        """Where the session's history begins and ends; see `Log.extent`."""
        events, history = self._sessions[session], LANES["log"]
        oldest = next((event for event in events if place(event) in history), None)
        newest = next((event for event in reversed(events) if place(event) in history), None)
        if oldest is None or newest is None:
            return Extent(None, 0)
        return Extent(oldest.id, newest.seq or 0)

    async def close(self) -> None:
        """Nothing is held open between appends."""
