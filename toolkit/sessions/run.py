"""Run: one agent's turn on a session, from ``run.started`` to one ``run.finished``."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import aclosing, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from toolkit.events import Event, Outcome, fresh_id
from toolkit.models import Model, Reply, Request
from toolkit.models.ledger import cost_usd
from toolkit.sessions.log import Ack, Fenced, LogUnavailable, shielded, stop
from toolkit.sessions.writer import Writer

if TYPE_CHECKING:
    from toolkit.sessions.session import Session

T = TypeVar("T")

WINDOW_S = 0.04
"""Words of this long are stored as one event: 25 a second, whatever the model's pace."""
LEASE_TTL_S = 10.0
CATCH_UP_S = 5.0
RENEWALS = 3
"""Renewals of a lease in its time to live."""


class Run:
    """A run in progress. Make one with `Session.start_run`; signals to it are heard while it runs."""

    def __init__(self, session: "Session", actor: str, id: str, window_s: float = WINDOW_S, ttl_s: float = LEASE_TTL_S):
        if not (window_s >= 0 and ttl_s > 0):
            raise ValueError(f"window_s is 0 or more and ttl_s above 0, not {window_s} and {ttl_s}")
        self.session, self.actor, self.id, self.ttl_s = session, actor, id, ttl_s
        self.signals: list[Event] = []
        """The control events addressed to this run, in order: cancel, steer, interrupt, approve."""
        self.outcome: Outcome | None = None
        """How it ended; None while it runs."""
        self.lost = False
        """Whether another agent has it now; what waits for an answer raises `Fenced` then."""
        self._writer = Writer(session.log, self._event, id, window_s)
        self._since = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._consumed: set[str] = set()

    @property
    def fence(self) -> int:
        """The event that makes this run ours: each write names it, and is refused once another agent has adopted."""
        return self._writer.fence

    async def take(self, kind: str, data: dict[str, Any], fence: int, heed: bool = True) -> None:
        """Make the run ours by an event of `kind`, where its fence is still `fence`; then listen and renew.

        With `heed`, signals that came before the run count: its id was known to others.
        """
        ack = await self.session.log.append(self._event(kind, data), fence)
        self._writer.fence = ack.seq
        await self._renew_once()
        if fence:
            # Only now: the agent before may have written until this very event, and writes nothing after it.
            self._writer.words = await self.session.conversation()
        words = self._writer.words
        words.apply(ack.event)
        self._since = words.runs[self.id].started
        known = [*words.items, *words.replaced]
        self._consumed = {str(item.data.get("event")) for item in known if item.kind == "steer.consumed"}
        if heed:
            async for signal in self.session.read(follow=False, lane="control", run=self.id):
                self._hear(signal)
        after = self.signals[-1].seq if self.signals else 0 if heed else ack.seq
        self._tasks = [asyncio.create_task(self._listen(after or 0)), asyncio.create_task(self._renew())]

    async def _listen(self, after: int) -> None:
        async for event in self.session.read(after, lane="control", run=self.id):
            self._hear(event)

    async def _renew(self) -> None:
        with suppress(Fenced):
            while True:
                await asyncio.sleep(self.ttl_s / RENEWALS)
                with suppress(LogUnavailable):
                    await self._renew_once()
        self.lost = self.outcome is None
        self._wake()

    async def _renew_once(self) -> None:
        data = {"ttl_s": self.ttl_s, "fence": self.fence}
        # By the wall clock, whatever clock the session keeps: it says that this process is alive now.
        renewal = Event(self.session.id, "lease.renewed", self.actor, data, fresh_id(), self.id, time.time())
        await self.session.log.append(renewal, self.fence)

    def _hear(self, event: Event) -> None:
        to_whoever_runs = event.run is None and (event.seq or 0) > self._since
        if (event.run == self.id or to_whoever_runs) and all(event.id != known.id for known in self.signals):
            self.signals.append(event)
            self._wake()

    def _wake(self) -> None:
        self._heard.set_result(None)
        self._heard = asyncio.get_running_loop().create_future()

    def _next_signal(self) -> asyncio.Future[None]:
        """To be waited for, never awaited: what is awaited is cancelled with its waiter."""
        if self.lost:
            raise Fenced(f"run {self.id} of session {self.session.id} is another agent's now")
        return self._heard

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked this run to stop. A closed connection never does."""
        return any(event.kind == "cancel" for event in self.signals)

    @property
    def text(self) -> str:
        """The run's words so far, as they stand on the log."""
        return self._writer.text

    async def write(self, text: str) -> Ack | None:
        """Add words. The first are stored at once; later ones within the window, together.

        Returns
        -------
        Ack or None
            The acknowledgement, where the words were stored by this call; None where they wait for the window to
            pass. `flush` stores what waits.

        Raises
        ------
        Fenced
            Another agent has adopted this run. Nothing of it is stored.
        LogUnavailable
            The log did not acknowledge in time. The words are kept, and go before the next: do not write them again.
        """
        if not isinstance(text, str):
            raise TypeError(f"a run's words are a str, not {type(text).__name__}: {text!r}")
        if self.outcome:
            raise Fenced(f"run {self.id} has ended ({self.outcome}): nothing can be added to it")
        return await self._writer.add(text)

    async def flush(self) -> Ack | None:
        """Store the words that wait. Returns None where there were none."""
        return await self._writer.store()

    async def stream(self, model: Model, request: Request) -> Reply | None:
        """Write a model's words as they come, then what they cost. None where a cancel or an interrupt broke it off."""
        return await self.unless_interrupted(self._stream(model, request))

    async def _stream(self, model: Model, request: Request) -> Reply:
        async with aclosing(model.stream(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Reply):
                    break
                await self.write(piece)
        assert isinstance(piece, Reply)
        cost = round(cost_usd(piece.model, piece.usage), 8)
        why = {} if piece.ok else {"stopped": piece.stopped, "why": piece.why}
        await self.append("model.usage", {"usage": asdict(piece.usage), "cost_usd": cost, "model": piece.model, **why})
        return piece

    async def call_tool(self, name: str, arguments: dict[str, Any], call_id: str | None = None) -> str:
        """Record that a tool is called. Returns the call's id, which its result must name."""
        call_id = call_id or self.session.new_id()
        await self.append("tool.call", {"call_id": call_id, "name": name, "arguments": arguments})
        return call_id

    async def tool_result(self, call_id: str, content: str, error: bool = False) -> Ack:
        """Record what the tool answered."""
        return await self.append("tool.result", {"call_id": call_id, "content": content, "error": error})

    async def step(self, name: str, attempt: int = 1) -> None:
        """Begin a step, or another attempt at it: what an earlier attempt put out is replaced on every surface."""
        await self.append("step.started", {"step": name, "attempt": attempt})

    async def roll_back(self) -> None:
        """Take back everything that this run put out: no surface shows it any more, the log keeps it."""
        self._writer.drop()
        await self.append("run.rolled_back", {})

    async def append(self, kind: str, data: dict[str, Any]) -> Ack:
        """Write an event of the run, after the words that wait."""
        ack = await self._writer.store(self._event(kind, data))
        assert ack
        return ack

    async def finish(self, outcome: Outcome | None = None) -> None:
        """End the run, once: ``cancelled`` by default where a cancel was acknowledged before, else ``complete``."""
        if outcome not in (None, *get_args(Outcome)):
            raise ValueError(f"a run ends as {', '.join(get_args(Outcome))}, not as {outcome!r}")
        try:
            await shielded(self._end(outcome))
        finally:
            await self.stop_listening()

    async def _end(self, outcome: Outcome | None) -> None:
        if self.outcome is None:
            if outcome is None and not self.cancelled:
                await self._catch_up()
            self.outcome = await self._writer.end(outcome or ("cancelled" if self.cancelled else "complete"))
            self.lost = False  # A renewal that met the run's own end was refused like one that met another agent.

    async def _catch_up(self) -> None:
        """Hear what is on the log already, though its delivery is under way."""
        after = max([self.fence, *(signal.seq or 0 for signal in self.signals)])
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                async for signal in self.session.read(after, follow=False, lane="control", run=self.id):
                    self._hear(signal)

    async def take_steers(self) -> list[Event]:
        """The steers not taken yet. Each is marked as consumed on the log, so that its sender can know."""
        fresh = [one for one in self.signals if one.kind == "steer" and one.id not in self._consumed]
        for steer in fresh:
            await self.append("steer.consumed", {"event": steer.id})
        # Only now: what is not returned here was not taken, whatever the log says.
        self._consumed.update(steer.id for steer in fresh)
        return fresh

    async def unless_interrupted(self, work: Awaitable[T]) -> T | None:
        """Await `work`, a model call say, and break it off when a cancel or an interrupt is heard: None then."""
        seen = len(self.signals)
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                if self.cancelled or any(signal.kind == "interrupt" for signal in self.signals[seen:]):
                    return None
                either: tuple[asyncio.Future[Any], ...] = task, self._next_signal()
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return task.result()
        finally:
            # Also where the caller itself is cancelled: a call that nobody awaits would be paid for.
            task.cancel()
            await asyncio.wait([task])
            _ = task.cancelled() or task.exception()

    async def ask(self, question: str, timeout_s: float) -> bool | None:
        """Suspend the run until somebody approves or refuses; the first answer wins, None at the deadline."""
        await self.append("run.suspended", {})
        asked = await self.append("approval.asked", {"question": question, "timeout_s": timeout_s})
        answer: bool | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while (answer := self._answer(asked.event.id)) is None and not self.cancelled:
                    await asyncio.wait([self._next_signal()])
        if answer is None and not self.cancelled:
            await self._catch_up()
            answer = self._answer(asked.event.id)
        await self.append("approval.settled", {"request": asked.event.id, "answer": answer})
        await self.append("run.resumed", {})
        return answer

    def _answer(self, request: str) -> bool | None:
        answers = (one.data for one in self.signals if one.kind == "approve" and one.data.get("request") == request)
        return next((bool(data.get("answer")) for data in answers), None)

    async def stop_listening(self) -> None:
        """Let go of the control feed and of the lease, without ending the run on the log."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:  # All of them first, as the waiting may be cancelled: a lease must not outlive its run.
            task.cancel()
        with suppress(LogUnavailable, Fenced):
            await self._writer.close()
        for task in tasks:
            with suppress(LogUnavailable, Fenced):
                await stop(task)

    def _event(self, kind: str, data: dict[str, Any]) -> Event:
        return self.session.event(kind, self.actor, data, self.id)
