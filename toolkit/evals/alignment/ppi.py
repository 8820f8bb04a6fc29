"""Prediction-powered inference (PPI++): people's rate on the labelled, moved by the judge's on all.

References
----------
Angelopoulos, Duchi & Zrnic, arXiv 2311.01453: PPI++, and its power tuning (section 6).
"""

from dataclasses import dataclass, replace

import numpy as np

from toolkit.evals.alignment import intervals
from toolkit.evals.alignment.alignment import Alignment
from toolkit.evals.alignment.estimate import Estimate
from toolkit.evals.alignment.judged import JudgedItems


@dataclass(frozen=True, slots=True)
class _Rectified:
    """The estimate as the paper has it."""

    value: float
    power: float
    """How far to rely on the judge, from 0 to 1."""
    errors: np.ndarray
    """``(n_labels,) float``: what the judge leaves to correct, item by item."""


def _rectified(alignment: Alignment, judged: JudgedItems) -> _Rectified:
    is_positive = alignment.used[["human", "counted"]].eq(alignment.positive)
    labels = is_positive["human"].to_numpy(dtype=float)
    verdicts = is_positive["counted"].to_numpy(dtype=float)
    power = _power(labels, verdicts, judged.positive)
    errors = labels - power * verdicts
    value = power * judged.positive.mean() + errors.mean()
    return _Rectified(float(value), power, errors)


def _power(labels: np.ndarray, verdicts: np.ndarray, judged: np.ndarray) -> float:
    """How far to rely on the judge, from 0 to 1 (section 6)."""
    variance = np.var(np.concatenate([verdicts, judged]), ddof=1)
    if not variance:
        return 0.0
    covariance = np.cov(labels, verdicts, ddof=0)[0, 1]
    ratio = len(labels) / len(judged)
    power = covariance / ((1 + ratio) * variance)
    return float(np.clip(power, 0, 1))


def resampled_ppi(
    estimate: Estimate, alignment: Alignment, judged: JudgedItems, seed: int, resamples: int
) -> Estimate:
    """The estimate with its value and a bootstrapped interval of both samples.

    In each draw the rate is people's on the labelled, and `power` times as much more as the judge
    passes on the judged than on the labelled.
    """
    rectified = _rectified(alignment, judged)
    tables = alignment.drawn_tables(resamples, seed)
    n_drawn = tables.sum(axis=(1, 2))
    label_shares = np.zeros(resamples)
    verdict_shares = np.zeros(resamples)
    positive = alignment.positive_at
    if positive is not None:
        label_shares = tables[:, positive].sum(axis=1) / n_drawn
        verdict_shares = tables[..., positive].sum(axis=1) / n_drawn
    moved = judged.drawn_shares(resamples, seed) - verdict_shares
    rates = np.clip(label_shares + rectified.power * moved, 0, 1)
    n_units = min(alignment.n_units, max(2, judged.n_units))
    low, high = intervals.expanded_ends(rates, estimate.level, n_units)
    return replace(estimate, value=float(np.clip(rectified.value, 0, 1)), low=low, high=high)


def normal_ppi(estimate: Estimate, alignment: Alignment, judged: JudgedItems) -> Estimate:
    """The estimate with the paper's interval, clipped to 0 and 1.

    Where there are groups, its variances are of their sums.
    """
    from scipy.stats import norm

    rectified = _rectified(alignment, judged)
    variance_of_errors = _variance_of_mean(rectified.errors, alignment.groups)
    variance_of_judged = _variance_of_mean(judged.positive, judged.groups)
    variance = variance_of_errors + rectified.power**2 * variance_of_judged
    if not variance:
        reason = "the normal interval has no width here: use interval='resampled'"
        return replace(estimate, reason=reason)
    reach = norm.ppf((1 + estimate.level) / 2) * np.sqrt(variance)
    ends = [rectified.value, rectified.value - reach, rectified.value + reach]
    value, low, high = np.clip(ends, 0, 1).tolist()
    return replace(estimate, value=value, low=low, high=high)


def _variance_of_mean(values: np.ndarray, groups: np.ndarray | None) -> float:
    """The variance of the mean of ``values (n,)``; with groups, by their sums."""
    deviations = values - values.mean()
    if groups is not None:
        deviations = np.bincount(groups, deviations)
    return float(np.sum(deviations**2) / len(values) ** 2)
