"""Session: a named, shared, resumable log between agents and the people who watch and steer them."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, suppress
from typing import Any, cast, get_args

from toolkit.events import Event, fresh_id
from toolkit.sessions.catchup import catch_up
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.lease import LEASE_TTL_S, lease_ends
from toolkit.sessions.log import Ack, CursorLost, Fenced, Lane, Log, LogUnavailable
from toolkit.sessions.presence import Watch
from toolkit.sessions.run import WINDOW_S, Run
from toolkit.sessions.signals import ID_PATTERN as ID_PATTERN
from toolkit.sessions.signals import Signals, receipt_id
from toolkit.traces import Source, Trace

SETTLE_S = 5.0
"""Whoever sends a signal waits no longer than this to learn that nobody can use it."""


class Session:
    """One session on a log. Any number of these, in any number of processes, may stand for the same
    session.

    Parameters
    ----------
    log : Log
        `MemoryLog` or `NatsLog`.
    id : str
        1 to 128 letters, digits, ``-`` or ``_``.
    clock : callable, optional
        Gives seconds since 1970 for each event.
    new_id : callable, optional
        Gives a fresh id for each event and run.

    Raises
    ------
    ValueError
        For an id that could not be a subject.
    """

    def __init__(
        self,
        log: Log,
        id: str,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = fresh_id,
    ):
        self.log, self.id, self._clock, self.new_id = log, _token(id, "session"), clock, new_id
        self._signals = Signals()
        self._watch = Watch()

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

        A reader that is far behind gets a run's words so far as one ``text.snapshot``, which
        replaces what it has of that run, and then ``text.delta`` again. With a `lane` it gets that
        part of the log as it is stored; with a `run` too, what of it is of that run, or of none.
        """
        if lane is None:
            if run is not None:
                raise ValueError("run= goes with a lane: whoever catches up reads all runs")
            return catch_up(self.log, self.id, after, follow)
        return self.log.read(self.id, after, follow, lane, run)

    async def say(self, text: str, actor: str = "user", id: str | None = None) -> Ack:
        """Write a whole message. The same `id` twice is one message."""
        return await self.append("message", actor, {"text": text}, id=id)

    async def start_run(
        self,
        actor: str,
        source: Source | None = None,
        id: str | None = None,
        window_s: float = WINDOW_S,
        ttl_s: float = LEASE_TTL_S,
    ) -> Run:
        """Begin a run: one agent's answer, streamed, watched and stoppable.

        Parameters
        ----------
        actor : str
            The agent.
        source : {"live", "tape", "simulated", "imported"}, optional
            Whether its words are real; pass ``model.source``. Words of which nobody says so are
            ``imported``.
        id : str, optional
            Chosen beforehand, so that a cancel may arrive before the run does.
        window_s : float
            Words are stored together for so long; 0 stores each by itself.
        ttl_s : float
            The run's lease: an agent that is silent for longer may be taken for dead.

        Raises
        ------
        Fenced
            Where a run with this id was started before.
        """
        run = Run(self, actor, _token(id or self.new_id(), "run"), window_s, ttl_s)
        await run.take("run.started", {"source": known_source(source)}, 0, heed=id is not None)
        return run

    async def adopt(
        self, run: str, actor: str, window_s: float = WINDOW_S, ttl_s: float = LEASE_TTL_S
    ) -> Run:
        """Go on with a run whose agent's lease has run out, from what is on the log. Waits for the
        lease to end.

        Raises
        ------
        Fenced
            Where its agent is alive, or another was quicker.
        LookupError
            Where there is no such run, or it has ended.
        """
        state = (await self.conversation()).runs.get(run)
        if state is None or state.ended:
            raise LookupError(
                f"session {self.id} has no run {run} that could be adopted: {state and state.state}"
            )
        if not await lease_ends(self, run):
            raise Fenced(f"run {run} of session {self.id} is alive: {state.actor} renews its lease")
        adopted = Run(self, actor, run, window_s, ttl_s)
        await adopted.take("run.adopted", {"from": state.actor}, state.fence)
        return adopted

    async def end_orphans(
        self, actor: str = "warden", runs: Iterable[str] | None = None
    ) -> list[str]:
        """End each of `runs` (of all, by default) whose lease has run out, as ``orphaned``. Returns
        their ids.

        It waits until each is known to live or not: for a renewal, or for the lease's end. `attend`
        calls it now and then; call it yourself where agents start runs without one.
        """

        async def end(id_: str) -> str | None:
            with suppress(Fenced, LookupError):
                await (await self.adopt(id_, actor)).finish("orphaned")
                return id_
            return None

        if runs is None:
            runs = [
                id_ for id_, state in (await self.conversation()).runs.items() if not state.ended
            ]
        ended = await asyncio.gather(*map(end, runs))
        await self.settle(actor)
        return [id_ for id_ in ended if id_]

    async def present(self) -> set[str]:
        """The surfaces that are here: joined, not left, and heard of within the time that they
        named.

        It goes by when their renewals arrive here, so a surface whose clock is off counts like any
        other. Where that is not known yet, as at the first sight of one that crashed, it watches
        for a renewal before it answers.
        """
        return await self._watch.here(self, (await self.conversation()).present)

    async def cancel(self, run: str | None = None, actor: str = "user") -> Ack:
        """Ask that `run` stop; without one, all that was asked before: runs under way, and messages
        that wait.

        Asking twice is the same as asking once. What is said later is answered as ever.
        """
        return await self._signal("cancel", actor, {}, run)

    async def steer(self, text: str, run: str | None = None, actor: str = "user") -> Ack:
        """Give the agent a word to take into account at its next step; `consumed` tells whether it
        did.
        """
        return await self._signal("steer", actor, {"text": text}, run)

    async def interrupt(self, text: str = "", run: str | None = None, actor: str = "user") -> Ack:
        """Ask that the model call in progress be broken off; the run goes on."""
        return await self._signal("interrupt", actor, {"text": text}, run)

    async def approve(
        self, request: str, answer: bool, run: str | None = None, actor: str = "user"
    ) -> Ack:
        """Answer an agent's request for approval, by the id of the event that asked."""
        return await self._signal("approve", actor, {"request": request, "answer": answer}, run)

    async def _signal(self, kind: str, actor: str, data: dict[str, Any], run: str | None) -> Ack:
        """Write a signal; where nobody can use it any more, its answer too."""
        ack = await self.append(kind, actor, data, run)
        with suppress(LogUnavailable, TimeoutError):  # then whoever attends the session answers it
            async with asyncio.timeout(SETTLE_S):
                await self.settle()
        return ack

    async def signals(self) -> Signals:
        """The signals so far and how each stands. The fold is kept, and goes on from where it was."""
        try:
            await self._fold_signals(self._signals)
        except CursorLost:
            fresh = Signals()
            await self._fold_signals(fresh)
            self._signals = fresh
        return self._signals

    async def _fold_signals(self, signals: Signals) -> None:
        async for event in self.read(signals.cursor, follow=False, lane="quiet"):
            signals.apply(event)

    async def settle(self, actor: str = "session") -> list[str]:
        """Answer each signal that nobody can use any more with a ``signal.unused``. Returns the ids
        of those signals.

        Several may do so at once: one answer is stored.
        """
        due = (await self.signals()).unanswered()
        for signal in due:
            data = {"event": signal.event.id, "why": signal.why}
            await self.append("signal.unused", actor, data, id=receipt_id(signal.event.id))
        if due:
            await self.signals()
        return [signal.event.id for signal in due]

    async def consumed(self, signal: Ack, timeout_s: float) -> bool:
        """Whether an agent has used `signal`: False as soon as it is known that none will, or after
        `timeout_s`.
        """
        with suppress(TimeoutError, CursorLost):
            async with asyncio.timeout(timeout_s):
                return await self._becomes_used(signal.event.id)
        return False

    async def _becomes_used(self, signal_id: str) -> bool:
        signals = await self.signals()
        news = cast(AsyncGenerator[Event, None], self.read(signals.cursor, lane="quiet"))
        async with aclosing(news):
            while signals.state(signal_id) == "pending":
                if any(due.event.id == signal_id for due in signals.unanswered()):
                    await self.settle()
                    return False
                signals.apply(await anext(news))
        return signals.state(signal_id) == "used"

    async def conversation(self, after: Conversation | None = None) -> Conversation:
        """Fold all that is stored now; with `after`, go on from that fold.

        Where the log began anew since, or was purged, it is a fresh fold of what is there.
        """
        conversation = after or Conversation(self.id)
        try:
            await self._fold_into(conversation)
        except CursorLost:
            conversation = Conversation(self.id)
            await self._fold_into(conversation)
        return conversation

    async def _fold_into(self, conversation: Conversation) -> None:
        async for event in self.read(conversation.cursor, follow=False):
            conversation.apply(event)

    async def trace(self) -> Trace:
        """The session so far as a Trace whose steps keep the ids of their events."""
        return (await self.conversation()).trace()


def _token(id: str, what: str) -> str:
    if not ID_PATTERN.fullmatch(id):
        raise ValueError(f"{what} id {id!r}: use 1 to 128 letters, digits, '-' or '_'")
    return id


def known_source(source: Source | None) -> Source:
    """The source of a run's words: as stated, or ``imported`` where nobody says. Raises ValueError
    for another word.
    """
    if source is None:
        return "imported"
    if source not in get_args(Source):
        raise ValueError(f"a run's source is {', '.join(get_args(Source))}, not {source!r}")
    return source
