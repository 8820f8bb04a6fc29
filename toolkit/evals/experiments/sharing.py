"""Sharing: what a worker writes under its fence, and what it learns of the other workers.

A worker is a run of the session with a lease, which it renews while it lives. Whoever is silent for
longer is ended by the others, and what it had under way is made again, "possibly billed". Where it
was frozen, and not dead, its next write is refused: nothing of it is stored any more.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

from toolkit.errors import FieldbookError, Unavailable
from toolkit.evals.experiments.claims import CLAIM, SharedRecord
from toolkit.evals.experiments.metering import Outbid
from toolkit.evals.experiments.store import ACTOR, ExperimentStore, Journal, Recorded, recorded
from toolkit.events import Event, Outcome, fresh_id

DECISION_TIMEOUT_S = 60.0
"""What was acknowledged is delivered sooner, or the log is away."""


class LeaseLost(FieldbookError, RuntimeError):
    """A worker was silent for longer than its lease, and others have its trials."""


class Taken(Outbid):
    """Another worker has the trial."""


class HeldRun(Protocol):
    """A run that this process holds, by a fence and a lease that is renewed."""

    id: str
    fence: int

    async def stop_listening(self) -> None:
        """Let go of the lease."""


class SharedStore(ExperimentStore, Protocol):
    """What several workers need of the session: `toolkit.sessions.Session` has it."""

    shared: bool

    def exclusive(self) -> AbstractContextManager[None]:
        """The session for this writer alone, where it is not shared."""

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> Sequence[Any]:
        """Store `events`, where the run's fence is still `fence`. Raises PermissionError."""

    async def start_run(self, actor: str, *, ttl_s: float) -> HeldRun:
        """Begin a run, whose lease ends where it is silent for longer than `ttl_s`."""

    async def end_if_silent(self, run: str, fence: int, actor: str) -> bool:
        """Wait for a sign of life of a run, or for the end of its lease, and end it then."""


@asynccontextmanager
async def _delivered_in_time() -> AsyncIterator[None]:
    """A wait for what was stored to come back. Raises Unavailable where it does not."""
    try:
        async with asyncio.timeout(DECISION_TIMEOUT_S):
            yield
    except TimeoutError:
        raise Unavailable(
            f"the experiment's log took what was written, and did not deliver it within "
            f"{DECISION_TIMEOUT_S:g} s: run the same command again, it goes on from there"
        ) from None


def exclusive(store: ExperimentStore | None) -> AbstractContextManager[None]:
    """The store for this experiment alone, where it is not shared."""
    hold = getattr(store, "exclusive", None)
    return nullcontext() if hold is None else hold()


async def open_journal(
    store: ExperimentStore | None, wanted: Container[str], lease_s: float
) -> tuple[Recorded, Journal]:
    """What `store` holds of the results that are wanted, and the journal to go on with."""
    if not getattr(store, "shared", False):
        return await recorded(store, wanted), Journal(store)
    shared = cast(SharedStore, store)
    record = SharedRecord(wanted)
    async for event in shared.read(follow=False, lane="quiet"):
        record.apply(event)
    return record, SharedJournal(shared, record, lease_s)


class FencedStore:
    """A store to which the writes of one run go, each under its fence."""

    def __init__(self, store: SharedStore, lease_s: float):
        self.event = store.event
        self.read = store.read
        self.fence = 0
        self._store = store
        self._lease_s = lease_s

    async def append_all(self, events: Sequence[Event]) -> Sequence[Any]:
        """Store `events`. Raises LeaseLost where the run is no longer this process's."""
        try:
            return await self._store.append_all(events, self.fence)
        except PermissionError as error:
            raise LeaseLost(
                f"this worker was silent for longer than its lease of {self._lease_s:g} s, so that "
                "other workers have its trials: nothing of it was stored since. "
                "Start it again, and it works on"
            ) from error


class Decision(NamedTuple):
    """What the log's order says of a claim or a call."""

    is_granted: bool
    place: int
    """Of the event that asked."""


class SharedJournal(Journal):
    """The journal of one worker. It follows what the others write, too."""

    def __init__(self, store: SharedStore, record: SharedRecord, lease_s: float):
        self._fenced = FencedStore(store, lease_s)
        super().__init__(self._fenced)
        self.record = record
        self.limit: Callable[[], int] = lambda: 1
        """Trials at once, of all workers together."""
        self.cap_usd: float | None = None
        """The budget, of all workers together."""
        self.take: Callable[[Event], None] | None = None
        """Gets each event that counts, once it is folded."""
        self._shared_store = store
        self._lease_s = lease_s
        self._held: HeldRun | None = None
        self._heard = 0
        self._decisions: dict[str, asyncio.Future[Decision]] = {}
        """By the id of the event that asks."""
        self._news = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._watches: dict[str, asyncio.Task[None]] = {}
        """Over the leases of the others, by their runs."""
        self._alive: set[str] = set()
        """Runs of others that gave a sign of life since this worker joined."""

    @property
    def heard(self) -> int:
        """What the workers that are there were asked counts for one that joins, too."""
        return self._heard

    async def begin(self, known: Recorded) -> None:  # noqa: ARG002 (who is dead, the leases say)
        """Join the workers."""
        self._held = await self._shared_store.start_run(ACTOR, ttl_s=self._lease_s)
        self.run = self._held.id
        self.joined_at = self._held.fence
        self._fenced.fence = self._held.fence
        self._following = asyncio.create_task(self._follow())
        async with _delivered_in_time():
            while self.run not in self.record.workers:
                await self.news()
        if await self._was_asked():
            await self._dead_are_ended()
        self._heard = self._first_joined_at()

    async def _was_asked(self) -> bool:
        """Whether somebody has asked for anything since the first worker joined."""
        begin = self._first_joined_at()
        async for _ in self._fenced.read(begin, follow=False, lane="control"):
            return True
        return False

    def _first_joined_at(self) -> int:
        """The place at which the first of the workers that are there has joined."""
        return min(self.record.workers.values(), default=self.joined_at)

    async def _dead_are_ended(self) -> None:
        """Wait until each other worker gave a sign of life, or is ended: what was asked of the dead
        does not count for this one.
        """
        others = set(self.record.workers) - {self.run}
        while (others & set(self.record.workers)) - self._alive:
            await self.news()

    async def end(self, outcome: Outcome) -> None:
        """Leave the workers."""
        try:
            watches = list(self._watches.values())
            tasks = [*watches, self._following] if self._following else watches
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
            if self._held:
                await super().end(outcome)
        finally:
            if self._held:
                await self._held.stop_listening()

    async def _follow(self) -> None:
        """Fold what is written, by this worker and by the others, in the order of the log."""
        try:
            self._watch_others()
            async for event in self._fenced.read(self.record.place, follow=True, lane="quiet"):
                if (event.seq or 0) > self.record.place:
                    self._fold(event)
        except Exception as error:
            for decision in self._decisions.values():
                if not decision.done():
                    decision.set_exception(error)
            raise
        finally:
            self.announce()

    async def _append(self, store: ExperimentStore, group: list[Event]) -> Sequence[Any]:
        """Store a group. Where nobody has written meanwhile it is folded at once, by the places
        that it got; else it comes in its turn, with what the others wrote.
        """
        acks = await super()._append(store, group)
        for ack in acks:
            if ack.seq != self.record.place + 1:
                break
            self._fold(ack.event)
        return acks

    def _fold(self, event: Event) -> None:
        """Take in the next event of the log."""
        counts = self.record.decide(event)
        decision = self._decisions.pop(event.id, None)
        if decision and not decision.done():
            decision.set_result(Decision(counts, self.record.place))
        if event.kind == "run.started":
            self._watch_others()
        if counts and self.take:
            self.take(event)
        self.announce()

    def _watch_others(self) -> None:
        """Watch over the lease of each other worker."""
        for run in self.record.workers:
            if run not in (self.run, *self._watches):
                self._watches[run] = asyncio.create_task(self._watch(run))

    async def _watch(self, run: str) -> None:
        """End a worker's run once it is silent."""
        while run in self.record.workers:
            fence = self.record.workers[run]
            try:
                if await self._shared_store.end_if_silent(run, fence, ACTOR):
                    return
                self._alive.add(run)
                self.announce()
            except ConnectionError:  # the log is away, and nobody can renew
                await asyncio.sleep(self._lease_s)

    def announce(self) -> None:
        """Wake whoever waits for news."""
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, after: int | None = None) -> None:
        """Wait until something happened in the experiment, or did since the place `after`."""
        if self._following and self._following.done():
            self._following.result()
            raise Unavailable("the experiment's log has ended")
        if after is None or self.record.place <= after:
            await self._news.wait()

    def claim(self, trial: str) -> Any:
        """Ask for a trial; see `Journal.claim`."""
        data = {"trial": trial, "turn": self.record.turns[trial], "limit": self.limit()}
        return Taken, self._ask(CLAIM, data)

    def reserve(self, data: dict[str, Any], held_usd: float, open_usd: float) -> Any:
        """Ask for a call; see `Journal.reserve`."""
        held = {"held_usd": held_usd, "open_usd": open_usd, "cap_usd": self.cap_usd}
        return Outbid, self._ask("trial.reserved", data | held)

    def settle(self, data: dict[str, Any], held_usd: float, open_usd: float) -> None:
        """Say what the calls of a trial cost; see `Journal.settle`."""
        if self.cap_usd is not None:
            held = {"held_usd": held_usd, "open_usd": open_usd}
            self.put("trial.reserved", data | {"usd": 0.0} | held)

    def _ask(self, kind: str, data: dict[str, Any]) -> "asyncio.Future[Decision]":
        event_id = fresh_id()
        decision: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._decisions[event_id] = decision
        self.put(kind, data, id=event_id)
        return decision

    async def granted(self, asked: Any) -> None:
        """Wait until it is decided what was asked; see `Journal.granted`."""
        refusal, decision = asked
        await self.stored()
        async with _delivered_in_time():
            is_granted, place = await decision
        if not is_granted:
            raise refusal(partial(self.news, place))
