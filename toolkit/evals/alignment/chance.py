"""Chance: measures of agreement that take from it what raters who guess would agree on.

References
----------
Gwet 2008, Computing inter-rater reliability in the presence of high agreement (AC1).
Byrt, Bishop & Carlin 1993, Bias, prevalence and kappa (PABAK); Brennan & Prediger 1981.
"""

from typing import Any

import numpy as np


def beyond_chance(agreed: Any, by_chance: Any) -> Any:
    """The share of the possible agreement beyond chance that was reached."""
    return (agreed - by_chance) / (1 - by_chance)


def gwet_ac1(agreed: Any, shares: np.ndarray) -> Any:
    """Gwet's AC1, of the share that agrees and ``shares (..., n_categories)`` of all ratings."""
    n_categories = np.float64(shares.shape[-1])
    by_chance = (shares * (1 - shares)).sum(axis=-1) / (n_categories - 1)
    return beyond_chance(agreed, by_chance)


def pabak(agreed: Any, n_categories: int) -> Any:
    """Prevalence and bias adjusted kappa; of more than two categories, Brennan and Prediger's."""
    return beyond_chance(agreed, 1 / np.float64(n_categories))
