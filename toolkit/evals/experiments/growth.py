"""Growth: the pass rate of an experiment, as it was after each part of its trials."""

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.evals.experiments.experiment import is_neither
from toolkit.evals.experiments.rate import CaseCounts, Rate
from toolkit.evals.experiments.result import TrialResult

POINTS = 40


@dataclass(frozen=True, slots=True)
class RatePoint:
    """The pass rate after `n_done` trials."""

    n_done: int
    rate: Rate


def growth(
    results: Sequence[TrialResult], simulated: bool = False, n_points: int = POINTS
) -> list[RatePoint]:
    """The pass rate after equal parts of the trials, the last of them after all.

    A trial without a verdict is not passed, as in `Experiment.rate`; one to which no scorer applies
    is left out. As long as nothing has a verdict, the rate is undefined.

    Parameters
    ----------
    results : sequence of TrialResult
        In the order in which they came.
    simulated : bool
        Whether a trace behind them is.
    n_points : int
        At most.
    """
    marks = {-(-len(results) * part // n_points) for part in range(1, n_points + 1)}
    verdicts: list[tuple[str | None, bool]] = []
    any_known = False
    n_left_out = 0
    points = []
    for n_done, result in enumerate(results, 1):
        if is_neither(result, None):
            n_left_out += 1
        else:
            verdicts.append((result.case, bool(result.passed)))
            any_known = any_known or result.passed is not None
        if n_done in marks:
            counts = CaseCounts(verdicts if any_known else ())
            n_unknown = n_left_out if any_known else n_done
            points.append(RatePoint(n_done, counts.rate("pass rate", n_unknown, simulated)))
    return points
