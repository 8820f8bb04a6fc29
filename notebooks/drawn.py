"""Drawn experiments: how often the interval of a pass rate holds the true one, which is known."""

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from toolkit.evals import Experiment, TrialResult
from toolkit.evals.alignment.intervals import proportion
from toolkit.views.plots import Mark, Row, plot_rows
from toolkit.views.plots.figure import BLUE, BROWN, SOFT

TRUE_RATE = 0.5
"""The mean of what cases have: the chance of each is drawn evenly from 0 to 1, so that a third of
the variance of trials is between cases.
"""


def drawn_experiment(n_cases: int, n_trials: int, rng: np.random.Generator) -> Experiment:
    """An experiment in which some cases are easy and others hard."""
    chance = rng.random((n_cases, 1))
    passed = rng.random((n_cases, n_trials)) < chance
    results = []
    for case, trial in np.ndindex(passed.shape):
        verdict = bool(passed[case, trial])
        results.append(TrialResult(str(case), trial, "scored", passed=verdict, source="simulated"))
    return Experiment("drawn", tuple(results), planned=len(results))


def each_trial_a_case(experiment: Experiment) -> Experiment:
    """The same verdicts, as if each were of a case of its own."""
    results = []
    for number, result in enumerate(experiment.results):
        results.append(replace(result, case=str(number), trial=0))
    return replace(experiment, results=tuple(results))


def coverage(
    n_trials: int, n_cases: int = 40, repeats: int = 200, seed: int = 0
) -> tuple[int, int]:
    """In how many of `repeats` experiments the 95% interval holds the true rate: that which is
    clustered by case, and the same one where each trial is taken for a case of its own.
    """
    rng = np.random.default_rng(seed)
    n_clustered = 0
    n_alone = 0
    for _ in range(repeats):
        experiment = drawn_experiment(n_cases, n_trials, rng)
        by_case = experiment.rate()
        by_trial = each_trial_a_case(experiment).rate()
        n_clustered += by_case.low <= TRUE_RATE <= by_case.high
        n_alone += by_trial.low <= TRUE_RATE <= by_trial.high
    return n_clustered, n_alone


def plot_coverage(held: dict[int, tuple[int, int]], repeats: int) -> Axes:
    """How often do the two intervals hold the true rate? A row for each number of trials a case."""
    rows = []
    for n_trials, (n_by_case, n_by_trial) in held.items():
        by_case = n_by_case / repeats
        by_trial = n_by_trial / repeats
        marks = (
            Mark(by_case, proportion(n_by_case, repeats), "o", BLUE, "clustered by case"),
            Mark(by_trial, proportion(n_by_trial, repeats), "s", BROWN, "each trial a case"),
        )
        rows.append(Row(f"trials a case: {n_trials}", marks, f"{by_case:.0%}\n{by_trial:.0%}"))
    most = max(held)
    share = held[most][1] / repeats
    ax = plot_rows(
        rows,
        "share of experiments whose interval holds the true rate",
        simulated=True,
        title=f"If {most} trials count as {most} cases, a 95% interval holds {share:.0%} of the time",
        subtitle=[f"{repeats} drawn experiments a row · dotted: 95%, as promised"],
    )
    ax.axvline(0.95, color=SOFT, lw=1.2, ls=":")
    return ax
