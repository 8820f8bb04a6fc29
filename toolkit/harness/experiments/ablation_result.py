"""Ablation: a verdict on each component, and what it would take to have one."""

from dataclasses import dataclass
from math import ceil
from typing import Literal

from toolkit import render
from toolkit.evals import Difference, Rate
from toolkit.evals.alignment.clustered import POWER
from toolkit.evals.experiments.difference import SIGNIFICANT, p_in_words
from toolkit.harness.experiments.words import bounds_in_points, in_points, share_in_words
from toolkit.shown import Shown
from toolkit.traces import Source
from toolkit.traces.amounts import quantity

ComponentVerdict = Literal["load-bearing", "safe to remove", "inconclusive"]


@dataclass(frozen=True, slots=True)
class ComponentEffect(Shown):
    """What removing one component does."""

    component: str
    passed: Difference
    """The pass rate without it, less that of the full harness; both its p-values are Holm's, over
    the components.
    """
    cost: Difference | None
    """The dollars of a run without it, less those of the full harness."""
    n_components: int
    """That were tested together."""

    @property
    def verdict(self) -> ComponentVerdict:
        """Load-bearing: shown to be worse without it. Safe to remove: shown to be not worse by the
        margin. Where nothing is shown it is inconclusive.
        """
        if self.passed.conclusion == "worse":
            return "load-bearing"
        p_margin = self.passed.p_margin
        if p_margin is not None and p_margin < SIGNIFICANT:
            return "safe to remove"
        return "inconclusive"

    @property
    def tasks_needed(self) -> int | None:
        """How many tasks would decide it four times in five, were the difference seen the true one;
        None where it is decided, or where nothing can be planned from what was seen.
        """
        from scipy.stats import norm

        detectable = self.passed.least_detectable
        value = self.passed.value
        if self.verdict != "inconclusive" or detectable is None or value is None:
            return None
        distance = abs(value)
        one_sided = SIGNIFICANT / 2
        margin = self.passed.margin
        if margin is not None and margin + value > distance:
            distance = margin + value
            one_sided = SIGNIFICANT
        if not distance:
            return None
        power = norm.ppf(POWER)
        reach = norm.isf(one_sided / self.n_components) + power
        reach_so_far = norm.isf(SIGNIFICANT / 2) + power
        times_wider = detectable * reach / reach_so_far / distance
        return max(self.passed.n_cases + 1, ceil(self.passed.n_cases * times_wider**2))

    @property
    def rests_on(self) -> str:
        """The p that decides; of what is undecided, the number of tasks that it would take."""
        if self.verdict == "load-bearing" and self.passed.p_adjusted is not None:
            return f"Holm {p_in_words(self.passed.p_adjusted)}"
        if self.verdict == "safe to remove" and self.passed.p_margin is not None:
            return f"not worse by {self.passed.margin:g}, Holm {p_in_words(self.passed.p_margin)}"
        if self.tasks_needed is None:
            return "too little was seen to plan from"
        return f"it would take {quantity(self.tasks_needed, 'task')}"

    @property
    def bounds(self) -> str:
        """The 95% interval of the change, in points; blank where there is none."""
        if self.passed.low is None or self.passed.high is None:
            return ""
        return bounds_in_points(self.passed.low, self.passed.high)

    def __str__(self) -> str:
        if self.passed.value is None:
            return f"{self.component}: undefined, {self.passed.reason}"
        change = f"{in_points(self.passed.value)} points without it"
        if self.bounds:
            change += f", 95% interval {self.bounds}"
        return f"{self.component}: {self.verdict} ({change}; {self.rests_on})"


@dataclass(frozen=True)
class Ablation(Shown):
    """A harness without each of its components in turn."""

    full: Rate
    """The pass rate of the full harness."""
    effects: tuple[ComponentEffect, ...]
    margin: float | None
    budget_usd: float
    """Of each run."""
    source: Source | None
    n_not_run: int = 0
    """Tasks and seeds of which no run was made."""
    why_not_run: str = ""

    @property
    def simulated(self) -> bool:
        """Whether a run is simulated."""
        return self.source == "simulated"

    @property
    def verdicts(self) -> dict[str, ComponentVerdict]:
        """By component."""
        return {effect.component: effect.verdict for effect in self.effects}

    def __str__(self) -> str:
        sentences = [f"Full harness: pass rate {share_in_words(self.full)}"]
        sentences += [str(effect) for effect in self.effects]
        return ". ".join(sentences) + self._ends

    @property
    def _ends(self) -> str:
        words = f". Each run had a budget of ${self.budget_usd:.2f}"
        if self.margin is None:
            words += ". No margin was given, so nothing can be called safe to remove"
        if self.n_not_run:
            left = quantity(self.n_not_run, "pair")
            words += f". {left} of task and seed not run: {self.why_not_run}"
        return words + (". The runs are simulated" if self.simulated else "")

    def _repr_html_(self) -> str:
        rows = []
        for effect in self.effects:
            value = effect.passed.value
            change = "–" if value is None else f"{in_points(value)} points"
            bounds = effect.bounds or "–"
            rows.append([effect.component, effect.verdict, change, bounds, effect.rests_on])
        head = ["component", "verdict", "without it", "95% interval", "rests on"]
        sentence = f"Full harness: pass rate {share_in_words(self.full)}{self._ends}"
        return render.block(render.tag("p", sentence), render.table(rows, head))
