"""Run: one agent's turn on a session, from ``run.started`` to one ``run.finished``."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from toolkit.events import Event, Outcome, fresh_id
from toolkit.models import Model, Reply, Request
from toolkit.sessions.approvals import ask, last_answers, settle
from toolkit.sessions.calls import stream_call, unless_interrupted
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.inbox import NO_EVIDENCE, Inbox
from toolkit.sessions.lease import LEASE_TTL_S, RENEWALS
from toolkit.sessions.log import Ack, CursorLost, Fenced, LogUnavailable, shielded, stop
from toolkit.sessions.signals import Signals
from toolkit.sessions.writer import Writer

if TYPE_CHECKING:
    from toolkit.sessions.session import Session

T = TypeVar("T")

WINDOW_S = 0.04
"""Words of this long are stored as one event: 25 a second, whatever the model's pace."""
CATCH_UP_S = 5.0


class Run:
    """A run in progress. Make one with `Session.start_run`; signals to it are heard while it runs."""

    def __init__(
        self,
        session: "Session",
        actor: str,
        id: str,
        window_s: float = WINDOW_S,
        ttl_s: float = LEASE_TTL_S,
    ):
        if not (window_s >= 0 and ttl_s > 0):
            raise ValueError(f"window_s is 0 or more and ttl_s above 0, not {window_s} and {ttl_s}")
        self.session, self.actor, self.id, self.ttl_s = session, actor, id, ttl_s
        self.outcome: Outcome | None = None
        """How it ended; None while it runs."""
        self.lost = False
        """Whether another agent has it now; what waits for an answer raises `Fenced` then."""
        self.inbox = Inbox()
        """What was heard of people, and what the run has done with it."""
        self.writer = Writer(session.log, self.event, id, window_s)
        """What the run puts out, on its way to the log."""
        self._tasks: list[asyncio.Task[None]] = []
        self._heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def signals(self) -> list[Event]:
        """The control events addressed to this run, in order: cancel, steer, interrupt, approve."""
        return self.inbox.signals

    @property
    def fence(self) -> int:
        """The event that makes this run ours: each write names it, and is refused once another
        agent has adopted.
        """
        return self.writer.fence

    async def take(self, kind: str, data: dict[str, Any], fence: int, heed: bool = True) -> None:
        """Make the run ours by an event of `kind`, where its fence is still `fence`; then listen
        and renew.

        With `heed`, signals that came before the run count: its id was known to others.
        """
        ack = await self.session.log.append(self.event(kind, data), fence)
        self.writer.fence = ack.seq
        await self._renew_once()
        after = ack.seq
        if fence:
            # Only now: the agent before may have written until this very event, and writes nothing
            # after it.
            known = await self.session.conversation()
            self.writer.words = known
            self._inherit_questions(known)
            after = self._inherit(known.signals)
        elif heed:
            after = self._inherit(await self.session.signals())
        self.writer.words.apply(ack.event)
        self._tasks = [asyncio.create_task(self._listen(after)), asyncio.create_task(self._renew())]

    def _inherit(self, signals: Signals) -> int:
        """Hear what came before; returns the cursor from where to listen."""
        for signal in signals.reaching(self.id):
            self.inbox.inherit(signal)
        return signals.cursor

    def _inherit_questions(self, known: Conversation) -> None:
        for item in (*known.items, *known.replaced):
            if item.kind == "approval.asked" and known.signals.questions.get(item.id) == self.id:
                self.inbox.questions[item.id] = str(item.data.get("question"))
        self.inbox.inherited = dict(self.inbox.questions)

    async def _listen(self, after: int) -> None:
        # A log that began anew does not have this run: the next write says so.
        with suppress(CursorLost):
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
        # By the wall clock, whatever clock the session keeps: it says that this process is alive
        # now.
        renewal = Event(
            self.session.id, "lease.renewed", self.actor, data, fresh_id(), self.id, time.time()
        )
        await self.session.log.append(renewal, self.fence)

    def _hear(self, event: Event) -> None:
        # The log gives what is for this run or for whoever runs, and this run is under way since
        # before `event`.
        if self.inbox.hear(event):
            self._wake()

    def _wake(self) -> None:
        self._heard.set_result(None)
        self._heard = asyncio.get_running_loop().create_future()

    def next_signal(self) -> asyncio.Future[None]:
        """To be waited for, never awaited: what is awaited is cancelled with its waiter."""
        if self.lost:
            raise Fenced(f"run {self.id} of session {self.session.id} is another agent's now")
        return self._heard

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked this run to stop. A closed connection never does."""
        return self.inbox.cancelled

    @property
    def text(self) -> str:
        """The run's words so far, as they stand on the log."""
        return self.writer.text

    async def write(self, text: str) -> Ack | None:
        """Add words. The first are stored at once; later ones within the window, together.

        Returns
        -------
        Ack or None
            The acknowledgement, where the words were stored by this call; None where they wait for
            the window to pass. `flush` stores what waits.

        Raises
        ------
        Fenced
            Another agent has adopted this run. Nothing of it is stored.
        LogUnavailable
            The log did not acknowledge in time. The words are kept, and go before the next: do not
            write them again.
        """
        if not isinstance(text, str):
            raise TypeError(f"a run's words are a str, not {type(text).__name__}: {text!r}")
        if self.outcome:
            raise Fenced(f"run {self.id} has ended ({self.outcome}): nothing can be added to it")
        if text:
            self.acknowledge(self.inbox.taken)
        return await self.writer.add(text)

    async def flush(self) -> Ack | None:
        """Store the words that wait. Returns None where there were none."""
        return await self.writer.store()

    async def stream(self, model: Model, request: Request) -> Reply | None:
        """Write a model's words as they come, then what they cost. None where a cancel or an
        interrupt broke it off.

        A call that is broken off has its ``model.usage`` too: it may have been billed, and the
        model did not say how much.
        """
        return await self.unless_interrupted(stream_call(self, model, request))

    async def call_tool(
        self, name: str, arguments: dict[str, Any], call_id: str | None = None
    ) -> str:
        """Record that a tool is called. Returns the call's id, which its result must name."""
        call_id = call_id or self.session.new_id()
        await self.append("tool.call", {"call_id": call_id, "name": name, "arguments": arguments})
        return call_id

    async def tool_result(self, call_id: str, content: str, error: bool = False) -> Ack:
        """Record what the tool answered."""
        return await self.append(
            "tool.result", {"call_id": call_id, "content": content, "error": error}
        )

    async def step(self, name: str, attempt: int = 1) -> None:
        """Begin a step, or another attempt at it: what an earlier attempt put out is replaced on
        every surface.
        """
        await self.append("step.started", {"step": name, "attempt": attempt})

    async def roll_back(self) -> None:
        """Take back everything that this run put out: no surface shows it any more, the log keeps
        it.

        A question that nobody has answered is withdrawn. An answer that came already counts where
        the agent asks the same again.
        """
        self.writer.drop()
        for request in self.inbox.unanswered_questions():
            await settle(self, request, None, "the run was rolled back")
        await self.append("run.rolled_back", {})

    async def append(self, kind: str, data: dict[str, Any]) -> Ack:
        """Write an event of the run, after the words that wait."""
        if kind not in NO_EVIDENCE:
            self.acknowledge(self.inbox.taken)
        return await self.store(kind, data)

    async def store(self, kind: str, data: dict[str, Any], id: str | None = None) -> Ack:
        """Write an event of the run that shows nothing of its steers: `append` for what a model was
        asked for.
        """
        ack = await self.writer.store(self.event(kind, data, id))
        assert ack
        return ack

    def acknowledge(self, steers: dict[str, Event]) -> None:
        """Have the receipts of `steers` go before what is written next."""
        for steer_id, steer in list(steers.items()):
            if self.inbox.taken.pop(steer_id, None):
                self.inbox.answer(steer_id)
                self.writer.put(self.event("steer.consumed", {"event": steer.id}))

    async def finish(self, outcome: Outcome | None = None) -> None:
        """End the run, once: ``cancelled`` by default where a cancel was acknowledged before, else
        ``complete``.
        """
        if outcome not in (None, *get_args(Outcome)):
            raise ValueError(f"a run ends as {', '.join(get_args(Outcome))}, not as {outcome!r}")
        try:
            await shielded(self._end(outcome))
        finally:
            await self.stop_listening()

    async def _end(self, outcome: Outcome | None) -> None:
        if self.outcome is not None:
            return
        await self.catch_up()
        outcome = outcome or ("cancelled" if self.cancelled else "complete")
        self.outcome = await self.writer.end(outcome, await last_answers(self, outcome))
        self.lost = False  # A renewal that met the run's own end was refused like one that met another agent.
        with suppress(LogUnavailable):
            await self.catch_up()
            # One may have come while the run was ending, or its receipt was refused by the log: no
            # agent is left to use it.
            if any(
                signal.kind != "cancel" or self.outcome != "cancelled" for signal in self.signals
            ):
                await self.session.settle(self.actor)

    async def catch_up(self) -> None:
        """Hear what is on the log already, though its delivery is under way."""
        after = max([self.fence, *(signal.seq or 0 for signal in self.signals[-1:])])
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                async for signal in self.session.read(
                    after, follow=False, lane="control", run=self.id
                ):
                    self._hear(signal)

    async def take_steers(self) -> list[Event]:
        """The steers, and the interrupts with words, that were not taken yet; none once the run is
        cancelled.

        To take them is to say: what I put out next was asked for with these words. So the log says
        ``steer.consumed`` together with the next words, tool call or cost of a model, and not before. Where none
        follow, the run's end says ``signal.unused``.
        """
        return self.inbox.take_words()

    async def unless_interrupted(self, work: Awaitable[T], by_steers: bool = False) -> T | None:
        """Await `work`, a model call say, and break it off when a cancel or an interrupt is heard:
        None then.

        With `by_steers` a steer, or one that nobody has taken yet, breaks it off as well.
        """
        return await unless_interrupted(self, work, by_steers)

    async def ask(self, question: str, timeout_s: float) -> bool | None:
        """Suspend the run until somebody approves or refuses; the first answer wins, None at the
        deadline.

        In a run that was adopted, a question that the agent before had open is not put again: its
        answer counts, also one that was given meanwhile.
        """
        return await ask(self, question, timeout_s)

    async def stop_listening(self) -> None:
        """Let go of the control feed and of the lease, without ending the run on the log."""
        tasks, self._tasks = self._tasks, []
        for task in (
            tasks
        ):  # All of them first, as the waiting may be cancelled: a lease must not outlive its run.
            task.cancel()
        with suppress(LogUnavailable, Fenced):
            await self.writer.close()
        for task in tasks:
            with suppress(LogUnavailable, Fenced):
                await stop(task)

    def event(self, kind: str, data: dict[str, Any], id: str | None = None) -> Event:
        """Make an event of this run, to be written."""
        return self.session.event(kind, self.actor, data, self.id, id)
