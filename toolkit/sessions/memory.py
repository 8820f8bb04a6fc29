"""MemoryLog: a log in this process, or in a file."""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from toolkit.errors import Unavailable
from toolkit.events import Event, RecordError, fresh_id, storable
from toolkit.jsonl import FileChanged, JsonlFile
from toolkit.sessions.log import (
    FENCES,
    ID_PATTERN,
    Ack,
    CursorLost,
    Durability,
    Extent,
    Fenced,
    Lane,
    Log,
    LogUnavailable,
    at_place,
    check_cursor,
    checked,
    extent_of,
    is_on,
    latest_of,
    line_of,
)
from toolkit.tasks import shielded

MAX_EVENT_BYTES = 64 << 20
"""As much as a nats-server can be set to take."""
TOMBSTONE = ("", "session.deleted")
"""The session and kind of the line that a file keeps of a deleted session: no session can have this
id.
"""


class MemoryLog(Log):
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
    max_event_bytes = MAX_EVENT_BYTES
    shared = False

    def __init__(self, path: str | Path | None = None, max_event_bytes: int = MAX_EVENT_BYTES):
        self.max_event_bytes = max_event_bytes
        self._file = None if path is None else JsonlFile(path, Event)
        self._end = 0
        self._sessions: dict[str, list[Event]] = defaultdict(list)
        self._by_id: dict[tuple[str, str], Event] = {}
        self._fences: dict[tuple[str, str | None], int] = {}
        self._seq = 0
        self._writing = asyncio.Lock()
        self._news = asyncio.Event()
        self._in_use: set[str] = set()
        self._lock = None if path is None else FileLock(f"{path}.in-use.lock", timeout=0)
        problems = self._load(self._file) if self._file else []
        self.problems: tuple[RecordError, ...] = tuple(problems)
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
                continue
            problem = self._problem(line.record)
            if problem is not None:
                field, why = problem
                problems.append(RecordError(why, str(file.path), line.number, field))
            elif _is_tombstone(line.record):
                self._seq = line.record.seq
            else:
                self._keep(storable(line.record))
        return problems

    def _problem(self, event: Event) -> tuple[str, str] | None:
        """The field that keeps a stored event out of the log, and why."""
        if event.seq is None:
            why = "an event in a log has its place there: add the number, or take the line out"
            return "seq", why
        if event.seq <= self._seq:
            return "seq", f"place {event.seq} is not after {self._seq}, which the line before has"
        if not _is_tombstone(event) and not ID_PATTERN.fullmatch(event.session):
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

    @contextmanager
    def exclusive(self, session: str) -> Iterator[None]:
        """The log for one writer of `session` while the block lasts, and its file for this process.

        Raises Unavailable where another has it. A process that dies lets go of it.
        """
        if session in self._in_use:
            raise Unavailable(f"session {session} is being written already, by this process")
        try:
            if self._lock:
                self._lock.acquire()
        except Timeout:
            assert self._file
            raise Unavailable(
                f"{self._file.path} is being written by another process: wait for it, or keep the "
                "session on a nats-server, where several processes may write"
            ) from None
        self._in_use.add(session)
        try:
            yield
        finally:
            self._in_use.discard(session)
            if self._lock:
                self._lock.release()

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Store `events`; see `Log.append_all`."""
        ready = [checked(event) for event in events]
        return await shielded(self._append(ready, fence))

    async def _append(self, events: Sequence[Event], fence: int | None) -> list[Ack]:
        async with self._writing:
            fresh = self._not_stored_yet(events)
            if fresh and fence is not None:
                self._check_fence(fresh[0], fence)
            stored = [at_place(event, self._seq + n) for n, event in enumerate(fresh, 1)]
            lines = [line_of(event, self.max_event_bytes) for event in stored]
            if self._file and stored:
                await self._write(self._file, self._file.append_lines, lines)
            for event in stored:
                self._keep(event)
            self._announce()
            new_ids = {event.id for event in fresh}
            acks = []
            for event in events:
                known = self._by_id[event.session, event.id]
                acks.append(Ack(known, self.durability, duplicate=event.id not in new_ids))
        # A writer that never waits would starve the readers of its own loop.
        await asyncio.sleep(0)
        return acks

    def _not_stored_yet(self, events: Iterable[Event]) -> list[Event]:
        once = {(event.session, event.id): event for event in events}
        return [event for key, event in once.items() if key not in self._by_id]

    def _check_fence(self, event: Event, fence: int) -> None:
        if self._fences.get((event.session, event.run), 0) != fence:
            raise Fenced(f"run {event.run} of session {event.session} is another agent's now")

    def _announce(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _write(self, file: JsonlFile, write: Callable[..., int], *what: Any) -> None:
        """Have a method of `file` write to it, where nobody else has meanwhile."""
        try:
            self._end = await asyncio.to_thread(write, *what, expected_end=self._end)
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
        events = self._sessions[session]
        check_cursor(session, events, after, lane)
        position = bisect_right(events, after, key=lambda event: event.seq or 0)
        end = len(events)
        while True:
            news = self._news
            while position < (len(events) if follow else end):
                event = events[position]
                position += 1
                if is_on(event, lane, run):
                    yield event
                    after = event.seq or 0
            if not follow:
                return
            await news.wait()
            if self._sessions[session] is not events:  # it was deleted
                if after > 0:
                    raise CursorLost(session, after)
                events = self._sessions[session]
                position = 0

    async def latest(self, session: str, lane: Lane) -> list[Event]:
        """The last event of each run on a lane; see `Log.latest`."""
        return latest_of(self._sessions[session], lane)

    async def extent(self, session: str) -> Extent:
        """Where the session's history begins and ends; see `Log.extent`."""
        return extent_of(self._sessions[session])

    async def sessions(self, prefix: str = "") -> list[str]:
        """The ids of the sessions that have a history; see `Log.sessions`."""
        ids = sorted(id_ for id_ in self._sessions if id_.startswith(prefix))
        return [id_ for id_ in ids if extent_of(self._sessions[id_]).last]

    async def delete(self, session: str) -> None:
        """Do away with a session's events, in the file too; see `Log.delete`."""
        await shielded(self._delete(session))

    async def _delete(self, session: str) -> None:
        async with self._writing:
            events = self._sessions.get(session)
            if not events:
                return
            if self._file:
                # The tombstone keeps the places of what is deleted: no later event gets them.
                tombstone = Event(*TOMBSTONE, "log", {"session": session}, fresh_id())
                records = [at_place(tombstone, self._seq + 1)]
                remove = self._file.remove
                await self._write(
                    self._file, remove, lambda event: event.session == session, records
                )
                self._seq += 1
            del self._sessions[session]
            for event in events:
                del self._by_id[event.session, event.id]
                self._fences.pop((event.session, event.run), None)
            self._announce()


def _is_tombstone(event: Event) -> bool:
    return (event.session, event.kind) == TOMBSTONE
