"""Means of items that come in clusters, as the trials of a case do: errors that know it.

References
----------
Miller 2024, Adding error bars to evals, arXiv 2411.00640: errors clustered by question.
Agresti & Min 2005, Simple improved confidence intervals for comparing matched proportions.
Dean & Pagano 2015, Evaluating confidence interval methods for binomial proportions in clustered
surveys: Wilson's interval of the effective number of items.
"""

import math
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
POWER = 0.8
"""How often the least detectable effect would be found."""


def clustered_error(sums: np.ndarray, sizes: np.ndarray) -> float | None:
    """The standard error of ``sums.sum() / sizes.sum()``, where the clusters are a sample; None of
    fewer than two.
    """
    n_clusters = len(sums)
    if n_clusters < 2:
        return None
    total = sizes.sum()
    residuals = sums - sizes * (sums.sum() / total)
    correction = n_clusters / (n_clusters - 1)
    return float(np.sqrt(correction * np.sum(residuals**2)) / total)


def clustered_share(
    sums: np.ndarray, sizes: np.ndarray, n_items: int, level: float = LEVEL
) -> tuple[float, float] | None:
    """The interval of the share ``sums.sum() / sizes.sum()``; None of fewer than two clusters.

    It is Wilson's, of as many items as would have that error without clusters, and at most
    `n_items`; Student's t takes the place of z. Where all items are alike each cluster counts as
    one item.
    """
    from scipy.stats import t

    error = clustered_error(sums, sizes)
    if error is None:
        return None
    share = float(sums.sum() / sizes.sum())
    variance = share * (1 - share)
    if variance == 0:
        n_effective = float(len(sums))
    elif error == 0:
        n_effective = float(n_items)
    else:
        n_effective = min(variance / error**2, n_items)
    squared = t.ppf((1 + level) / 2, len(sums) - 1) ** 2
    shrunk = 1 + squared / n_effective
    middle = (share + squared / (2 * n_effective)) / shrunk
    spread = variance / n_effective + squared / (4 * n_effective**2)
    reach = math.sqrt(squared * spread) / shrunk
    return max(0.0, float(middle - reach)), min(1.0, float(middle + reach))


@dataclass(frozen=True, slots=True)
class MeanEstimate:
    """A mean with its error."""

    middle: float
    error: float
    freedom: float
    """Degrees of freedom of Student's t; infinite for the normal distribution."""

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Two-sided; either end is also the bound of one side at (1 + level) / 2."""
        reach = self._quantile((1 + level) / 2) * self.error
        return self.middle - reach, self.middle + reach

    @property
    def p(self) -> float | None:
        """Two-sided, of a mean of 0; None without an error."""
        from scipy.stats import t

        if not self.error:
            return None
        return float(2 * t.sf(abs(self.middle) / self.error, self.freedom))

    def p_above(self, value: float) -> float:
        """One-sided, of a true mean of `value` or less."""
        from scipy.stats import t

        return float(t.sf((self.middle - value) / self.error, self.freedom))

    def least_detectable(self, level: float = LEVEL) -> float:
        """The true mean that a sample like this would show in 80% of all cases."""
        return (self._quantile((1 + level) / 2) + self._quantile(POWER)) * self.error

    def _quantile(self, share: float) -> float:
        from scipy.stats import t

        return float(t.ppf(share, self.freedom))


def mean_of_differences(differences: np.ndarray, groups: np.ndarray | None) -> MeanEstimate | None:
    """The mean of differences from -1 to 1; None of nothing, or of one group.

    Two items more are spread as Agresti & Min (2005) do it: half an item at either end, and one at
    0. A group counts by its sum, such an item as a group of mean size, and Student's t takes the
    place of z. So an outcome that few groups have, and none of those seen, is not taken for
    impossible.
    """
    n = len(differences)
    if not n:
        return None
    numbers = np.arange(n) if groups is None else groups
    n_groups = len(set(numbers.tolist()))
    if groups is not None and n_groups < 2:
        return None
    sums = np.bincount(numbers, differences)
    sizes = np.bincount(numbers)
    extra = n / n_groups  # the size of one of the two items more
    total = n + 2 * extra
    middle = differences.sum() / total
    squares = np.sum((sums - sizes * middle) ** 2)
    squares_of_ends = ((1 - middle) ** 2 + (1 + middle) ** 2) / 2
    squares += extra**2 * (squares_of_ends + middle**2)
    freedom = math.inf if groups is None else n_groups - 1
    return MeanEstimate(float(middle), float(np.sqrt(squares) / total), freedom)


def mean_of_numbers(differences: np.ndarray, groups: np.ndarray) -> MeanEstimate | None:
    """The mean of differences without bounds; None of fewer than two groups."""
    sums = np.bincount(groups, differences)
    error = clustered_error(sums, np.bincount(groups))
    if error is None:
        return None
    return MeanEstimate(float(differences.mean()), error, len(sums) - 1)


def difference_interval(
    differences: np.ndarray, groups: np.ndarray | None, level: float = LEVEL
) -> tuple[float, float] | None:
    """The interval of `mean_of_differences`, within -1 to 1."""
    estimate = mean_of_differences(differences, groups)
    if estimate is None:
        return None
    low, high = estimate.interval(level)
    return max(-1.0, low), min(1.0, high)
