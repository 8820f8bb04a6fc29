"""Plots of the transport comparison: what each transport lost, how long its reader stood still."""

from typing import TYPE_CHECKING

from toolkit.views.plots.figure import BLUE, GREEN, VERMILION, new_axes, nothing_to_show, stamp

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_loss", "plot_stalls"]

WIDTH_IN = 8.0
HEIGHT_IN = 3.4
N_RESAMPLES = 2000


def plot_loss(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Which transports lose words? The share of runs that lost any, with its 95% Wilson interval.

    Parameters
    ----------
    frame : DataFrame
        What `compare_transports` returns.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    """
    from statsmodels.stats.proportion import proportion_confint

    ax = ax or new_axes(WIDTH_IN, HEIGHT_IN)
    arms = list(frame["arm"].unique())
    if not arms:
        return nothing_to_show(ax)
    for row, arm in enumerate(arms):
        lost = frame.loc[frame["arm"] == arm, "lost"]
        n_runs = len(lost)
        n_lossy = int((lost > 0).sum())
        low, high = proportion_confint(n_lossy, n_runs, method="wilson")
        colour = VERMILION if n_lossy else GREEN
        marker = "X" if n_lossy else "o"
        ax.plot([low, high], [row, row], color=colour, lw=2.2)
        ax.plot([n_lossy / n_runs], [row], marker, color=colour, ms=9)
        counts = f"{n_lossy} of {n_runs} runs, {int(lost.sum())} tokens"
        ax.text(1.03, row, counts, va="center", fontsize=8.5)
    _label_rows(ax, arms, "share of runs that lost tokens of the answer, 95% interval (Wilson)")
    ax.set_xlim(-0.02, 1.4)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    return stamp(ax, _is_simulated(frame))


def plot_stalls(frame: "pd.DataFrame", ax: "Axes | None" = None, seed: int = 0) -> "Axes":
    """How long does the reader stand still? Each run's stall in seconds, and the mean.

    The mean has its bootstrap interval: the percentile interval of 2,000 resamples of the runs.

    Parameters
    ----------
    frame : DataFrame
        What `compare_transports` returns.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    seed : int
        The resamples are drawn from it.
    """
    import numpy as np

    ax = ax or new_axes(WIDTH_IN, HEIGHT_IN)
    dice = np.random.default_rng(seed)
    arms = list(frame["arm"].unique())
    if not arms:
        return nothing_to_show(ax)
    for row, arm in enumerate(arms):
        stalls_s = frame.loc[frame["arm"] == arm, "stall_s"].to_numpy(dtype=float)
        resamples = dice.choice(stalls_s, (N_RESAMPLES, len(stalls_s)))
        low, high = np.percentile(resamples.mean(axis=1), [2.5, 97.5])
        ax.plot(stalls_s, [row] * len(stalls_s), "|", color=BLUE, ms=11, alpha=0.6)
        ax.plot([low, high], [row, row], color="black", lw=2.2)
        ax.plot([stalls_s.mean()], [row], "D", color="black", ms=6)
    label = "seconds without a new word, a run (|); mean with 95% interval (bootstrap)"
    _label_rows(ax, arms, label)
    ax.set_xlim(left=-0.05)
    return stamp(ax, _is_simulated(frame))


def _label_rows(ax: "Axes", arms: list[str], label: str) -> None:
    """A row an arm, the first at the top."""
    ax.set_yticks(range(len(arms)), arms)
    ax.set_ylim(len(arms) - 0.5, -0.5)
    ax.set_xlabel(label, loc="left")
    ax.spines[["top", "right"]].set_visible(False)


def _is_simulated(frame: "pd.DataFrame") -> bool:
    return bool((frame["source"] == "simulated").any())
