"""Rate: a share of trials with an interval that knows that the trials of a case are alike."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np

from toolkit.evals.alignment.clustered import clustered_error, clustered_share
from toolkit.shown import Shown
from toolkit.traces.amounts import quantity

ONE_CASE = "an interval takes two cases or more"


@dataclass(frozen=True, slots=True)
class Rate(Shown):
    """A share with its 95% interval, clustered by case. What is undefined is None."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n_trials: int = 0
    n_cases: int = 0
    n_left_out: int = 0
    """Trials without a verdict that are in no number; of pass^k: cases with fewer than k trials."""
    standard_error: float | None = None
    """Clustered by case."""
    unclustered_error: float | None = None
    """As if each trial were a case of its own: too small where the trials of a case are alike."""
    reason: str = ""
    """Why something is undefined; blank where nothing is."""
    simulated: bool = False
    """Whether a trace behind it is simulated."""

    def __str__(self) -> str:
        return f"{self.name} {self.words}{simulated_words(self.simulated)}"

    @property
    def words(self) -> str:
        """The share with its interval and what it rests on."""
        if self.value is None:
            return f"undefined: {self.reason}"
        trials = quantity(self.n_trials, "trial")
        cases = quantity(self.n_cases, "case")
        rests_on = f"n = {trials} of {cases}"
        if self.low is None:
            return f"{self.value:.3f} ({rests_on}; {self.reason})"
        bounds = f"95% interval {self.low:.3f} to {self.high:.3f}"
        return f"{self.value:.3f} ({bounds}, clustered by case; {rests_on})"


def simulated_words(simulated: bool) -> str:
    """In words, to end a sentence with: that traces are simulated, where they are."""
    return ". The traces are simulated" if simulated else ""


class CaseCounts:
    """How many trials each case has, and how many of them passed."""

    def __init__(self, trials: Iterable[tuple[str | None, bool]]):
        n_passed: Counter[str | None] = Counter()
        n_trials: Counter[str | None] = Counter()
        for case, passed in trials:
            n_passed[case] += passed
            n_trials[case] += 1
        self.passed = np.array(list(n_passed.values()), dtype=float)
        """``(n_cases,) float``: the trials of each case that passed."""
        self.trials = np.array(list(n_trials.values()), dtype=float)
        """``(n_cases,) float``: the trials of each case, in the same order."""

    @property
    def n_trials(self) -> int:
        """Of all cases."""
        return int(self.trials.sum())

    def rate(self, name: str, n_left_out: int, simulated: bool) -> Rate:
        """The share of trials that passed."""
        if not self.n_trials:
            reason = "no trial has a verdict"
            return Rate(name, None, n_left_out=n_left_out, reason=reason, simulated=simulated)
        value = float(self.passed.sum()) / self.n_trials
        variance = value * (1 - value)
        return Rate(
            name,
            value,
            n_trials=self.n_trials,
            n_left_out=n_left_out,
            unclustered_error=sqrt(variance / self.n_trials),
            simulated=simulated,
            **_clustered(self.passed, self.trials, self.n_trials),
        )

    def pass_hat(self, k: int, simulated: bool) -> Rate:
        """The chance that k trials of a case pass all, without bias: C(c, k) / C(n, k) of c passes
        in n trials, averaged over the cases (Yao et al. 2024, tau-bench, arXiv 2406.12045).
        """
        return self._mean_over_cases(f"pass^{k}", k, self.passed, simulated)

    def pass_at(self, k: int, simulated: bool) -> Rate:
        """The chance that some of k trials of a case passes, without bias (Chen et al. 2021, arXiv
        2107.03374), averaged over the cases. It is 1 less the chance that all of them fail.
        """
        all_fail = self._mean_over_cases(f"pass@{k}", k, self.trials - self.passed, simulated)
        if all_fail.value is None:
            return all_fail
        value = 1 - all_fail.value
        if all_fail.low is None or all_fail.high is None:
            return replace(all_fail, value=value)
        low = 1 - all_fail.high
        high = 1 - all_fail.low
        return replace(all_fail, value=value, low=low, high=high)

    def _mean_over_cases(self, name: str, k: int, counts: np.ndarray, simulated: bool) -> Rate:
        """The chance that k trials are all among the counted ones of their case."""
        from scipy.special import comb

        if k < 1:
            raise ValueError(f"k is a number of trials from 1 on, not {k}")
        used = self.trials >= k
        n_left_out = int((~used).sum())
        if not used.any():
            reason = f"no case has {quantity(k, 'trial')}"
            return Rate(name, None, n_left_out=n_left_out, reason=reason, simulated=simulated)
        shares = comb(counts[used], k) / comb(self.trials[used], k)
        n_trials = int(self.trials[used].sum())
        return Rate(
            name,
            float(shares.mean()),
            n_trials=n_trials,
            n_left_out=n_left_out,
            simulated=simulated,
            **_clustered(shares, np.ones(len(shares)), n_trials),
        )


def _clustered(sums: np.ndarray, sizes: np.ndarray, n_trials: int) -> dict[str, Any]:
    """The fields of a rate that know the clusters.

    Parameters
    ----------
    sums : (n_cases,) float
        What counts of each case.
    sizes : (n_cases,) float
        Of how much.
    n_trials : int
        Of all cases.
    """
    interval = clustered_share(sums, sizes, n_trials)
    fields: dict[str, Any] = {
        "n_cases": len(sums),
        "standard_error": clustered_error(sums, sizes),
    }
    if interval is None:
        return {**fields, "reason": ONE_CASE}
    low, high = interval
    return {**fields, "low": low, "high": high}
