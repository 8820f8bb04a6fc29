"""The plot of what each transport lost."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.views.plots.figure import GREEN, RED
from toolkit.views.plots.rows import Mark, Row, plot_rows
from toolkit.views.words import listed, quantity, upper_first

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NAMED_ARMS = 3
"""More losers than these are counted, not named."""


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

    rows = []
    lossy = []
    for arm, lost in frame.groupby("arm", sort=False)["lost"]:
        n_runs = len(lost)
        n_lossy = int((lost > 0).sum())
        interval = proportion_confint(n_lossy, n_runs, method="wilson")
        mark = Mark(n_lossy / n_runs, interval, "o", GREEN)
        if n_lossy:
            mark = replace(mark, shape="X", colour=RED)
            lossy.append(str(arm))
        rows.append(Row(arm, (mark,), _loss_note(int(lost.sum()), n_lossy, n_runs)))
    title = loss_sentence(lossy, len(rows))
    label = "share of runs that lost tokens of the answer"
    subtitle = []
    if rows:
        subtitle = ["cross: lost tokens, dot: lost none · 95% intervals (Wilson)"]
    if rows and "seed" in frame:
        n_schedules = quantity(frame["seed"].nunique(), "schedule")
        subtitle = [f"{n_schedules} of faults · {subtitle[0]}"]
    return plot_rows(rows, label, ax, is_simulated(frame), title, subtitle)


def _loss_note(n_lost: int, n_lossy: int, n_runs: int) -> str:
    """As ``lost 252 tokens``, and on a second line ``in 8 of 8 runs``."""
    if not n_lost:
        return f"lost none\nin {quantity(n_runs, 'run')}"
    return f"lost {quantity(n_lost, 'token')}\nin {n_lossy} of {quantity(n_runs, 'run')}"


def loss_sentence(lossy: Sequence[str], n_arms: int) -> str:
    """Who lost tokens.

    >>> loss_sentence(["direct SSE", "bare WebSocket"], 7)
    'Direct SSE and bare WebSocket lose tokens; the other 5 lose none'
    """
    if not n_arms:
        return "Nothing to show: no transport was run"
    if not lossy:
        return f"None of {quantity(n_arms, 'transport')} lost a token"
    if len(lossy) == n_arms:
        return f"Every transport lost tokens: {n_arms} of {n_arms}"
    names = f"{len(lossy)} transports"
    if len(lossy) <= NAMED_ARMS:
        names = listed(lossy)
    n_whole = n_arms - len(lossy)
    others = "the other one" if n_whole == 1 else f"the other {n_whole}"
    return f"{upper_first(names)} {_lose(len(lossy))} tokens; {others} {_lose(n_whole)} none"


def _lose(n: int) -> str:
    return "loses" if n == 1 else "lose"


def is_simulated(frame: "pd.DataFrame") -> bool:
    return bool((frame["source"] == "simulated").any())
