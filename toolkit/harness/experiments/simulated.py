"""Simulated subjects with known parameters, to show that the experiments recover them.

All they say is simulated: nothing here is about a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar

from toolkit.harness.experiments.ablation import BuildEnd, BuildRun
from toolkit.harness.experiments.reviews import Artefact, Review
from toolkit.traces import Source

DEFECTS = ("a quoted comma splits a field", "a deleted item comes back", "an empty list crashes")

LOOKS_FINISHED = "simulated: it looks finished"
FALLS_SHORT = "simulated: it falls short"


def draw(seed: int, *names: str) -> float:
    """A number from 0 to 1 that belongs to `seed` and `names`: the same in any order of calls."""
    key = "\n".join([str(seed), *names]).encode()
    return int.from_bytes(blake2b(key, digest_size=8).digest()) / 2**64


def simulated_artefacts(n_defective: int, n_good: int, n_a_task: int = 1) -> list[Artefact]:
    """Artefacts with a planted defect, then good ones; `n_a_task` of them share a task."""
    artefacts = []
    for number in range(n_defective + n_good):
        defect = ""
        if number < n_defective:
            defect = DEFECTS[number % len(DEFECTS)]
        task = f"task {number // n_a_task + 1}"
        artefacts.append(Artefact(f"build {number + 1}", "a simulated build", defect, task))
    return artefacts


@dataclass(frozen=True)
class SimulatedReviewer:
    """A reviewer that errs at known rates."""

    name: str
    false_pass: float
    """The chance that it passes a planted defect."""
    false_fail: float = 0.0
    """The chance that it fails a good artefact."""
    shared: float = 0.0
    """The chance that it goes by how hard the task is, which is the same for all reviewers of one
    seed, and not by luck of its own: so two reviewers err on the same artefacts.
    """
    cost_usd: float = 0.02
    """Of a review."""
    seed: int = 0
    source: ClassVar[Source] = "simulated"

    def worst_case_usd(self, _: Artefact) -> float:
        """What any review costs."""
        return self.cost_usd

    async def __call__(self, artefact: Artefact) -> Review:
        """The review, which does not depend on the order in which artefacts come."""
        if draw(self.seed, artefact.id, self.name, "which") < self.shared:
            luck = draw(self.seed, artefact.task)
        else:
            luck = draw(self.seed, artefact.id, self.name)
        if artefact.defect:
            passed = luck < self.false_pass
        else:
            passed = luck >= self.false_fail
        why = LOOKS_FINISHED if passed else FALLS_SHORT
        return Review(passed, why, ("simulated evidence",), self.cost_usd, "simulated")


@dataclass(frozen=True)
class SimulatedHarness:
    """A harness whose components are worth known points of the pass rate."""

    worth: Mapping[str, float]
    """By component: what removing it takes from the pass rate, on average over tasks."""
    pass_rate: float = 0.7
    """Of the full harness."""
    task_spread: float = 0.2
    """Tasks pass more or less often than that by up to so much."""
    worth_spread: float = 0.5
    """A component is worth more or less by up to this share of its worth, by the task."""
    shared: float = 0.7
    """The chance that a run goes by the luck of its task and seed, which all arms share."""
    seed: int = 0
    source: ClassVar[Source] = "simulated"

    def worst_case_usd(self, run: BuildRun) -> float:
        """Its whole budget."""
        return run.budget_usd

    def chance(self, run: BuildRun) -> float:
        """The chance that `run` passes."""
        chance = self.pass_rate + self.task_spread * (2 * draw(self.seed, run.task) - 1)
        if run.without is not None:
            more_or_less = 2 * draw(self.seed, run.task, run.without) - 1
            chance -= self.worth.get(run.without, 0.0) * (1 + self.worth_spread * more_or_less)
        return min(1.0, max(0.0, chance))

    async def __call__(self, run: BuildRun) -> BuildEnd:
        """The end of `run`, which spends most of its budget, whatever is removed."""
        pair = (run.task, str(run.seed))
        own = (*pair, run.without or "full")
        luck = draw(self.seed, *own)
        if draw(self.seed, *own, "which") < self.shared:
            luck = draw(self.seed, *pair)
        passed = luck < self.chance(run)
        spent = 0.75 + 0.2 * draw(self.seed, *own, "dollars")
        return BuildEnd(passed, spent * run.budget_usd, "simulated", "simulated")
