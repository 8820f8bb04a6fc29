"""Simulated contexts with known parameters: what is recalled from them, and when work is ended.

All they say is simulated: nothing here is about a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from toolkit.harness.experiments.context_anxiety import NEAR, Worked, WorkSession
from toolkit.harness.experiments.context_rot import Policy, Probe, Recalled
from toolkit.harness.experiments.simulated import draw
from toolkit.traces import Source


@dataclass(frozen=True, slots=True)
class Recall:
    """What a policy does to recall."""

    empty: float
    """The chance that a fact at an end of an empty context is recalled."""
    lost_by_fill: float = 0.0
    """How much of that a full context loses."""
    lost_in_the_middle: float = 0.0
    """How much of that the middle loses."""


RECALL: dict[Policy, Recall] = {
    "none": Recall(0.95, 0.5, 0.2),
    "compaction": Recall(0.85, 0.2, 0.1),
    "reset": Recall(0.85, 0.05, 0.0),
}


@dataclass(frozen=True)
class SimulatedMemory:
    """A context that loses facts at known rates."""

    recall: Mapping[Policy, Recall] = field(default_factory=lambda: RECALL)
    shared: float = 0.4
    """The chance that a probe goes by how hard its fact is, which is the same everywhere."""
    cost_usd: float = 0.01
    """Of a probe."""
    seed: int = 0
    source: ClassVar[Source] = "simulated"

    def worst_case_usd(self, _: Probe) -> float:
        """What any probe costs."""
        return self.cost_usd

    def chance(self, probe: Probe) -> float:
        """The chance that the fact is recalled."""
        recall = self.recall[probe.policy]
        middle = 4 * probe.depth * (1 - probe.depth)
        lost = recall.lost_by_fill * probe.fill + recall.lost_in_the_middle * middle
        return min(1.0, max(0.0, recall.empty - lost))

    async def __call__(self, probe: Probe) -> Recalled:
        """Whether the fact is recalled."""
        own = (str(probe.seed), probe.policy, f"{probe.fill} {probe.depth}")
        is_shared = draw(self.seed, *own, "which") < self.shared
        luck = own[:1] if is_shared else own
        recalled = draw(self.seed, *luck, "recall") < self.chance(probe)
        return Recalled(recalled, self.cost_usd, "simulated")


@dataclass(frozen=True)
class SimulatedWorker:
    """A worker that finishes early at known hazards.

    Its context fills step by step. Compaction and reset empty it when it is nearly full; after a
    compaction some of the anxiety stays.
    """

    hazard: float = 0.01
    """The chance, at a step far from the limit, that it finishes early."""
    hazard_near: float = 0.06
    """The same near the limit."""
    stays: float = 0.5
    """How much of the difference stays after a compaction."""
    n_steps: int = 40
    """Of the whole work."""
    fill_a_step: float = 0.025
    emptied_to: Mapping[Policy, float] = field(
        default_factory=lambda: {"compaction": 0.4, "reset": 0.1}
    )
    cost_usd: float = 0.5
    """Of a session."""
    seed: int = 0
    source: ClassVar[Source] = "simulated"

    def worst_case_usd(self, _: WorkSession) -> float:
        """What any session costs."""
        return self.cost_usd

    def steps(self, policy: Policy) -> list[tuple[float, float]]:
        """How full the context is at each step, and the hazard there."""
        steps = []
        fill = 0.0
        floor = self.hazard
        for _ in range(self.n_steps):
            fill = min(1.0, fill + self.fill_a_step)
            if fill >= NEAR + 0.1 and policy in self.emptied_to:
                fill = self.emptied_to[policy]
                if policy == "compaction":
                    floor = self.hazard + self.stays * (self.hazard_near - self.hazard)
            steps.append((fill, self.hazard_near if fill >= NEAR else floor))
        return steps

    def chance(self, policy: Policy) -> float:
        """The chance that a session finishes early."""
        goes_on = 1.0
        for _, hazard in self.steps(policy):
            goes_on *= 1 - hazard
        return 1 - goes_on

    async def __call__(self, session: WorkSession) -> Worked:
        """The session, to its end or to where it finishes early."""
        fills = []
        for number, (fill, hazard) in enumerate(self.steps(session.policy)):
            fills.append(fill)
            if draw(self.seed, str(session.seed), session.policy, str(number)) < hazard:
                return Worked(tuple(fills), True, self.cost_usd, "simulated")
        return Worked(tuple(fills), False, self.cost_usd, "simulated")
