"""The coverage of the corrected rate: how often its 95% interval holds the true rate, at few labels
and high rates.

Three arrangements: items that stand alone; items in groups of five that all turn out alike, given
as ``groups``; and labelled items that are among the judged, where the truth is the share of those
very items.
"""

from dataclasses import dataclass

import numpy as np

from tests.bench.measure import Row
from toolkit.evals import Estimate, align, corrected_rate

LABELS = (20, 30, 50, 100)
RATES = (0.80, 0.90, 0.95, 0.97)
METHODS = ("rogan-gladen", "ppi")
ARRANGEMENTS = ("alone", "in groups", "labelled among the judged")
TPR = TNR = 0.9
JUDGED = 400
GROUP_SIZE = 5
RESAMPLES = 500
RUNS = 300
WANTED = 0.92


@dataclass(frozen=True, slots=True)
class Covered:
    """What came of many draws."""

    coverage: float | None
    """Share of the intervals that hold the truth; None where every draw was refused."""
    refused: float
    """Share of the draws without a value."""
    width: float | None
    """Mean width of the intervals."""
    runs: int


def covered(
    n_labels: int, rate: float, method: str, arrangement: str = "alone", runs: int = RUNS
) -> Covered:
    """Draw labels and verdicts `runs` times, and count how often the interval holds the truth."""
    held = 0
    widths = []
    for seed in range(runs):
        found, truth = _drawn(
            np.random.default_rng([seed, n_labels, int(1000 * rate)]),
            n_labels,
            rate,
            method,
            arrangement,
        )
        if found.value is None:
            continue
        held += found.low <= truth <= found.high
        widths.append(found.high - found.low)
    if not widths:
        return Covered(None, 1.0, None, runs)
    return Covered(held / len(widths), 1 - len(widths) / runs, float(np.mean(widths)), runs)


def _drawn(
    rng: np.random.Generator, n_labels: int, rate: float, method: str, arrangement: str
) -> tuple[Estimate, float]:
    size = GROUP_SIZE if arrangement == "in groups" else 1
    truth, verdicts = _population(rng, n_labels, rate, size)
    judged_truth, judged = _population(rng, JUDGED, rate, size)
    if arrangement == "labelled among the judged":
        people = {f"t{at}": label for at, label in enumerate(_words(judged_truth[:n_labels]))}
        verdicts_by_id = {f"t{at}": verdict for at, verdict in enumerate(_words(judged))}
        alignment = align(people, {trace_id: verdicts_by_id[trace_id] for trace_id in people})
        estimate = corrected_rate(alignment, verdicts_by_id, method, resamples=RESAMPLES)
        return estimate, float(judged_truth.mean())
    groups = [None, None]
    if size > 1:
        groups = [[at // size for at in range(n)] for n in (n_labels, JUDGED)]
    alignment = align(_words(truth), _words(verdicts), groups=groups[0])
    judged_words = _words(judged)
    estimate = corrected_rate(
        alignment, judged_words, method, resamples=RESAMPLES, groups=groups[1]
    )
    return estimate, rate


def _population(
    rng: np.random.Generator, n: int, rate: float, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """What people would say of `n` items, and what the judge says; alike in each group of `size`."""
    n_groups = n // size
    truth = rng.random(n_groups) < rate
    verdicts = np.where(truth, rng.random(n_groups) < TPR, rng.random(n_groups) >= TNR)
    return np.repeat(truth, size), np.repeat(verdicts, size)


def _words(passed: np.ndarray) -> list[str]:
    return ["pass" if value else "fail" for value in passed]


async def coverage(scale: float) -> list[Row]:
    """A row for each arrangement, method, number of labels and true rate."""
    runs = max(20, int(RUNS * scale))
    rows = []
    for arrangement in ARRANGEMENTS:
        for method in METHODS:
            for n_labels in LABELS:
                for rate in RATES:
                    found = covered(n_labels, rate, method, arrangement, runs)
                    rows.append(
                        _row(found, f"{method}, {arrangement}, {n_labels} labels, rate {rate}")
                    )
    return rows


def _row(found: Covered, what: str) -> Row:
    if found.coverage is None:
        return Row(
            "coverage",
            what,
            0.0,
            "",
            target=f">= {WANTED} or refused",
            met=True,
            note="all refused",
        )
    noise = 2 * (WANTED * (1 - WANTED) / found.runs) ** 0.5  # of the simulation itself
    return Row(
        "coverage",
        what,
        found.coverage,
        "of intervals",
        target=f">= {WANTED} or refused",
        met=found.coverage >= WANTED - noise,
        rounds=found.runs,
        note=f"{found.refused:.0%} refused, mean width {found.width:.2f}",
    )
