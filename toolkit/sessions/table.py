"""TableLog: a log over a table of events, in SQLite or wherever you keep one.

It holds to what every log promises: events are stored once, in order, by one writer for a run. How
the table is read and written, four plain methods of a class of your own say.
"""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from toolkit.events import Event
from toolkit.sessions.log import (
    FENCES,
    Ack,
    Fenced,
    Lane,
    Log,
    LogUnavailable,
    check_cursor,
    checked,
    is_on,
)

Choose = Callable[[Sequence[Event]], list[Event]]
"""What is to be added to the stored events of a session."""


class TableLog(Log):
    """A log over a table of events. Derive from it, and write the four abstract methods."""

    durability = "os"
    reachable = True
    max_event_bytes = 1 << 20
    poll_s = 0.02
    """A reader that follows looks so often for what is new."""

    @abstractmethod
    def stored(self, session: str) -> list[Event]:
        """The events of a session in order, each with its place as `seq`."""

    @abstractmethod
    def store(self, session: str, choose: Choose) -> None:
        """Add ``choose(self.stored(session))`` to the table, all or none, each at a place after all
        that the table ever gave out. Nobody else may write in between.
        """

    @abstractmethod
    def names(self) -> Iterable[str]:
        """The sessions that have events."""

    @abstractmethod
    def remove(self, session: str) -> None:
        """Do away with the events of a session."""

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Store `events` of one session together; see `Log.append_all`."""
        ready = [checked(event, self.max_event_bytes) for event in events]
        added: dict[str, Event] = {}

        def choose(stored: Sequence[Event]) -> list[Event]:
            known_ids = {event.id for event in stored}
            added.update((event.id, event) for event in ready if event.id not in known_ids)
            if added and fence is not None:
                _check_fence(stored, ready[0].run, fence)
            return list(added.values())

        session = ready[0].session
        self.store(session, choose)
        by_id = {event.id: event for event in self.stored(session)}
        acks: list[Ack] = []
        for event in ready:
            if event.id not in by_id:
                raise LogUnavailable(f"session {session} was deleted while {event.kind} was stored")
            acks.append(Ack(by_id[event.id], self.durability, duplicate=event.id not in added))
        return acks

    async def read(
        self,
        session: str,
        after: int = 0,
        follow: bool = True,
        lane: Lane = "log",
        run: str | None = None,
    ) -> AsyncIterator[Event]:
        """Yield events; see `Log.read`."""
        while True:
            events = self.stored(session)
            check_cursor(session, events, after, lane)
            for event in events:
                seq = event.seq or 0
                if seq > after and is_on(event, lane, run):
                    yield event
                    after = seq
            if not follow:
                return
            await asyncio.sleep(self.poll_s)

    async def sessions(self, prefix: str = "") -> list[str]:
        """The ids of the sessions that have a history; see `Log.sessions`."""
        return sorted(name for name in self.names() if name.startswith(prefix))

    async def delete(self, session: str) -> None:
        """Do away with a session's events; see `Log.delete`."""
        self.remove(session)


def _check_fence(stored: Sequence[Event], run: str | None, fence: int) -> None:
    fences = [event.seq for event in stored if event.run == run and event.kind in FENCES]
    last = fences[-1] if fences else 0
    if last != fence:
        raise Fenced(f"run {run} is another agent's now")
