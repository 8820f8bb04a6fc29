"""Agreement of many raters with its 1,000 resamples, beside the krippendorff package's alpha alone
of the same resamples.
"""

import time

import krippendorff
import numpy as np
import pandas as pd

from tests.bench.measure import Row, compare
from toolkit.evals import agreement
from toolkit.evals.alignment.agreement import drawn_rows

TABLES = ((350, 123, 3.0), (990, 173, 15.0))
"""Items, raters, and the seconds that a person at a notebook waits for at most."""
RESAMPLES = 1000
ROUNDS = 3
AT_MOST = 3.0


async def raters(scale: float) -> list[Row]:
    """Seconds for percent, alpha, kappa of every pair, AC1 and PABAK, each with its interval."""
    rows = []
    rounds = max(2, int(ROUNDS * scale))
    for n_items, n_raters, wanted_s in TABLES:
        codes = np.random.default_rng(0).integers(0, 2, (n_items, n_raters))
        ours = [[_ours_s(codes)] for _ in range(rounds)]
        alpha_alone = [[_alpha_alone_s(codes)] for _ in range(rounds)]
        rows.append(
            compare(
                "raters",
                f"{n_items} items x {n_raters} raters",
                ours,
                alpha_alone,
                "s",
                at_most=AT_MOST,
                note=f"raw: krippendorff's alpha alone; wanted under {wanted_s:.0f} s",
            )
        )
    return rows


def _ours_s(codes: np.ndarray) -> float:
    begun = time.perf_counter()
    agreement(pd.DataFrame(codes), resamples=RESAMPLES)
    return time.perf_counter() - begun


def _alpha_alone_s(codes: np.ndarray) -> float:
    begun = time.perf_counter()
    for rows in drawn_rows(len(codes), None, RESAMPLES, seed=0):
        krippendorff.alpha(reliability_data=codes[rows].T, level_of_measurement="nominal")
    return time.perf_counter() - begun
