"""A corrected rate with 10,000 resamples, beside judgy's at the same count. judgy resamples one
sample, ours two.
"""

import time

import numpy as np
from judgy import estimate_success_rate

from tests.bench.measure import Row, compare
from toolkit.evals import align, corrected_rate

LABELS, JUDGED = 100, 1000
RESAMPLES = 10_000
ROUNDS = 7
AT_MOST = 0.2


async def corrected(scale: float) -> list[Row]:
    """Milliseconds for one rate: 100 labelled items, 1,000 judged, and ours with the reading of the
    verdicts.
    """
    rng, rounds = np.random.default_rng(0), max(3, int(ROUNDS * scale))
    truth = rng.random(LABELS + JUDGED) < 0.8
    said = np.where(truth, rng.random(len(truth)) < 0.9, rng.random(len(truth)) < 0.2)
    words = [
        ["pass" if one else "fail" for one in column]
        for column in (truth[:LABELS], said[:LABELS], said[LABELS:])
    ]
    codes = [column.astype(int) for column in (truth[:LABELS], said[:LABELS], said[LABELS:])]
    ours, theirs = [], []
    for number in range(rounds + 1):
        start = time.perf_counter()
        found = corrected_rate(align(words[0], words[1]), words[2], resamples=RESAMPLES)
        middle = time.perf_counter()
        value, low, high = estimate_success_rate(*codes, bootstrap_iterations=RESAMPLES)
        end = time.perf_counter()
        if number:
            ours.append([1000 * (middle - start)])
            theirs.append([1000 * (end - middle)])
    note = f"raw: judgy; {found.value:.3f} ({found.low:.3f} to {found.high:.3f}), {value:.3f} ({low:.3f} to {high:.3f})"
    return [
        compare(
            "corrected", f"{RESAMPLES:,} resamples", ours, theirs, "ms", at_most=AT_MOST, note=note
        )
    ]
