"""SessionLog: one session's part of a log, written, read and folded."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext, suppress
from typing import Any, cast

from toolkit.events import Event, fresh_id
from toolkit.sessions.catchup import catch_up
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.log import ID_PATTERN, Ack, CursorLost, Lane, Log
from toolkit.sessions.signals import Signals, receipt_id
from toolkit.traces import Trace


class SessionLog:
    """The events of one session: what `Session` and `Run` stand on."""

    def __init__(
        self,
        log: Log,
        id: str,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = fresh_id,
    ):
        self.log = log
        self.id = checked_id(id, "session")
        self.new_id = new_id
        self._clock = clock
        self._signals = Signals()

    async def append(
        self,
        kind: str,
        actor: str,
        data: dict[str, Any] | None = None,
        run: str | None = None,
        id: str | None = None,
    ) -> Ack:
        """Write one event. The same `id` twice is stored once, however late the second comes."""
        return await self.log.append(self.event(kind, actor, data or {}, run, id))

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Write events of this session, made by `event`, next to each other; see
        `Log.append_all`.
        """
        return await self.log.append_all(events, fence)

    @property
    def shared(self) -> bool:
        """Whether several processes may write it at once; see `Log.shared`."""
        return self.log.shared

    def exclusive(self) -> AbstractContextManager[None]:
        """The session for one writer alone while the block lasts, where it is not shared.

        Raises `toolkit.errors.Unavailable` where another has it.
        """
        hold = None if self.log.shared else getattr(self.log, "exclusive", None)
        return hold(self.id) if hold else nullcontext()

    def event(
        self,
        kind: str,
        actor: str,
        data: dict[str, Any],
        run: str | None = None,
        id: str | None = None,
    ) -> Event:
        """Make an event of this session, to be written."""
        return Event(self.id, kind, actor, data, id or self.new_id(), run, self._clock())

    def read(
        self, after: int = 0, follow: bool = True, lane: Lane | None = None, run: str | None = None
    ) -> AsyncIterator[Event]:
        """Yield events with ``seq > after``, in order, each text once.

        Without a `lane` the reader catches up (catchup.py): where it is far behind, it gets a run's
        words so far as one ``text.snapshot``, which replaces what it has of that run, and then
        ``text.delta`` again. With a `lane` it gets that part of the log as it is stored, and no
        snapshots in the place of words; with a `run` too, what of it is of that run, or of none.
        """
        if lane is not None:
            return self.log.read(self.id, after, follow, lane, run)
        if run is not None:
            raise ValueError("run= goes with a lane: whoever catches up reads all runs")
        return catch_up(self.log, self.id, after, follow)

    async def signals(self, until: int | None = None) -> Signals:
        """The signals so far, or at least those `until` a sequence number, and how each stands. The
        fold is kept, and goes on from where it was.
        """
        try:
            await self._fold_signals(self._signals, until)
        except CursorLost:
            fresh = Signals()
            await self._fold_signals(fresh, until)
            self._signals = fresh
        return self._signals

    async def _fold_signals(self, signals: Signals, until: int | None) -> None:
        events = self.read(signals.cursor, follow=False, lane="quiet")
        async with aclosing(cast(AsyncGenerator[Event, None], events)):
            async for event in events:
                signals.apply(event)
                if event.seq == until:
                    break  # whatever comes after it costs another request

    async def settle(self, actor: str = "session", until: int | None = None) -> list[str]:
        """Answer each signal that nobody can use any more with a ``signal.unused``. Returns the ids
        of those signals.

        Several may do so at once: one answer is stored.
        """
        due = (await self.signals(until)).unanswered()
        for signal in due:
            data = {"event": signal.event.id, "why": signal.why}
            await self.append("signal.unused", actor, data, id=receipt_id(signal.event.id))
        if due:
            await self.signals()
        return [signal.event.id for signal in due]

    async def conversation(self, after: Conversation | None = None) -> Conversation:
        """Fold all that is stored now; with `after`, go on from that fold.

        Where the log began anew since, or was purged, it is a fresh fold of what is there.
        """
        conversation = after or Conversation(self.id)
        with suppress(CursorLost):
            return await self._fold_into(conversation)
        return await self._fold_into(Conversation(self.id))

    async def _fold_into(self, conversation: Conversation) -> Conversation:
        async for event in self.read(conversation.cursor, follow=False):
            conversation.apply(event)
        return conversation

    async def trace(self) -> Trace:
        """The session so far as a Trace whose steps keep the ids of their events."""
        return (await self.conversation()).trace()


def checked_id(id: str, of: str) -> str:
    """`id`, where a session or a run can have it. Raises ValueError for one that no subject could
    hold.
    """
    if not ID_PATTERN.fullmatch(id):
        raise ValueError(f"{of} id {id!r}: use 1 to 128 letters, digits, '-' or '_'")
    return id
