"""Session: a named, shared, resumable log between agents and the people who watch and steer
them.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, cast, get_args

from toolkit.events import Event, fresh_id
from toolkit.sessions.held import WINDOW_S
from toolkit.sessions.lease import LEASE_TTL_S, lease_ends
from toolkit.sessions.log import Ack, CursorLost, Fenced, Log, LogUnavailable
from toolkit.sessions.presence import Watch
from toolkit.sessions.run import Run
from toolkit.sessions.session_log import SessionLog, checked_id
from toolkit.traces import Source

SETTLE_S = 5.0
"""Whoever sends a signal waits no longer than this to learn that nobody can use it."""


class Session(SessionLog):
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
        super().__init__(log, id, clock, new_id)
        self._watch = Watch()

    async def say(
        self, text: str, actor: str = "user", id: str | None = None, screen: str = ""
    ) -> Ack:
        """Write a whole message. The same `id` twice is one message.

        `screen` names the device that it was written on, here and in the signals: one person may
        have several.
        """
        return await self.append("message", actor, {"text": text} | named(screen), id=id)

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
        run = Run(self, actor, checked_id(id or self.new_id(), "run"), window_s, ttl_s)
        await run.take("run.started", {"source": known_source(source)}, 0, heed=id is not None)
        return run

    @asynccontextmanager
    async def run(
        self,
        actor: str,
        source: Source | None = None,
        id: str | None = None,
        window_s: float = WINDOW_S,
        ttl_s: float = LEASE_TTL_S,
    ) -> AsyncIterator[Run]:
        """A run that ends with its block, whatever happens in it; see `start_run`.

        It ends as ``complete``, or ``cancelled`` where a cancel was heard or the block was
        cancelled. An exception is an ``error`` event, and the run ends so. A block that has ended
        its run by itself, with ``run.finish``, has the last word. No lease is left behind.

        >>> import asyncio
        >>> from toolkit.sessions import MemoryLog
        >>> async def demo():
        ...     async with Session(MemoryLog(), "demo").run("agent", source="simulated") as run:
        ...         await run.write("Hello")
        ...     return run.outcome
        >>> asyncio.run(demo())
        'complete'
        """
        run = await self.start_run(actor, source, id, window_s, ttl_s)
        try:
            yield run
            await run.finish()
        except BaseException as error:
            # The error of the block is the one to raise, whatever the log says meanwhile.
            with suppress(Fenced, LogUnavailable):
                if run.outcome is None and isinstance(error, Exception):
                    await run.fail(error)
                elif run.outcome is None:
                    await run.finish("cancelled")
            raise
        finally:
            await run.stop_listening()

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

    async def end_if_silent(self, run: str, fence: int, actor: str) -> bool:
        """Wait for the next sign of life of `run`, or for its lease to run out: then it is ended,
        as ``orphaned``, and True is returned. Its agent cannot write any more.

        Parameters
        ----------
        run : str
            One of another agent.
        fence : int
            Of the run: the place of the event that it was started or adopted with.
        actor : str
            Who ends it.
        """
        if not await lease_ends(self, run):
            return False
        with suppress(Fenced):  # somebody was quicker
            end = self.event("run.finished", actor, {"outcome": "orphaned"}, run)
            await self.log.append(end, fence)
        return True

    async def present(self) -> set[str]:
        """The surfaces that are here: joined, not left, and heard of within the time that they
        named.

        It goes by when their renewals arrive here, so a surface whose clock is off counts like any
        other. Where that is not known yet, as at the first sight of one that crashed, it watches
        for a renewal before it answers.
        """
        return await self._watch.here(self, (await self.conversation()).present)

    async def cancel(self, run: str | None = None, actor: str = "user", screen: str = "") -> Ack:
        """Ask that `run` stop; without one, all that was asked before: runs under way, and messages
        that wait.

        Asking twice is the same as asking once. What is said later is answered as ever.
        """
        return await self._signal("cancel", actor, named(screen), run)

    async def steer(
        self, text: str, run: str | None = None, actor: str = "user", screen: str = ""
    ) -> Ack:
        """Give the agent a word to take into account at its next step; `consumed` tells whether it
        did.
        """
        return await self._signal("steer", actor, {"text": text} | named(screen), run)

    async def interrupt(
        self, text: str = "", run: str | None = None, actor: str = "user", screen: str = ""
    ) -> Ack:
        """Ask that the model call in progress be broken off; the run goes on."""
        return await self._signal("interrupt", actor, {"text": text} | named(screen), run)

    async def approve(
        self,
        request: str,
        answer: bool,
        run: str | None = None,
        actor: str = "user",
        screen: str = "",
    ) -> Ack:
        """Answer an agent's request for approval, by the id of the event that asked."""
        data = {"request": request, "answer": answer} | named(screen)
        return await self._signal("approve", actor, data, run)

    async def _signal(self, kind: str, actor: str, data: dict[str, Any], run: str | None) -> Ack:
        """Write a signal; where nobody can use it any more, its answer too."""
        ack = await self.append(kind, actor, data, run)
        with suppress(LogUnavailable, TimeoutError):  # then whoever attends the session answers it
            async with asyncio.timeout(SETTLE_S):
                await self.settle(until=ack.seq)
        return ack

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


def named(screen: str) -> dict[str, Any]:
    """What the data of a message or a signal says of its screen: nothing where nobody named one."""
    return {"screen": screen} if screen else {}


def known_source(source: Source | None) -> Source:
    """The source of a run's words: as stated, or ``imported`` where nobody says. Raises ValueError
    for another word.
    """
    if source is None:
        return "imported"
    if source not in get_args(Source):
        raise ValueError(f"a run's source is {', '.join(get_args(Source))}, not {source!r}")
    return source
