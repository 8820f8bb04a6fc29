"""The plot of pass^k: with the cases that an agent passes by doing nothing, and without them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from toolkit.evals import Experiment, Rate
from toolkit.views.plots.figure import (
    BLUE,
    BROWN,
    SOFT,
    in_our_look,
    legend_below,
)
from toolkit.views.plots.rows import Mark, Row, bounds_of, plot_rows
from toolkit.views.words import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRIALS = (1, 2, 4)
IDLE = "an agent that does nothing"


@in_our_look
def plot_pass_hat(
    experiment: Experiment, ks: Iterable[int] = TRIALS, ax: "Axes | None" = None
) -> "Axes":
    """How often do k trials of a case all pass, with the free cases and without them?

    Parameters
    ----------
    experiment
        Where `audit_cases` found free cases, an agent that does nothing stands beside: it passes
        those, every time, and no others.
    ks
        Numbers of trials, a row each.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    """
    idle_share = share_of_free(experiment)
    all_cases = []
    others = []
    for k in ks:
        all_cases.append(experiment.pass_hat(k))
        if idle_share:
            others.append(experiment.pass_hat(k, cases="not free"))
    title = pass_hat_sentence(all_cases, others, idle_share)
    if all(rate.value is None for rate in all_cases):
        return plot_rows([], "", ax, experiment.simulated, title)
    ax = plot_rows(
        _rows(all_cases, others),
        "the chance that k trials of a case all pass",
        ax,
        experiment.simulated,
        title,
        [f"{_counts(experiment)} · 95% intervals, clustered by case"],
    )
    if idle_share:
        ax.axvline(idle_share, color=SOFT, lw=1.6, ls="--", label=IDLE)
        legend_below(ax)
    return ax


def share_of_free(experiment: Experiment) -> float:
    """The share of cases that an agent passes by doing nothing, of those that are not broken."""
    cases = {result.case for result in experiment.chosen()}
    if not cases:
        return 0.0
    return len(cases & experiment.free) / len(cases)


def _rows(all_cases: list[Rate], others: list[Rate]) -> list[Row]:
    rows = []
    for at, rate in enumerate(all_cases):
        note = f"n = {quantity(rate.n_cases, 'case')}"
        marks = [Mark(rate.value, bounds_of(rate), "o", BLUE, "all cases")]
        if others:
            other = others[at]
            name = "without the free cases"
            marks.append(Mark(other.value, bounds_of(other), "s", BROWN, name))
            note += f",\n{other.n_cases:,} without the free"
        rows.append(Row(rate.name, tuple(marks), note))
    return rows


def _counts(experiment: Experiment) -> str:
    """As ``n = 300 trials of 45 cases, 14 of them free``."""
    results = list(experiment.chosen())
    cases = {result.case for result in results}
    trials = quantity(len(results), "trial")
    counts = f"n = {trials} of {quantity(len(cases), 'case')}"
    n_free = len(cases & experiment.free)
    return f"{counts}, {n_free} of them free" if n_free else counts


def pass_hat_sentence(all_cases: list[Rate], others: list[Rate], idle_share: float) -> str:
    """What is left at the largest k without the free cases; where none is free, how far it falls.

    `others` are the rates without the free cases; none where no case is free.
    """
    known = [rate for rate in all_cases if rate.value is not None]
    if not known:
        return "Nothing to show: no case has so many trials with a verdict"
    first = known[0]
    last = known[-1]
    for other in others:
        if other.name == last.name and other.value is not None:
            idle = f"Doing nothing passes {idle_share:.0%} of the cases"
            return f"{idle}; without them {last.name} is {other.value:.2f}, not {last.value:.2f}"
    if len(known) == 1:
        return f"{last.name} is {last.value:.2f}: so often all trials of a case pass"
    return f"{first.name} is {first.value:.2f}, and {last.name} {last.value:.2f}"
