"""Claims: which of several workers has which trial, and which of their calls the budget allows.

Each worker is a run of the session, with a fence and a lease. It asks by an event, and the place of
the event in the log decides: every worker folds the same events in the same order, and so all of
them come to the same answer, without asking each other.

- A trial is claimed by ``claim.asked``. The claim holds where nobody has the trial, where no
  claim came since the one that the worker knew of (its ``turn``), and where fewer trials than its
  ``limit`` are under way, those of all workers together. What a worker writes of a trial that it
  did not get does not count.
- A call is reserved by ``trial.reserved``. It may be made where all that was spent or is reserved,
  by all workers together, leaves room for it under its ``cap_usd``. Once it has ended, another of 0
  dollars says what the attempt has cost: what the call left of its worst case is free again.
- A worker whose run is ended has no trial any more, and its fence refuses what it still writes.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from toolkit.evals.experiments.store import ACTOR, Recorded, TrialEvent
from toolkit.events import Event
from toolkit.records import RecordError, validate

CLAIM = "claim.asked"
ENDS = frozenset({"run.finished", "run.adopted"})
"""Whoever writes one of these has taken the run from its worker."""
ROUNDING_USD = 1e-9
"""Sums of the same dollars in another order differ by less."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The data of ``claim.asked``."""

    trial: str
    turn: int
    """The claims of this trial that held before. A worker asks only for what nobody has as far as
    it knows: so no result came since that it does not know of.
    """
    limit: int
    """Of trials under way."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """The data of ``trial.reserved``, where several workers write."""

    trial: str
    attempt: int
    usd: float
    """What the call may cost; 0 where a call has ended, and what it cost is said."""
    held_usd: float
    """What the attempt may have cost so far, this call included."""
    open_usd: float = 0.0
    """Of that, what is for calls that are under way, and may come back."""
    cap_usd: float | None = None


@dataclass
class SharedRecord(Recorded):
    """What a store holds of an experiment that several workers write. Fold events into it with
    `decide`.
    """

    place: int = 0
    """Of the last event that was folded."""
    workers: dict[str, int] = field(default_factory=dict)
    """The fence of each worker's run that is under way, in the order in which they joined."""
    n_workers: int = 0
    """That have joined, ever."""
    owners: dict[str, str] = field(default_factory=dict)
    """The run that has each trial, of the trials under way."""
    most_under_way: int = 0
    """The high-water mark of trials under way."""
    turns: Counter[str] = field(default_factory=Counter)
    """The claims that held, by the key of the trial."""
    usd_of: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """What each worker's calls may have cost so far, by its run."""
    _open_usd: dict[str, float] = field(default_factory=dict)
    """What is reserved for calls that are under way, by the key of the trial."""
    _refused: set[tuple[str, str]] = field(default_factory=set)
    """Runs and trials that they claimed in vain."""

    def apply(self, event: Event) -> None:
        """Take one event in."""
        self.decide(event)

    def decide(self, event: Event) -> bool:
        """Take one event in. Returns whether it counts: whether a claim or a reservation holds."""
        self.place = event.seq or self.place
        run = event.run or ""
        if event.kind in ENDS and run in self.workers:
            self._end(run)
            return True
        if event.actor != ACTOR:
            return False
        if event.kind == "run.started":
            self.workers[run] = event.seq or 0
            self.n_workers += 1
        if event.kind != CLAIM and not event.kind.startswith("trial."):
            return True
        before_usd = self.held_usd
        try:
            return self._decide_trial(run, event)
        except RecordError as problem:
            self.problems += (problem,)
            return False
        finally:
            self.usd_of[run] += self.held_usd - before_usd

    def _decide_trial(self, run: str, event: Event) -> bool:
        trial = str(event.data.get("trial"))
        if event.kind == CLAIM:
            return self._claim(run, validate(Claim, event.data))
        if (run, trial) in self._refused:
            return False
        if event.kind == "trial.reserved" and "held_usd" in event.data:
            return self._reserve(validate(Reservation, event.data))
        self._apply_to_trial(event.kind, validate(TrialEvent, event.data))
        if event.kind != "trial.reserved":
            self._open_usd.pop(trial, None)
        if event.kind == "trial.result":
            self.owners.pop(trial, None)
        return True

    def _claim(self, run: str, claim: Claim) -> bool:
        is_next = claim.turn == self.turns[claim.trial]
        is_free = claim.trial not in self.owners
        has_room = len(self.owners) < claim.limit
        if not (is_next and is_free and has_room and run in self.workers):
            self._refused.add((run, claim.trial))
            return False
        self._refused.discard((run, claim.trial))
        self.turns[claim.trial] += 1
        self.owners[claim.trial] = run
        self.most_under_way = max(self.most_under_way, len(self.owners))
        return True

    def _reserve(self, call: Reservation) -> bool:
        """Whether there is room for a call; what the attempt has cost before is settled anyway."""
        attempt = f"{call.trial}-{call.attempt}"
        settled_usd = call.held_usd - call.usd
        self._reserved_usd[attempt] = settled_usd
        self._open_usd[call.trial] = call.open_usd - call.usd
        cap_usd = call.cap_usd
        if cap_usd is not None and self.held_usd + call.usd > cap_usd + ROUNDING_USD:
            return False
        self._reserved_usd[attempt] += call.usd
        self._open_usd[call.trial] = call.open_usd
        return True

    def _end(self, run: str) -> None:
        """Take a worker's trials from it."""
        del self.workers[run]
        for trial, owner in list(self.owners.items()):
            if owner == run:
                del self.owners[trial]

    @property
    def held_usd(self) -> float:
        """What all calls may have cost at most."""
        return self.spent_usd + self.in_flight_usd

    def n_trials_of(self, run: str) -> int:
        """The number of trials that a worker has."""
        return sum(owner == run for owner in self.owners.values())

    def share_of(self, run: str, limit: int) -> int:
        """A worker's part of `limit` trials at once: the same for all, and what is left over for
        those who came first.
        """
        runs = list(self.workers)
        if run not in self.workers:
            return 0
        each, left_over = divmod(limit, len(runs))
        return each + (runs.index(run) < left_over)

    def others_can_free_usd(self, run: str) -> float:
        """Dollars that are reserved for calls of other workers that are under way."""
        usd = 0.0
        for trial, owner in self.owners.items():
            if owner != run:
                usd += self._open_usd.get(trial, 0.0)
        return usd
