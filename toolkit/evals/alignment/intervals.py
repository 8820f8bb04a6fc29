"""Intervals of shares and of resampled measures: none is without width, however few the items are.

References
----------
Brown, Cai & DasGupta 2001, Interval estimation for a binomial proportion (Wilson, Clopper-Pearson).
Agresti & Coull 1998, Approximate is better than "exact": two items more, spread over the cells.
Hesterberg 2015, What teachers should know about the bootstrap, 5.3: the expanded percentile
interval.
"""

import math

import numpy as np

PSEUDO_ITEMS = 2.0
"""Items that are spread over all cells before resampling (Agresti & Coull 1998)."""
MOST_UNDEFINED = 0.05
"""The share of resamples in which a measure may be undefined."""


def proportion(
    count: float, of: float, level: float = 0.95, method: str = "wilson"
) -> tuple[float, float] | None:
    """The interval of a share, ``wilson`` or ``exact`` (Clopper-Pearson); None of nothing."""
    from statsmodels.stats.proportion import proportion_confint

    if not of:
        return None
    low, high = proportion_confint(count, of, 1 - level, "beta" if method == "exact" else method)
    return float(low), float(high)


def resampled(
    cells: np.ndarray,
    groups: np.ndarray | None,
    resamples: int,
    rng: np.random.Generator,
    pseudo_items: float = PSEUDO_ITEMS,
) -> np.ndarray:
    """Bootstrapped counts of each cell.

    Without the pseudo-items an error that was never seen would be taken for impossible, and the
    interval of a perfect judge would have no width.

    Parameters
    ----------
    cells : (n_items, n_cells) float
        1 in the cell that the item is in, 0 in all others.
    groups : (n_items,) int, optional
        The number of each item's group, from 0. Whole groups are drawn then, and a pseudo-item is a
        group of mean size.
    resamples : int
        How many.
    rng : Generator
        What draws them.
    pseudo_items : float
        How many items are spread over all cells beforehand.

    Returns
    -------
    (resamples, n_cells) float
    """
    n_cells = cells.shape[1]
    per_cell = pseudo_items / n_cells
    if groups is None:
        weights = cells.sum(axis=0) + per_cell
        return rng.multinomial(len(cells), weights / weights.sum(), resamples).astype(float)
    n_groups = int(groups.max(initial=-1)) + 1
    group_counts = np.zeros((n_groups, n_cells))
    np.add.at(group_counts, groups, cells)
    mean_size = len(cells) / max(n_groups, 1)
    blocks = np.vstack([group_counts, np.eye(n_cells) * mean_size])
    weights = np.concatenate([np.ones(n_groups), np.full(n_cells, per_cell)])
    counts: np.ndarray = rng.multinomial(n_groups, weights / weights.sum(), resamples) @ blocks
    return counts


def percentile(values: np.ndarray, level: float, n_units: int) -> tuple[float, float] | None:
    """The middle `level` of resampled `values`, expanded for the few units (items, or groups) that
    were drawn.

    None where more than one value in twenty is undefined, or where there are fewer than two units.
    """
    if not len(values) or n_units < 2 or np.isnan(values).mean() > MOST_UNDEFINED:
        return None
    return expanded_ends(values, level, n_units)


def expanded_ends(values: np.ndarray, level: float, n_units: int) -> tuple[float, float]:
    """As `percentile`, of at least two units and of values most of which are numbers."""
    tail = expanded_tail(level, n_units)
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)


def expanded_tail(level: float, n_units: int) -> float:
    """The share of resamples to cut off at either end: less than (1 - level) / 2, as Student's t is
    wider than z.
    """
    from scipy.stats import norm, t

    reach = t.ppf((1 + level) / 2, n_units - 1) * math.sqrt(n_units / (n_units - 1))
    return float(norm.cdf(-reach))
