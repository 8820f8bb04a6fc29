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

    Kappa is 1 - observed / expected: the distance between the two ratings of an item, summed over
    the items that both rated, and the sum to be expected by chance, were each rater's categories
    shuffled among those items. Both are sums over items, so that one product of matrices makes
    those of all samples.

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
    distances = ratings.distances  # (n_categories, n_categories)
    # Whole numbers below 2**24 add up exactly in 32 bits, in half the time.
    dtype = float if ratings.scale == "interval" else np.float32
    weights = weights.astype(dtype)
    # (n_categories, n_items, n_raters)
    in_category = np.moveaxis(ratings.in_category, 2, 0).astype(dtype)
    for rater in range(ratings.codes.shape[1] - 1):
        rated = np.flatnonzero(ratings.codes[:, rater] != GAP)
        later = in_category[:, rated, rater + 1 :]
        shares_items = np.asarray(later.any(axis=(0, 1)))  # (n_later,)
        later = later[:, :, shares_items]  # (n_categories, n_rated, n_sharing)
        own = in_category[:, rated, rater, None]  # (n_categories, n_rated, 1)
        # (n_categories, n_rated): of each category from what this rater said
        distances_to_own = distances[:, ratings.codes[rated, rater]].astype(dtype)
        apart = (distances_to_own[:, :, None] * later).sum(axis=0)  # (n_rated, n_sharing)

        drawn = weights[:, rated]  # (n_samples, n_rated)
        observed = (drawn @ apart).astype(float)  # (n_samples, n_sharing)
        # How often each of the two gave each category: (n_categories, n_samples, n_sharing)
        own_drawn = (drawn @ (own * later.sum(axis=0))).astype(float)
        later_drawn = (drawn @ later).astype(float)
        of_rater = np.full((len(weights), len(shares_items)), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            n_items = own_drawn.sum(axis=0)  # (n_samples, n_sharing)
            distances_by_chance = np.tensordot(distances, own_drawn, axes=1) * later_drawn
            expected = distances_by_chance.sum(axis=0) / n_items
            of_rater[:, shares_items] = 1 - observed / expected
        yield of_rater


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
