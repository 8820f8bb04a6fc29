"""The plot of pass^k: with the cases that an agent passes by doing nothing, and without them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from toolkit.evals import Experiment, Rate
from toolkit.views.plots.figure import BLUE, BROWN, SOFT, in_our_look, legend_below
from toolkit.views.plots.rows import Mark, Row, plot_rows
from toolkit.views.words import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRIALS = (1, 2, 4)


@in_our_look
def plot_pass_hat(
    experiment: Experiment, ks: Iterable[int] = TRIALS, ax: "Axes | None" = None
) -> "Axes":
    """How often do k trials of a case all pass, with the free cases and without them? A row for
    each of `ks`.

    Where `audit_cases` found free cases, an agent that does nothing stands beside: it passes those,
    every time, and no others.
    """
    rows = []
    all_cases = []
    others = []
    idle_share = share_of_free(experiment)
    for k in ks:
        rate = experiment.pass_hat(k)
        marks = [_mark(rate, "o", BLUE, "all cases")]
        all_cases.append(rate)
        if idle_share:
            without = experiment.pass_hat(k, cases="not free")
            marks.append(_mark(without, "s", BROWN, "without the free cases"))
            others.append(without)
        rows.append(Row(rate.name, tuple(marks), f"n = {quantity(rate.n_cases, 'case')}"))
    title = pass_hat_sentence(all_cases, others, idle_share)
    if all(rate.value is None for rate in all_cases):
        return plot_rows([], "", ax, experiment.simulated, title)
    subtitle = [f"{_counts(experiment)} · 95% intervals, clustered by case"]
    label = "the chance that k trials of a case all pass"
    ax = plot_rows(rows, label, ax, experiment.simulated, title, subtitle)
    if idle_share:
        ax.axvline(idle_share, color=SOFT, lw=1.6, ls="--", label="an agent that does nothing")
        legend_below(ax)
    return ax


def share_of_free(experiment: Experiment) -> float:
    """The share of cases that an agent passes by doing nothing, of those that are not broken."""
    cases = {result.case for result in experiment.chosen()}
    return len(cases & experiment.free) / len(cases) if cases else 0.0


def _mark(rate: Rate, shape: str, colour: str, name: str) -> Mark:
    interval = None
    if rate.low is not None and rate.high is not None:
        interval = (rate.low, rate.high)
    return Mark(rate.value, interval, shape, colour, name)


def _counts(experiment: Experiment) -> str:
    """As ``n = 300 trials of 45 cases, 14 of them free``."""
    results = list(experiment.chosen())
    cases = {result.case for result in results}
    trials = quantity(len(results), "trial")
    counts = f"n = {trials} of {quantity(len(cases), 'case')}"
    n_free = len(cases & experiment.free)
    return f"{counts}, {n_free} of them free" if n_free else counts


def pass_hat_sentence(all_cases: list[Rate], others: list[Rate], idle_share: float) -> str:
    """What the largest k shows: how far the free cases lift it, or how far it falls."""
    known = [rate for rate in all_cases if rate.value is not None]
    if not known:
        return "Nothing to show: no case has so many trials with a verdict"
    first = known[0]
    last = known[-1]
    for rate in others:
        if rate.name == last.name and rate.value is not None:
            idle = f"Doing nothing passes {idle_share:.0%} of the cases"
            return f"{idle}; without them {last.name} is {rate.value:.2f}, not {last.value:.2f}"
    if len(known) == 1:
        return f"{last.name} is {last.value:.2f}: so often all trials of a case pass"
    return f"{first.name} is {first.value:.2f}, and {last.name} {last.value:.2f}"
