"""Plots of the transport comparison: what each lost, and how long its reader stood still."""

from typing import TYPE_CHECKING

from toolkit.views.plots.figure import BLUE, GREEN, VERMILION, new_axes, nothing_to_show, stamp

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_loss", "plot_stalls"]


def plot_loss(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Which transports lose words? The share of runs that lost any, with its 95% Wilson interval.

    `frame` is what `compare_transports` returns.
    """
    from statsmodels.stats.proportion import proportion_confint

    ax = ax or new_axes(8.0, 3.4)
    arms = list(dict.fromkeys(frame["arm"]))
    if not arms:
        return nothing_to_show(ax)
    for row, arm in enumerate(arms):
        lost = frame.loc[frame["arm"] == arm, "lost"]
        runs, bad = len(lost), int((lost > 0).sum())
        low, high = proportion_confint(bad, runs, method="wilson")
        colour, mark = (VERMILION, "X") if bad else (GREEN, "o")
        ax.plot([low, high], [row, row], color=colour, lw=2.2)
        ax.plot([bad / runs], [row], mark, color=colour, ms=9)
        ax.text(
            1.03, row, f"{bad} of {runs} runs, {int(lost.sum())} tokens", va="center", fontsize=8.5
        )
    _rows(ax, arms, "share of runs that lost tokens of the answer, 95% interval (Wilson)")
    ax.set_xlim(-0.02, 1.4)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    return stamp(ax, bool((frame["source"] == "simulated").any()))


def plot_stalls(frame: "pd.DataFrame", ax: "Axes | None" = None, seed: int = 0) -> "Axes":
    """How long does the reader stand still? Each run's stall in seconds, and the mean with its
    bootstrap interval.

    The interval is the percentile interval of 2,000 resamples of the runs, drawn from `seed`.
    """
    import numpy as np

    ax = ax or new_axes(8.0, 3.4)
    arms, dice = list(dict.fromkeys(frame["arm"])), np.random.default_rng(seed)
    if not arms:
        return nothing_to_show(ax)
    for row, arm in enumerate(arms):
        stalls = frame.loc[frame["arm"] == arm, "stall_s"].to_numpy(dtype=float)
        means = dice.choice(stalls, (2000, len(stalls))).mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        ax.plot(stalls, [row] * len(stalls), "|", color=BLUE, ms=11, alpha=0.6)
        ax.plot([low, high], [row, row], color="black", lw=2.2)
        ax.plot([stalls.mean()], [row], "D", color="black", ms=6)
    _rows(ax, arms, "seconds without a new word, a run (|); mean with 95% interval (bootstrap)")
    ax.set_xlim(left=-0.05)
    return stamp(ax, bool((frame["source"] == "simulated").any()))


def _rows(ax: "Axes", arms: list[str], label: str) -> None:
    ax.set_yticks(range(len(arms)), arms)
    ax.set_ylim(len(arms) - 0.5, -0.5)
    ax.set_xlabel(label, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
