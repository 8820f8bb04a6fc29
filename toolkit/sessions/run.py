"""Run: one agent's turn on a session, from ``run.started`` to one ``run.finished``."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from toolkit.events import Event, Outcome
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.log import Ack, Fenced, LogUnavailable, stop

if TYPE_CHECKING:
    from toolkit.sessions.session import Session

T = TypeVar("T")

WINDOW_S = 0.04
"""Words of this long are stored as one event: 25 a second, whatever the model's pace."""
SNAPSHOT_CHARS = 512
"""A snapshot stands beside the log whenever a run's words have grown by this much."""
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
        self._words = Conversation(session.id)
        self._pending: list[str] = []
        self._writing = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = asyncio.Event()
        self._snapshot_chars = 0
        self._deltas = 0
        self._consumed: set[str] = set()

    async def take(self, kind: str, data: dict[str, Any], fence: int, known: Conversation | None = None) -> None:
        """Make the run ours by an event of `kind`, where its fence is still `fence`; then listen and renew."""
        ack = await self.session.log.append(self._event(kind, data), fence)
        self.fence, self._words = ack.seq, known or self._words
        self._words.apply(ack.event)
        async for signal in self.session.read(follow=False, lane="control"):
            self._hear(signal)
        after = self.signals[-1].seq if self.signals else self.fence
        self._tasks = [asyncio.create_task(self._listen(after or 0)), asyncio.create_task(self._renew())]

    async def _listen(self, after: int) -> None:
        async for event in self.session.read(after, lane="control"):
            self._hear(event)

    async def _renew(self) -> None:
        while True:
            with suppress(LogUnavailable):
                data = {"ttl_s": self.ttl_s, "fence": self.fence}
                # By the wall clock, whatever clock the session keeps: it says that this process is alive now.
                renewal = Event(self.session.id, "lease.renewed", self.actor, data, uuid4().hex, self.id, time.time())
                await self.session.log.append(renewal)
            await asyncio.sleep(self.ttl_s / RENEWALS)

    def _hear(self, event: Event) -> None:
        to_whoever_runs = event.run is None and (event.seq or 0) > self.fence
        if (event.run == self.id or to_whoever_runs) and all(event.id != known.id for known in self.signals):
            self.signals.append(event)
            self._heard.set()
            self._heard = asyncio.Event()

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
            The log did not acknowledge in time.
        """
        self._pending.append(text)
        self._raise_what_failed()
        first = not self._words.items
        if self.window_s <= 0 or first or sum(map(len, self._pending)) > PENDING_CHARS:
            return await self.flush()
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_later())
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
        async with self._writing:
            text, self._pending = "".join(self._pending), []
            if not text:
                return None
            ack = await self._append("text.delta", {"text": text})
            self._deltas += 1
            chars = sum(len(part) for item in self._mine() for part in item.parts)
            if chars >= self._snapshot_chars + SNAPSHOT_CHARS:
                self._snapshot_chars = chars
                await self.session.log.append(self._snapshot(open_=True))
            return ack

    def _snapshot(self, open_: bool) -> Event:
        mine = self._mine()
        items = [[item.id, item.seq, item.time, len(item.text), item.step] for item in mine]
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
        await self._append("run.rolled_back", {})

    async def append(self, kind: str, data: dict[str, Any]) -> Ack:
        """Write an event of the run, after the words that wait."""
        await self.flush()
        return await self._append(kind, data)

    async def finish(self, outcome: Outcome | None = None) -> None:
        """End the run, once: by default ``cancelled`` where a cancel was heard, else ``complete``."""
        if self.outcome:
            return
        try:
            await self.flush()
            self.outcome = outcome or ("cancelled" if self.cancelled else "complete")
            done = {"chars": len(self.text), "sha256": sha256(self.text.encode()).hexdigest()}
            events = [
                *([self._event("text.done", done)] if self.text else []),
                *([self._snapshot(open_=False)] if self._deltas > FEW_DELTAS else []),
                self._event("run.finished", {"outcome": self.outcome}),
            ]
            await self.session.log.append_all(events, self.fence)
        finally:
            await self.stop_listening()

    async def take_steers(self) -> list[Event]:
        """The steers not taken yet. Each is marked as consumed on the log, so that its sender can know."""
        fresh = [one for one in self.signals if one.kind == "steer" and one.id not in self._consumed]
        for steer in fresh:
            self._consumed.add(steer.id)
            await self.append("steer.consumed", {"event": steer.id})
        return fresh

    async def unless_interrupted(self, work: Awaitable[T]) -> T | None:
        """Await `work`, a model call say, and break it off when a cancel or an interrupt is heard: None then."""
        task, seen = asyncio.ensure_future(work), len(self.signals)
        while not task.done():
            heard = asyncio.ensure_future(self._heard.wait())
            await asyncio.wait([task, heard], return_when=asyncio.FIRST_COMPLETED)
            heard.cancel()
            if any(signal.kind in {"cancel", "interrupt"} for signal in self.signals[seen:]):
                task.cancel()
                await asyncio.wait([task])
                return None
        return task.result()

    async def ask(self, question: str, timeout_s: float) -> bool | None:
        """Suspend the run until somebody approves or refuses; the first answer wins, None at the deadline."""
        await self.append("run.suspended", {})
        asked = await self.append("approval.asked", {"question": question, "timeout_s": timeout_s})
        answer: bool | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while (answer := self._answer(asked.event.id)) is None and not self.cancelled:
                    await self._heard.wait()
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

    async def _append(self, kind: str, data: dict[str, Any]) -> Ack:
        ack = await self.session.log.append(self._event(kind, data), self.fence)
        self._words.apply(ack.event)
        return ack
