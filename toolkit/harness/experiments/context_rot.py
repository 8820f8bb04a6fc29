"""Context rot: how much of what stands in a context is recalled, by how full it is and by depth.

A fact is hidden in the context, and asked for. Facts of one seed are the same in all contexts, so
contexts are compared fact by fact; the seed is the cluster.

References
----------
Liu et al. 2023, Lost in the middle, arXiv 2307.03172: recall by depth.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations, product
from typing import Literal

from toolkit.evals import Difference, Experiment, Rate, TrialResult, compare
from toolkit.evals.experiments.difference import with_holm
from toolkit.evals.experiments.rate import CaseCounts
from toolkit.harness.experiments.asking import Missing, Spending, Subject
from toolkit.models.model import Progress, reporting
from toolkit.shown import Shown
from toolkit.traces import Source
from toolkit.traces.amounts import quantity
from toolkit.traces.sources import least_live

Policy = Literal["none", "compaction", "reset"]
"""What is done where a context fills: nothing; a summary takes the place of what came before; or a
clean context with a hand-off.
"""
POLICIES: tuple[Policy, ...] = ("none", "compaction", "reset")
FILLS = (0.1, 0.3, 0.5, 0.7, 0.9)
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Probe(Shown):
    """A fact that is hidden in a context, and asked for at its end."""

    policy: Policy
    fill: float
    """How full the context is, as a share of its limit, before the policy does anything."""
    depth: float
    """Where the fact stands: 0 at the beginning, 1 at the end."""
    seed: int
    """Of the fact."""


@dataclass(frozen=True, slots=True)
class Recalled(Shown):
    """Whether the fact was recalled."""

    recalled: bool | None
    """None is unscored: it is left out, and counted."""
    cost_usd: float = 0.0
    source: Source = "live"


Answers = Sequence[tuple[Probe, Recalled]]


@dataclass(frozen=True)
class ContextRot(Shown):
    """Recall under each policy."""

    answers: Answers = field(repr=False)
    n_not_asked: int = 0
    """Facts that were not asked for."""
    why_not_asked: str = ""

    @property
    def source(self) -> Source | None:
        """Of the least live answer."""
        return least_live({answer.source for _, answer in self.answers})

    @property
    def simulated(self) -> bool:
        """Whether an answer is simulated."""
        return self.source == "simulated"

    @cached_property
    def policies(self) -> list[Policy]:
        """In the order in which they were asked."""
        return list(dict.fromkeys(probe.policy for probe, _ in self.answers))

    @cached_property
    def fills(self) -> list[float]:
        """From the emptiest."""
        return sorted({probe.fill for probe, _ in self.answers})

    @cached_property
    def depths(self) -> list[float]:
        """From the beginning."""
        return sorted({probe.depth for probe, _ in self.answers})

    def recall(self, policy: Policy, fill: float | None = None, depth: float | None = None) -> Rate:
        """The share that is recalled, at a fill and a depth, or at any."""
        trials = []
        n_unscored = 0
        for probe, answer in self.answers:
            is_here = fill in (None, probe.fill) and depth in (None, probe.depth)
            if probe.policy != policy or not is_here:
                continue
            if answer.recalled is None:
                n_unscored += 1
            else:
                trials.append((str(probe.seed), answer.recalled))
        return CaseCounts(trials).rate(f"recall, {policy}", n_unscored, self.simulated)

    def by_fill(self, policy: Policy) -> Difference:
        """Recall in the fullest context less that in the emptiest, at the same depths."""
        emptiest = min(self.fills, default=0.0)
        fullest = max(self.fills, default=0.0)
        name = f"recall at {fullest:.0%} full less that at {emptiest:.0%}, {policy}"
        full = self._probes(policy, fill=fullest)
        return _difference(name, full, self._probes(policy, fill=emptiest))

    def in_the_middle(self, policy: Policy) -> Difference:
        """Recall in the middle less that at the beginning, at the same fills."""
        beginning = min(self.depths, default=0.0)
        middle = min(self.depths, key=lambda depth: abs(depth - 0.5), default=0.5)
        name = f"recall at depth {middle:g} less that at {beginning:g}, {policy}"
        in_the_middle = self._probes(policy, depth=middle)
        return _difference(name, in_the_middle, self._probes(policy, depth=beginning))

    def between_policies(self) -> list[Difference]:
        """Each policy less each earlier one, in the fullest context; p is Holm's."""
        fullest = max(self.fills, default=0.0)
        differences = []
        for earlier, later in combinations(self.policies, 2):
            name = f"recall of {later} less that of {earlier}, at {fullest:.0%} full"
            of_later = self._probes(later, fill=fullest)
            difference = _difference(name, of_later, self._probes(earlier, fill=fullest))
            differences.append(difference)
        return with_holm(differences)

    def _probes(
        self, policy: Policy, fill: float | None = None, depth: float | None = None
    ) -> Experiment:
        """The probes at a fill (a trial for each depth), or at a depth (a trial for each fill);
        the fact is the case.
        """
        results = []
        for probe, answer in self.answers:
            is_here = fill in (None, probe.fill) and depth in (None, probe.depth)
            if probe.policy != policy or not is_here:
                continue
            if fill is None:
                number = self.fills.index(probe.fill)
            else:
                number = self.depths.index(probe.depth)
            results.append(_trial(str(probe.seed), number, answer))
        return Experiment("probes", tuple(results), planned=len(results))

    def __str__(self) -> str:
        sentences = [str(self.by_fill(policy)) for policy in self.policies]
        sentences += [str(self.in_the_middle(policy)) for policy in self.policies]
        sentences += map(str, self.between_policies())
        if self.n_not_asked:
            facts = quantity(self.n_not_asked, "fact")
            sentences.append(f"{facts} not asked for: {self.why_not_asked}")
        if self.simulated:
            sentences.append("The answers are simulated")
        return ". ".join(sentences)


def _difference(name: str, first: Experiment, second: Experiment) -> Difference:
    """The recall of the first less that of the second, where both have a verdict."""
    return replace(compare(first, second).passed_of_scored, name=name)


def _trial(case: str, number: int, answer: Recalled) -> TrialResult:
    if answer.recalled is None:
        return TrialResult(case, number, "unscored", source=answer.source)
    return TrialResult(case, number, "scored", passed=answer.recalled, source=answer.source)


async def measure_recall(
    memory: Subject[Probe, Recalled],
    seeds: Iterable[int] = range(40),
    fills: Sequence[float] = FILLS,
    depths: Sequence[float] = DEPTHS,
    policies: Sequence[Policy] = POLICIES,
    cap_usd: float | None = None,
    progress: Progress | None = None,
) -> ContextRot:
    """Hide a fact a seed in contexts of each fill, at each depth, under each policy.

    Parameters
    ----------
    memory : Subject
        A `SimulatedMemory`, or a function of yours in `Live` that fills a context and asks.
    seeds : iterable of int
        A fact each: their number is the n.
    fills, depths : sequence of float
        Shares of the limit, and of the context.
    policies : sequence of str
        Some of `POLICIES`.
    cap_usd : float, optional
        The most that it may cost; required where the memory is not simulated. A fact is asked for
        everywhere, or nowhere.
    progress : function of (done, all), optional
        Told of each fact.
    """
    listed = list(seeds)
    spending = Spending(cap_usd, memory)
    report = reporting(progress)
    answers: list[tuple[Probe, Recalled]] = []
    n_asked = 0
    for seed in listed:
        probes = [Probe(*cell, seed) for cell in product(policies, fills, depths)]
        given = await spending.ask([(memory, probe) for probe in probes])
        if given is None:
            break
        for probe, answer in zip(probes, given, strict=True):
            known = Recalled(None) if isinstance(answer, Missing) else answer
            answers.append((probe, known))
        n_asked += 1
        report(n_asked, len(listed))
    return ContextRot(tuple(answers), len(listed) - n_asked, spending.refused)
