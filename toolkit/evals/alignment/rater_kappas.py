"""Cohen's kappa of each pair of raters, in each of many bootstrap samples of the items.

References
----------
Cohen 1960, A coefficient of agreement for nominal scales; 1968, weighted kappa.
Light 1971, Measures of response agreement: the mean over the pairs.
"""

from collections.abc import Iterator

import numpy as np

from toolkit.evals.alignment.ratings import GAP, Ratings


def kappas(ratings: Ratings, weights: np.ndarray) -> Iterator[np.ndarray]:
    """Kappa of each rater with each later one, one rater after the other; NaN where undefined.

    A table of two raters is a sum over items, so that one product of matrices makes the tables of
    all samples.

    Parameters
    ----------
    ratings : Ratings
        Of n raters.
    weights : (n_samples, n_items) int
        How often each item was drawn.

    Yields
    ------
    (n_samples, n_later) float
    """
    n_samples = len(weights)
    n_categories = len(ratings.labels)
    distances = ratings.distances
    # Whole numbers below 2**24 add up exactly in 32 bits, in half the time.
    dtype = float if ratings.scale == "interval" else np.float32
    weights = weights.astype(dtype)
    in_category = ratings.in_category.astype(dtype)
    for rater in range(ratings.codes.shape[1] - 1):
        rated = np.flatnonzero(ratings.codes[:, rater] != GAP)
        own = in_category[rated, rater, None]
        later = in_category[rated, rater + 1 :]
        rated_by_both = later.sum(axis=2, keepdims=True)
        apart = (own @ distances.astype(dtype) * later).sum(axis=2, keepdims=True)
        terms = np.concatenate([apart, own * rated_by_both, later], axis=2)
        _, n_later, n_terms = terms.shape
        sums = weights[:, rated] @ terms.reshape(len(rated), n_later * n_terms)
        sums = sums.reshape(n_samples, n_later, n_terms).astype(float)
        own_totals = sums[..., 1 : n_categories + 1]
        later_totals = sums[..., n_categories + 1 :]
        with np.errstate(invalid="ignore", divide="ignore"):
            n_items = own_totals.sum(axis=2)
            apart_by_chance = (own_totals @ distances * later_totals).sum(axis=2) / n_items
            yield 1 - sums[..., 0] / apart_by_chance


def mean_kappas(ratings: Ratings, weights: np.ndarray) -> np.ndarray:
    """``(n_samples,)``: the mean kappa of the pairs of whom it is defined (Light 1971)."""
    totals = np.zeros(len(weights))
    n_defined = np.zeros(len(weights))
    for of_one_rater in kappas(ratings, weights):
        totals += np.nansum(of_one_rater, axis=1)
        n_defined += np.count_nonzero(~np.isnan(of_one_rater), axis=1)
    with np.errstate(invalid="ignore"):
        means: np.ndarray = totals / n_defined
    return means
