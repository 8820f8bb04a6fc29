"""Rogan and Gladen's estimate of a rate: the judge's own, with its errors divided out.

References
----------
Rogan & Gladen 1978, Estimating prevalence from the results of a screening test.
Lee et al., arXiv 2511.21140: both samples are resampled, the labelled and the judged.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from toolkit.evals.alignment import intervals
from toolkit.evals.alignment.alignment import Alignment
from toolkit.evals.alignment.estimate import Estimate
from toolkit.evals.alignment.judged import JudgedItems


def rogan_gladen(
    estimate: Estimate, alignment: Alignment, judged: JudgedItems, seed: int, resamples: int
) -> Estimate:
    """The estimate with its value and interval; TPR and TNR of `alignment` sum to more than 1."""
    drawn = alignment.drawn(resamples, seed)
    shares = judged.drawn_shares(resamples, seed)
    rates = _without_errors(shares, drawn["tpr"], drawn["tnr"])
    is_coin = ~(drawn["tpr"] + drawn["tnr"] > 1)
    # Any rate would fit a judge that is no better than a coin: it stands at either end.
    rates[is_coin] = np.arange(is_coin.sum()) % 2
    value = _without_errors(judged.rate, alignment.tpr, alignment.tnr)
    n_units = min(alignment.n_units, max(2, judged.n_units))
    low, high = intervals.expanded_ends(rates, estimate.level, n_units)
    degenerate = float(is_coin.mean())
    return replace(estimate, value=float(value), low=low, high=high, degenerate=degenerate)


def _without_errors(share: Any, tpr: Any, tnr: Any) -> Any:
    """The rate of which a judge with these rates passes `share`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip((share + tnr - 1) / (tpr + tnr - 1), 0, 1)
