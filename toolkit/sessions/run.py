"""Run: one agent's turn on a session, from ``run.started`` to one ``run.finished``."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar, get_args
from uuid import uuid4

from toolkit.events import Event, Outcome
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.log import Ack, Fenced, LogUnavailable, shielded, stop

if TYPE_CHECKING:
    from toolkit.sessions.session import Session

T = TypeVar("T")

WINDOW_S = 0.04
"""Words of this long are stored as one event: 25 a second, whatever the model's pace."""
SNAPSHOT_CHARS = 512
"""A snapshot stands beside the log whenever a run's words have grown by this much, and by a quarter."""
SNAPSHOT_MAX_CHARS = 200_000
"""A longer text gets no further snapshot: one must fit into a message."""
FEW_DELTAS = 8
"""A run of no more than these needs no snapshot at its end: a late reader takes the deltas."""
LEASE_TTL_S = 10.0
RENEWALS = 3
"""Renewals of a lease in its time to live."""
PENDING_CHARS = 65_536
"""A writer that is further ahead of the log waits for it."""


class Run:
    """A run in progress. Make one with `Session.start_run`; signals to it are heard while it runs."""

    def __init__(self, session: "Session", actor: str, id: str, window_s: float = WINDOW_S, ttl_s: float = LEASE_TTL_S):
        self.session, self.actor, self.id = session, actor, id
        self.window_s, self.ttl_s = window_s, ttl_s
        self.fence = 0
        """The event that makes this run ours: each write names it, and is refused once another agent has adopted."""
        self.signals: list[Event] = []
        """The control events addressed to this run, in order: cancel, steer, interrupt, approve."""
        self.outcome: Outcome | None = None
        """How it ended; None while it runs."""
        self.lost = False
        """Whether another agent has it now; what waits for an answer raises `Fenced` then."""
        self._since = 0
        self._words = Conversation(session.id)
        self._pending: list[str] = []
        self._unstored: deque[Event] = deque()
        self._ending: list[Event] = []
        self._writing = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = asyncio.Event()
        self._chars, self._next_snapshot = 0, SNAPSHOT_CHARS
        self._deltas = 0
        self._consumed: set[str] = set()

    async def take(self, kind: str, data: dict[str, Any], fence: int) -> None:
        """Make the run ours by an event of `kind`, where its fence is still `fence`; then listen and renew."""
        ack = await self.session.log.append(self._event(kind, data), fence)
        self.fence = ack.seq
        await self._renew_once()
        if fence:
            # Only now: the agent before may have written until this very event, and writes nothing after it.
            self._words = await self.session.conversation()
        self._words.apply(ack.event)
        self._since = self._words.runs[self.id].started
        known = [*self._words.items, *self._words.replaced]
        self._consumed = {str(item.data.get("event")) for item in known if item.kind == "steer.consumed"}
        async for signal in self.session.read(follow=False, lane="control"):
            self._hear(signal)
        after = self.signals[-1].seq if self.signals else 0
        self._tasks = [asyncio.create_task(self._listen(after or 0)), asyncio.create_task(self._renew())]

    async def _listen(self, after: int) -> None:
        async for event in self.session.read(after, lane="control"):
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
        renewal = Event(self.session.id, "lease.renewed", self.actor, data, uuid4().hex, self.id, time.time())
        await self.session.log.append(renewal, self.fence)

    def _hear(self, event: Event) -> None:
        to_whoever_runs = event.run is None and (event.seq or 0) > self._since
        if (event.run == self.id or to_whoever_runs) and all(event.id != known.id for known in self.signals):
            self.signals.append(event)
            self._wake()

    def _wake(self) -> None:
        self._heard.set()
        self._heard = asyncio.Event()

    async def _next_signal(self) -> None:
        if self.lost:
            raise Fenced(f"run {self.id} of session {self.session.id} is another agent's now")
        await self._heard.wait()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked this run to stop. A closed connection never does."""
        return any(event.kind == "cancel" for event in self.signals)

    @property
    def text(self) -> str:
        """The run's words so far, as they stand on the log."""
        return "".join(item.text for item in self._mine())

    def _mine(self) -> list[Any]:
        return [item for item in self._words.items if item.run == self.id and item.kind == "text.delta"]

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
        self._pending.append(text)
        self._raise_what_failed()
        first = not self._words.items
        if self.window_s <= 0 or first or sum(map(len, self._pending)) > PENDING_CHARS:
            return await self.flush()
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_later())
            self._flushing.add_done_callback(lambda task: task.cancelled() or task.exception())
        return None

    def _raise_what_failed(self) -> None:
        failed = self._flushing if self._flushing and self._flushing.done() else None
        if failed:
            self._flushing = None
            failed.result()

    async def _flush_later(self) -> None:
        while self._pending:
            await asyncio.sleep(self.window_s)
            await self.flush()

    async def flush(self) -> Ack | None:
        """Store the words that wait. Returns None where there were none."""
        return await shielded(self._store())

    async def _store(self, event: Event | None = None) -> Ack | None:
        """Store, in order: what was not acknowledged before, the words that wait, and `event`."""
        async with self._writing:
            text, self._pending = "".join(self._pending), []
            cuts = range(0, len(text), PENDING_CHARS)  # a server takes no message of any size
            made = [self._event("text.delta", {"text": text[at : at + PENDING_CHARS]}) for at in cuts]
            self._unstored += made + ([event] if event else [])
            ack = None
            while self._unstored:
                ack = await self.session.log.append(self._unstored[0], self.fence)
                self._unstored.popleft()
                self._words.apply(ack.event)
                if ack.event.kind == "text.delta":
                    await self._snapshot_if_due(len(ack.event.data["text"]))
            return ack

    async def _snapshot_if_due(self, chars: int) -> None:
        self._deltas += 1
        self._chars += chars
        if self._next_snapshot <= self._chars <= SNAPSHOT_MAX_CHARS:
            self._next_snapshot = self._chars + max(SNAPSHOT_CHARS, self._chars // 4)
            with suppress(LogUnavailable):  # It repeats what is stored.
                await self.session.log.append(self._snapshot(open_=True), self.fence)

    def _snapshot(self, open_: bool) -> Event:
        mine = self._mine()
        items = [[item.id, item.seq, item.time, len(item.text), item.step, item.actor] for item in mine]
        covers = self._words.runs[self.id].words_seq
        data = {"text": self.text, "items": items, "covers": covers, "open": open_}
        return self._event("text.snapshot", data)

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
        self._pending.clear()
        await self.append("run.rolled_back", {})

    async def append(self, kind: str, data: dict[str, Any]) -> Ack:
        """Write an event of the run, after the words that wait."""
        ack = await shielded(self._store(self._event(kind, data)))
        assert ack
        return ack

    async def finish(self, outcome: Outcome | None = None) -> None:
        """End the run, once: by default ``cancelled`` where a cancel was heard, else ``complete``."""
        if outcome not in (None, *get_args(Outcome)):
            raise ValueError(f"a run ends as {', '.join(get_args(Outcome))}, not as {outcome!r}")
        try:
            await shielded(self._end(outcome))
        finally:
            await self.stop_listening()

    async def _end(self, outcome: Outcome | None) -> None:
        await self._store()
        async with self._writing:
            if self.outcome:
                return
            # Made once: where the log did not acknowledge, the next call sends the same.
            self._ending = self._ending or self._last_words(outcome or ("cancelled" if self.cancelled else "complete"))
            await self.session.log.append_all(self._ending, self.fence)
            self.outcome = self._ending[-1].data["outcome"]

    def _last_words(self, outcome: Outcome) -> list[Event]:
        done = {"chars": len(self.text), "sha256": sha256(self.text.encode()).hexdigest()}
        return [
            *([self._event("text.done", done)] if self.text else []),
            *([self._snapshot(open_=False)] if self._deltas > FEW_DELTAS and self._chars <= SNAPSHOT_MAX_CHARS else []),
            self._event("run.finished", {"outcome": outcome}),
        ]

    async def take_steers(self) -> list[Event]:
        """The steers not taken yet. Each is marked as consumed on the log, so that its sender can know."""
        fresh = [one for one in self.signals if one.kind == "steer" and one.id not in self._consumed]
        for steer in fresh:
            self._consumed.add(steer.id)
            await self.append("steer.consumed", {"event": steer.id})
        return fresh

    async def unless_interrupted(self, work: Awaitable[T]) -> T | None:
        """Await `work`, a model call say, and break it off when a cancel or an interrupt is heard: None then."""
        seen = len(self.signals)
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                if self.cancelled or any(signal.kind == "interrupt" for signal in self.signals[seen:]):
                    return None
                heard = asyncio.ensure_future(self._next_signal())
                await asyncio.wait([task, heard], return_when=asyncio.FIRST_COMPLETED)
                if not heard.cancel():
                    heard.result()
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
                    await self._next_signal()
        await self.append("approval.settled", {"request": asked.event.id, "answer": answer})
        await self.append("run.resumed", {})
        return answer

    def _answer(self, request: str) -> bool | None:
        answers = (one.data for one in self.signals if one.kind == "approve" and one.data.get("request") == request)
        return next((bool(data.get("answer")) for data in answers), None)

    async def stop_listening(self) -> None:
        """Let go of the control feed and of the lease, without ending the run on the log."""
        tasks, self._tasks = [*self._tasks, *([self._flushing] if self._flushing else [])], []
        self._flushing = None
        for task in tasks:
            with suppress(LogUnavailable, Fenced):
                await stop(task)

    def _event(self, kind: str, data: dict[str, Any]) -> Event:
        return self.session.event(kind, self.actor, data, self.id)
