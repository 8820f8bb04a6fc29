"""Context anxiety: is a session likelier to end its work early where its context is nearly full?

At each step a session may go on, or finish with work still open. The hazard is the share of steps
at which it finishes early, of those that it came to.

References
----------
Allison 1982, Discrete-time methods for the analysis of event histories: each step that a session
came to is one trial.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from toolkit.evals import Difference, Experiment, Rate, TrialResult, compare
from toolkit.evals.experiments.difference import p_in_words, with_holm
from toolkit.evals.experiments.rate import CaseCounts
from toolkit.harness.experiments.asking import Missing, Spending, Subject
from toolkit.harness.experiments.context_rot import POLICIES, Policy
from toolkit.models.model import Progress, reporting
from toolkit.shown import Shown
from toolkit.traces import Source
from toolkit.traces.amounts import quantity
from toolkit.traces.sources import least_live

NEAR = 0.7
"""The share of the limit from which a context is nearly full."""


@dataclass(frozen=True, slots=True)
class WorkSession(Shown):
    """A session that is to be worked through."""

    policy: Policy
    seed: int
    """Of the work: the same under each policy."""


@dataclass(frozen=True, slots=True)
class Worked(Shown):
    """How a session went."""

    fills: tuple[float, ...]
    """How full the context was at each step, as a share of its limit."""
    finished_early: bool | None
    """Whether it called itself finished, after the last of these steps, with work still open. None
    is unscored: it is left out, and counted.
    """
    cost_usd: float = 0.0
    source: Source = "live"


@dataclass(frozen=True, slots=True)
class HazardRatio(Shown):
    """The hazard near the limit over that far from it. What is undefined is None."""

    policy: Policy
    value: float | None
    low: float | None
    """Of the 95% interval."""
    high: float | None
    p: float | None
    near: tuple[int, int]
    """Sessions that finished early there, and the steps at which they could have."""
    far: tuple[int, int]

    def __str__(self) -> str:
        counts = f"{self.near[0]} in {quantity(self.near[1], 'step')} near the limit, "
        counts += f"{self.far[0]} in {self.far[1]:,} before"
        if self.value is None or self.p is None:
            return f"hazard ratio, {self.policy}: undefined ({counts})"
        bounds = f"95% interval {self.low:.1f} to {self.high:.1f}"
        test = p_in_words(self.p)
        return f"hazard ratio, {self.policy}: {self.value:.1f} ({bounds}; {counts}; {test})"


@dataclass(frozen=True)
class ContextAnxiety(Shown):
    """Early finishes under each policy."""

    sessions: Sequence[tuple[WorkSession, Worked]] = field(repr=False)
    near: float = NEAR
    n_not_run: int = 0
    """Seeds of which no session was run."""
    why_not_run: str = ""

    @property
    def source(self) -> Source | None:
        """Of the least live session."""
        return least_live({worked.source for _, worked in self.sessions})

    @property
    def simulated(self) -> bool:
        """Whether a session is simulated."""
        return self.source == "simulated"

    @property
    def policies(self) -> list[Policy]:
        """In the order in which they were run."""
        return list(dict.fromkeys(session.policy for session, _ in self.sessions))

    def _scored(self, policy: Policy) -> list[tuple[WorkSession, Worked]]:
        """The sessions under `policy` of which it is known how they ended."""
        scored = []
        for session, worked in self.sessions:
            if session.policy == policy and worked.finished_early is not None:
                scored.append((session, worked))
        return scored

    def finished_early(self, policy: Policy) -> Rate:
        """The share of sessions that finish early."""
        scored = self._scored(policy)
        trials = [(str(session.seed), bool(worked.finished_early)) for session, worked in scored]
        n_sessions = sum(session.policy == policy for session, _ in self.sessions)
        n_unscored = n_sessions - len(scored)
        return CaseCounts(trials).rate(f"early finishes, {policy}", n_unscored, self.simulated)

    def hazard(self, policy: Policy, low: float, high: float) -> Rate:
        """The share of steps at which a session finishes early, where its context is that full."""
        steps = []
        for session, worked in self._scored(policy):
            last = len(worked.fills) - 1
            for at, fill in enumerate(worked.fills):
                if low <= fill < high:
                    ends = bool(worked.finished_early) and at == last
                    steps.append((str(session.seed), ends))
        name = f"hazard at {low:.0%} to {high:.0%} full, {policy}"
        return CaseCounts(steps).rate(name, 0, self.simulated)

    def hazard_ratio(self, policy: Policy) -> HazardRatio:
        """The hazard near the limit over that before it, with its interval and test."""
        from statsmodels.stats.proportion import (
            confint_proportions_2indep,
            test_proportions_2indep,
        )

        near = _counts(self.hazard(policy, self.near, float("inf")))
        far = _counts(self.hazard(policy, 0.0, self.near))
        if not near[1] or not far[0]:
            return HazardRatio(policy, None, None, None, None, near, far)
        low, high = confint_proportions_2indep(*near, *far, compare="ratio", method="score")
        test = test_proportions_2indep(*near, *far, compare="ratio", method="score")
        value = (near[0] / near[1]) / (far[0] / far[1])
        return HazardRatio(policy, value, float(low), float(high), float(test.pvalue), near, far)

    def between_policies(self) -> list[Difference]:
        """The share of sessions that work on to the end under each policy, less that under each
        earlier one; p is Holm's.
        """
        differences = []
        for earlier, later in combinations(self.policies, 2):
            name = f"worked to the end under {later} against {earlier}"
            compared = compare(self._experiment(later), self._experiment(earlier))
            differences.append(replace(compared.passed_of_scored, name=name))
        return with_holm(differences)

    def _experiment(self, policy: Policy) -> Experiment:
        """Sessions as trials, which pass where they work on to the end."""
        results = []
        for session, worked in self._scored(policy):
            results.append(
                TrialResult(
                    str(session.seed),
                    0,
                    "scored",
                    passed=not worked.finished_early,
                    source=worked.source,
                )
            )
        return Experiment(policy, tuple(results), planned=len(results))

    def __str__(self) -> str:
        sentences = [str(self.hazard_ratio(policy)) for policy in self.policies]
        sentences += map(str, self.between_policies())
        if self.n_not_run:
            left = quantity(self.n_not_run, "seed")
            sentences.append(f"{left} not run: {self.why_not_run}")
        if self.simulated:
            sentences.append("The sessions are simulated")
        return ". ".join(sentences)


def _counts(rate: Rate) -> tuple[int, int]:
    """How many, of how many."""
    return round((rate.value or 0.0) * rate.n_trials), rate.n_trials


async def measure_finishing(
    worker: Subject[WorkSession, Worked],
    seeds: Iterable[int] = range(60),
    policies: Sequence[Policy] = POLICIES,
    near: float = NEAR,
    cap_usd: float | None = None,
    progress: Progress | None = None,
) -> ContextAnxiety:
    """Work through a session a seed under each policy, and see which finish early.

    Parameters
    ----------
    worker : Subject
        A `SimulatedWorker`, or a function of yours in `Live` that works and counts its tokens.
    seeds : iterable of int
        A piece of work each: their number is the n.
    policies : sequence of str
        Some of `POLICIES`.
    near : float
        The share of the limit from which a context is nearly full.
    cap_usd : float, optional
        The most that it may cost; required where the worker is not simulated. A seed is worked
        through under each policy, or under none.
    progress : function of (done, all), optional
        Told of each seed.
    """
    listed = list(seeds)
    spending = Spending(cap_usd, worker)
    report = reporting(progress)
    sessions: list[tuple[WorkSession, Worked]] = []
    n_run = 0
    for seed in listed:
        planned = [WorkSession(policy, seed) for policy in policies]
        given = await spending.ask([(worker, session) for session in planned])
        if given is None:
            break
        for session, answer in zip(planned, given, strict=True):
            worked = Worked((), None) if isinstance(answer, Missing) else answer
            sessions.append((session, worked))
        n_run += 1
        report(n_run, len(listed))
    return ContextAnxiety(tuple(sessions), near, len(listed) - n_run, spending.refused)
