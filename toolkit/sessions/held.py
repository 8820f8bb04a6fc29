"""HeldRun: a run that this process holds, by a fence and a lease; it hears signals, and writes."""

import asyncio
import time
from contextlib import suppress
from typing import Any

from toolkit.events import Event, Outcome, fresh_id
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.inbox import NO_EVIDENCE, Inbox
from toolkit.sessions.lease import LEASE_TTL_S, RENEWALS
from toolkit.sessions.log import Ack, CursorLost, Fenced, LogUnavailable
from toolkit.sessions.session_log import SessionLog
from toolkit.sessions.signals import Signals
from toolkit.sessions.writer import Writer
from toolkit.tasks import stop

WINDOW_S = 0.04
"""Words of this long are stored as one event: 25 a second, whatever the model's pace."""
CATCH_UP_S = 5.0


class HeldRun:
    """What a `Run` has of the session: its fence, its lease, its inbox and its writer."""

    def __init__(
        self,
        session: SessionLog,
        actor: str,
        id: str,
        window_s: float = WINDOW_S,
        ttl_s: float = LEASE_TTL_S,
    ):
        if not (window_s >= 0 and ttl_s > 0):
            raise ValueError(f"window_s is 0 or more and ttl_s above 0, not {window_s} and {ttl_s}")
        self.session = session
        self.actor = actor
        self.id = id
        self.ttl_s = ttl_s
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
    def cancelled(self) -> bool:
        """Whether somebody asked this run to stop. A closed connection never does."""
        return self.inbox.cancelled

    @property
    def fence(self) -> int:
        """The event that makes this run ours: each write names it, and is refused once another
        agent has adopted.
        """
        return self.writer.fence

    async def take(
        self, kind: str, data: dict[str, Any], expected_fence: int, heed: bool = True
    ) -> None:
        """Make the run ours by an event of `kind`, where its fence is still `expected_fence`; then
        listen and renew.

        A fence of 0 is that of a run that begins now; with any other, the run is adopted. With
        `heed`, signals that came before a new run count: its id was known to others.
        """
        ack = await self.session.log.append(self.event(kind, data), expected_fence)
        is_adoption = expected_fence > 0
        self.writer.fence = ack.seq
        await self._renew_once()
        after = ack.seq
        if is_adoption:
            # Only now: the agent before may have written until this very event, and writes nothing
            # after it.
            folded = await self.session.conversation()
            self.writer.folded = folded
            self._inherit_questions(folded)
            after = self._inherit(folded.signals)
        elif heed:
            after = self._inherit(await self.session.signals())
        self.writer.folded.apply(ack.event)
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
        # By the wall clock, whatever clock the session keeps: this process is alive now.
        now = time.time()
        session = self.session
        renewal = Event(session.id, "lease.renewed", self.actor, data, fresh_id(), self.id, now)
        await session.log.append(renewal, self.fence)

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

    async def catch_up(self) -> None:
        """Hear what is on the log already, though its delivery is under way."""
        after = self.fence
        if self.signals:
            after = max(after, self.signals[-1].seq or 0)
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                signals = self.session.read(after, follow=False, lane="control", run=self.id)
                async for signal in signals:
                    self._hear(signal)

    def event(self, kind: str, data: dict[str, Any], id: str | None = None) -> Event:
        """Make an event of this run, to be written."""
        return self.session.event(kind, self.actor, data, self.id, id)

    async def append(self, kind: str, data: dict[str, Any]) -> Ack:
        """Write an event of the run after the words that wait, with the receipts of the steers
        that the run has taken, which it shows to be heeded (unless its kind is in NO_EVIDENCE).
        """
        if kind not in NO_EVIDENCE:
            self.acknowledge(self.inbox.taken)
        return await self.store(kind, data)

    async def store(self, kind: str, data: dict[str, Any], id: str | None = None) -> Ack:
        """Write an event of the run after the words that wait, without receipts of steers: `append`
        sends those too.
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

    async def stop_listening(self) -> None:
        """Let go of the control feed and of the lease, without ending the run on the log."""
        tasks = self._tasks
        self._tasks = []
        # All of them first, as the waiting may be cancelled: a lease must not outlive its run.
        for task in tasks:
            task.cancel()
        with suppress(LogUnavailable, Fenced):
            await self.writer.close()
        for task in tasks:
            with suppress(LogUnavailable, Fenced):
                await stop(task)
