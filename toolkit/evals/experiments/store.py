"""The store of an experiment: a session, on which each trial is written down before it is made, and
again when its result is there. Nothing is rewritten.

The kinds of its events: ``trial.started`` (a call may follow), ``trial.reserved`` (a call that may
cost so much follows), ``trial.trace`` (the task has answered, and scorers that take time follow),
``trial.result`` (with the answer, where it was not written before), and ``trial.given_up`` (it
ended without a result). Each names the key of its trial: a hash of what was to be
done, never a position.
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Container, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from toolkit.evals.experiments.result import TrialResult
from toolkit.events import Event, Outcome, fresh_id
from toolkit.records import RecordError, validate

ACTOR = "experiment"
SOON_S = 0.1
"""An event that nobody waits for is stored by then, with those that came meanwhile."""
ANSWERS = frozenset({"trial.trace", "trial.result", "trial.given_up"})
"""The kinds of events that come once the task was called."""
GROUP = 500
"""Events that are stored together, at most: an atomic batch of JetStream holds 1,000."""


class ExperimentStore(Protocol):
    """What an experiment needs of the session that it is kept on: `toolkit.sessions.Session` has
    it.
    """

    def event(
        self,
        kind: str,
        actor: str,
        data: dict[str, Any],
        run: str | None = None,
        id: str | None = None,
    ) -> Event:
        """An event of this session, to be written."""

    async def append_all(self, events: Sequence[Event]) -> Sequence[Any]:
        """Store `events`, in order; one whose id is stored already is left out."""

    def read(self, after: int = 0, follow: bool = True, lane: Any = None) -> AsyncIterator[Event]:
        """The events after a place, and with `follow` those to come."""


class Group:
    """Events that are stored together, for which many wait."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.error: BaseException | None = None
        """What the store raised: the events of the group wait again."""
        self.task: asyncio.Task[None] | None = None
        """Nobody awaits it, but a loop forgets a task that nothing holds."""


class Journal:
    """Events on their way to the store, in order. Those that wait are stored together.

    Without a store nothing is kept, and nothing is waited for.
    """

    def __init__(self, store: ExperimentStore | None):
        self.run = fresh_id()
        """The experiment is a run of its session, so that a cancel or a steer reaches it."""
        self.is_kept = store is not None
        self._store = store
        self._waiting: deque[Event] = deque()
        self._n_put = 0
        self._n_stored = 0
        self._group: Group | None = None
        """The one that is on its way."""
        self._soon: asyncio.TimerHandle | None = None
        self.place = 0
        """Of the last event that was stored."""
        self.joined_at = 0
        """What was asked of the experiment before this place is answered already."""

    def put(
        self, kind: str, data: dict[str, Any], id: str | None = None, run: str | None = None
    ) -> None:
        """Have an event stored after those before it, soon; `stored` waits for it."""
        if self._store is not None:
            self._waiting.append(self._store.event(kind, ACTOR, data, run or self.run, id))
            self._n_put += 1
            self._wake_soon()

    def _wake_soon(self) -> None:
        """Store what waits in a moment: nobody may wait for a result, where other trials take long
        or are paused.
        """
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(SOON_S, self._store_waiting)

    def _store_waiting(self) -> None:
        self._soon = None
        if self._waiting and self._group is None:
            self._begin_group()

    @property
    def heard(self) -> int:
        """The place from which the run is to hear what people ask."""
        return self.place

    async def begin(self, known: "Recorded") -> None:
        """Begin the run. Runs of experiments whose process died are ended."""
        for run in known.runs_under_way:
            self.put("run.finished", {"outcome": "orphaned"}, run=run)
        self.put("run.started", {"source": "imported"})

    async def end(self, outcome: Outcome) -> None:
        """End the run."""
        self.put("run.finished", {"outcome": outcome})
        await self.stored()

    def claim(self, trial: str) -> Any:  # noqa: ARG002
        """Ask for a trial, by its key; `granted` waits for the answer."""
        return None

    def reserve(self, data: dict[str, Any], held_usd: float, open_usd: float) -> Any:  # noqa: ARG002
        """Ask for a call of a trial, which may have cost `held_usd` so far, this call included;
        `open_usd` of that is for calls that are under way.
        """
        self.put("trial.reserved", data)

    def settle(self, data: dict[str, Any], held_usd: float, open_usd: float) -> None:
        """Say what a trial's calls cost once one has ended: others may spend what it left."""

    async def granted(self, asked: Any) -> None:  # noqa: ARG002
        """Wait until what was asked for is stored, and granted: it is, where nobody else works.
        Raises `sharing.Taken` or `metering.Outbid` where another worker was quicker.
        """
        await self.stored()

    async def stored(self) -> None:
        """Wait until all that was put so far is stored. Raises what the store raises."""
        n_wanted = self._n_put
        while self._n_stored < n_wanted:
            group = self._group or self._begin_group()
            await group.ended.wait()
            if group.error is not None:
                raise group.error

    def _begin_group(self) -> "Group":
        self._group = Group()
        self._group.task = asyncio.create_task(self._write(self._group))
        return self._group

    async def _write(self, group: "Group") -> None:
        assert self._store
        events = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
        try:
            acks = await self._append(self._store, events)
            self._n_stored += len(events)
            self.place = acks[-1].seq
            if self._waiting:
                self._wake_soon()
        except BaseException as error:
            self._waiting.extendleft(reversed(events))
            group.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            self._group = None
            group.ended.set()

    async def _append(self, store: ExperimentStore, group: list[Event]) -> Sequence[Any]:
        try:
            return await store.append_all(group)
        except ValueError:  # one of them is larger than the store takes, or no JSON
            acks: list[Any] = []
            for event in group:
                acks += await self._append_what_fits(store, event)
            return acks

    async def _append_what_fits(self, store: ExperimentStore, event: Event) -> Sequence[Any]:
        """Store an event of a trial without its trace, or at last without its result, where the
        store does not take it: the experiment goes on.
        """
        try:
            return await store.append_all([event])
        except ValueError as error:
            if event.data.get("trace") is not None:
                data = event.data | {"trace": None, "why": str(error)}
                return await self._append_what_fits(store, replace(event, data=data))
            if event.kind != "trial.result":
                raise
            data = event.data | {"result": None, "why": str(error)}
            return await store.append_all([replace(event, kind="trial.given_up", data=data)])


@dataclass
class Recorded:
    """What a store holds of the trials that are wanted. Fold events into it with `apply`."""

    wanted: Container[str]
    """The keys of the results."""
    results: dict[str, TrialResult] = field(default_factory=dict)
    """By key. The first that is scored stays; else it is the last."""
    answers: dict[str, "TrialEvent"] = field(default_factory=dict)
    """The newest answer of the task, by the key of the trial, where it was not scored."""
    attempts: Counter[str] = field(default_factory=Counter)
    """Of the task, by the key of the trial."""
    runs_under_way: dict[str, None] = field(default_factory=dict)
    """Of experiments that have not ended, as far as the store knows."""
    spent_usd: float = 0.0
    """At most, by all trials that have ended."""
    in_flight: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Attempts that began and have not ended, by the key of the trial."""
    problems: tuple[RecordError, ...] = ()
    """Events that say they are an experiment's, and cannot be read."""
    _reserved_usd: dict[str, float] = field(default_factory=dict)
    """The worst case of the calls of each attempt that has not ended."""

    @property
    def in_flight_usd(self) -> float:
        """The worst case of the calls of trials that never ended."""
        # a running total of floats would not come back to 0
        return sum(self._reserved_usd.values())

    def n_in_flight(self, trial: str) -> int:
        """Attempts at a trial, by its key, that began and have not ended."""
        return len(self.in_flight.get(trial, ()))

    def apply(self, event: Event) -> None:
        """Take one event in."""
        if event.actor != ACTOR:
            return
        if event.kind == "run.started":
            self.runs_under_way[event.run or ""] = None
        elif event.kind == "run.finished":
            self.runs_under_way.pop(event.run or "", None)
        elif event.kind.startswith("trial."):
            try:
                self._apply_to_trial(event.kind, validate(TrialEvent, event.data))
            except RecordError as problem:
                self.problems += (problem,)

    def _apply_to_trial(self, kind: str, event: "TrialEvent") -> None:
        attempt = f"{event.trial}-{event.attempt}"
        if kind == "trial.started":
            self.attempts[event.trial] = max(self.attempts[event.trial], event.attempt)
            self.in_flight[event.trial].add(attempt)
        elif kind == "trial.reserved":
            before_usd = self._reserved_usd.get(attempt, 0.0)
            self._reserved_usd[attempt] = before_usd + event.usd
        elif kind in ANSWERS:  # any other is of a later version
            self._reserved_usd.pop(attempt, None)
            self.spent_usd += event.usd
            if kind == "trial.trace":
                self.answers[event.trial] = event
                return
            self.in_flight[event.trial].discard(attempt)
            if kind == "trial.result" and event.result is not None:
                self._keep(event, event.result)

    def _keep(self, event: "TrialEvent", result: TrialResult) -> None:
        """Keep a result that is wanted; of one by other scorers, or unscored, the answer too."""
        is_wanted = event.key in self.wanted
        if is_wanted and result.status == "scored":
            self.answers.pop(event.trial, None)
        elif event.trace is not None:
            self.answers[event.trial] = event
        before = self.results.get(event.key)
        if is_wanted and (before is None or before.status != "scored"):
            self.results[event.key] = result


@dataclass(frozen=True, slots=True)
class TrialEvent:
    """The data of each ``trial.`` event."""

    trial: str
    """The key of case, number and task."""
    attempt: int
    key: str = ""
    """The key of the result: that of the trial and its scorers."""
    usd: float = 0.0
    """What it may have cost at most, beyond what the events of the attempt before this one say."""
    cost_usd: float = 0.0
    latency_s: float | None = None
    waited_s: float = 0.0
    trace: Any = None
    result: TrialResult | None = None
    why: str = ""


async def recorded(store: ExperimentStore | None, wanted: Container[str]) -> Recorded:
    """What `store` holds now of the trials whose results have the keys that are `wanted`."""
    fold = Recorded(wanted)
    if store is not None:
        async for event in store.read(follow=False):
            fold.apply(event)
    return fold
