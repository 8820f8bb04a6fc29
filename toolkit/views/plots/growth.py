"""The plot of a pass rate that grows: it shows when more trials would say nothing new."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from toolkit.evals.experiments.growth import RatePoint, growth
from toolkit.evals.experiments.result import TrialResult
from toolkit.traces.sources import least_live
from toolkit.views.plots.figure import (
    BLUE,
    in_our_look,
    new_axes,
    nothing_to_show,
    whole_numbers,
    write_heading,
    write_label,
)
from toolkit.views.words import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_growth"]

HEIGHT = 170
BAND_ALPHA = 0.2


@in_our_look
def plot_growth(
    results: Sequence[TrialResult], planned: int | None = None, ax: "Axes | None" = None
) -> "Axes":
    """How sure is the pass rate by now? The band is its 95% interval, clustered by case.

    Parameters
    ----------
    results
        Of an experiment, in the order in which they came; one without a verdict is not passed.
    planned : int, optional
        How far the x axis goes; by default as far as the results do.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    """
    simulated = least_live({result.source for result in results}) == "simulated"
    points = [point for point in growth(results, simulated) if point.rate.value is not None]
    title = growth_sentence(points, planned or len(results))
    ax = ax or new_axes(HEIGHT)
    if not points:
        return write_heading(nothing_to_show(ax), title, simulated=simulated)
    _draw(ax, points)
    ax.set_xlim(0, max(planned or 0, points[-1].n_done) * 1.02)
    ax.set_ylim(-0.02, 1.02)
    whole_numbers(ax.xaxis)
    write_label(ax, "trials done, of those that are planned")
    ax.set_ylabel("pass rate")
    ax.grid(axis="y")
    return write_heading(ax, title, [_about(points[-1])], simulated)


def growth_sentence(points: Sequence[RatePoint], planned: int) -> str:
    """Where the pass rate stands, and after how much."""
    if not points:
        return "Nothing to show: no trial has a verdict yet"
    last = points[-1]
    trials = f"{last.n_done:,} of {quantity(planned, 'trial')}"
    return f"The pass rate is {last.rate.value:.2f} after {trials}"


def _about(last: RatePoint) -> str:
    cases = quantity(last.rate.n_cases, "case")
    rests_on = f"n = {quantity(last.rate.n_trials, 'trial')} of {cases}"
    if last.rate.low is None:
        return f"{rests_on}: {last.rate.reason}"
    interval = f"95% interval {last.rate.low:.2f} to {last.rate.high:.2f}, clustered by case"
    return f"{interval} · {rests_on}"


def _draw(ax: "Axes", points: Sequence[RatePoint]) -> None:
    """The line, with a dot at its end, and the band around what has an interval."""
    bounded = [point for point in points if point.rate.low is not None]
    n_bounded = [point.n_done for point in bounded]
    lows = np.array([point.rate.low for point in bounded], dtype=float)
    highs = np.array([point.rate.high for point in bounded], dtype=float)
    ax.fill_between(n_bounded, lows, highs, color=BLUE, alpha=BAND_ALPHA, lw=0)
    n_done = [point.n_done for point in points]
    rates = np.array([point.rate.value for point in points], dtype=float)
    ax.plot(n_done, rates, color=BLUE, lw=1.8)
    ax.plot(n_done[-1:], rates[-1:], "o", color=BLUE, ms=5)
