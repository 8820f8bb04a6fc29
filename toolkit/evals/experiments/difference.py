"""Difference: how far two experiments differ in one measure, and what that shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from toolkit.shown import Shown
from toolkit.traces.amounts import quantity

SIGNIFICANT = 0.05
Conclusion = Literal["better", "worse", "not shown"]


@dataclass(frozen=True, slots=True)
class Difference(Shown):
    """The first experiment less the second, on the same cases. What is undefined is None."""

    name: str
    first: float | None = None
    """The share, or the mean, of the first; then of the second."""
    second: float | None = None
    value: float | None = None
    low: float | None = None
    """Of the 95% interval."""
    high: float | None = None
    p: float | None = None
    """Two-sided: McNemar's exact where each case has one trial, else of Student's t by case."""
    p_adjusted: float | None = None
    """Holm's, over the scores that were compared: that is what a conclusion goes by."""
    n_trials: int = 0
    """Pairs of trials that count."""
    n_cases: int = 0
    n_left_out: int = 0
    """Pairs of trials without a verdict, or a number, on either side."""
    least_detectable: float | None = None
    """The true difference that would be found four times in five; None where there are too few
    cases for any.
    """
    margin: float | None = None
    """How much worse the first may be."""
    bound: float | None = None
    """The one-sided 95% bound: the difference is above it."""
    p_margin: float | None = None
    """One-sided, of a first that is worse by the margin."""
    reason: str = ""
    """Why something is undefined; blank where nothing is."""

    @property
    def conclusion(self) -> Conclusion:
        """What is shown of the first. "Not shown" is no sign that the two are alike."""
        if self.p_adjusted is None or self.value is None or self.p_adjusted >= SIGNIFICANT:
            return "not shown"
        return "better" if self.value > 0 else "worse"

    @property
    def not_worse(self) -> bool | None:
        """Whether it is shown that the first is not worse by the margin; None without one."""
        if self.margin is None:
            return None
        return self.bound is not None and self.bound > -self.margin

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name}: undefined, {self.reason}"
        pair = f"{self.name}: {self.first:.3f} against {self.second:.3f}"
        sentences = [f"{pair}, a difference of {self.value:+.3f} ({self._rests_on})"]
        sentences.append(self._conclusion_in_words())
        if self.margin is not None:
            sentences.append(self._margin_in_words())
        return ". ".join(sentences)

    @property
    def _rests_on(self) -> str:
        trials = quantity(self.n_trials, "pair") + " of trials"
        parts = [f"n = {trials} of {quantity(self.n_cases, 'case')}"]
        if self.low is not None:
            parts.insert(0, f"95% interval {self.low:+.3f} to {self.high:+.3f}")
        if self.n_left_out:
            parts.append(f"{self.n_left_out} without a verdict left out")
        if self.p_adjusted is not None:
            parts.append(p_in_words(self.p_adjusted))
        if self.reason:
            parts.append(self.reason)
        return "; ".join(parts)

    def _conclusion_in_words(self) -> str:
        if self.conclusion != "not shown":
            return f"The first is {self.conclusion}"
        if self.least_detectable is None:
            return "Not shown to differ, and so few cases could show no difference at all"
        found = f"a difference of {self.least_detectable:.3f} would be found four times in five"
        return f"Not shown to differ, which does not show them alike: {found}"

    def _margin_in_words(self) -> str:
        shown = "Shown" if self.not_worse else "Not shown"
        bound = "without a bound"
        if self.bound is not None:
            bound = f"one-sided 95% bound {self.bound:+.3f}"
        return f"{shown} to be not worse by {self.margin:g} ({bound})"


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """The p-values, adjusted over all that are there (Holm 1979).

    Statsmodels has it too, and walks through all objects in memory for each call.

    >>> holm([0.01, None, 0.04])
    [0.02, None, 0.04]
    """
    adjusted = list(p_values)
    known = [(p, at) for at, p in enumerate(p_values) if p is not None]
    highest = 0.0
    for n_before, (p, at) in enumerate(sorted(known)):
        highest = max(highest, p * (len(known) - n_before))
        adjusted[at] = min(1.0, highest)
    return adjusted


def with_holm(differences: Sequence[Difference]) -> list[Difference]:
    """The differences with p adjusted over all of them."""
    adjusted = holm([difference.p for difference in differences])
    pairs = zip(differences, adjusted, strict=True)
    return [replace(difference, p_adjusted=p) for difference, p in pairs]


def p_in_words(p: float) -> str:
    """A p with three digits.

    >>> p_in_words(0.0312), p_in_words(1e-9)
    ('p = 0.031', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
