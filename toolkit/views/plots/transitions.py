"""The plot of which step follows which."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from toolkit.evals import transitions_frame
from toolkit.evals.scorers.trajectory_transitions import FAILED
from toolkit.traces import Trace
from toolkit.views.plots.figure import (
    SMALL_CHAR,
    in_our_look,
    is_narrow,
    new_axes,
    nothing_to_show,
    write_heading,
    write_label,
)
from toolkit.views.plots.heat import CELL_HEIGHT, draw_cells, row_name
from toolkit.views.plots.sentences import quoted
from toolkit.views.words import quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SHOWN = 8
NARROW_SHOWN = 4
"""The most frequent steps, which are shown; on a phone fewer."""
LABEL_HEIGHT = 44
"""Of the label under the names of the columns, in pixels."""
COUNT_CHARS = 6
"""What the count of a row takes beside its name."""
OTHER = "other"
OFTEN = 0.1
"""A step that follows itself at least so often is named in the title."""


@in_our_look
def plot_transitions(traces: Iterable[Trace], ax: "Axes | None" = None) -> "Axes":
    """What follows what? In each row the share of the steps after it, in percent.

    The names are those of `transitions_frame`: tools that are called, who speaks, and failed calls.
    A tool that mostly follows itself goes round in circles. What is too rare for a column of its
    own is ``other``, so that each row makes 100.

    Parameters
    ----------
    traces : iterable of Trace
        All in one table.
    ax : Axes, optional
        Where it is drawn; a figure of its own by default.
    """
    listed = list(traces)
    simulated = any(trace.source == "simulated" for trace in listed)
    counts = transitions_frame(listed)
    title = transitions_sentence(counts)
    n_shown = NARROW_SHOWN if is_narrow() else SHOWN
    about = _about(counts, len(listed), n_shown)
    shown = _commonest(_in_order(counts, n_shown), n_shown)
    columns = [row_name(column, COUNT_CHARS) for column in shown.columns]
    names_height = SMALL_CHAR * max(map(len, columns))
    ax = ax or new_axes(CELL_HEIGHT * len(shown) + names_height + LABEL_HEIGHT)
    if not _n_steps(counts):
        return write_heading(nothing_to_show(ax), title, about, simulated)
    rows = []
    for name, total in shown.sum(axis=1).items():
        rows.append(f"{row_name(name, COUNT_CHARS)}  {total:,}")
    draw_cells(ax, _percent(shown.to_numpy()), rows, columns)
    ax.tick_params(axis="x", labelrotation=90)
    ax.set_ylabel("after this step")
    write_label(ax, "the next step, in % of its row")
    ax.xaxis.set_label_position("top")  # under names of many lengths there would be a hole
    return write_heading(ax, title, about, simulated)


def _about(counts: "pd.DataFrame", n_traces: int, n_shown: int) -> list[str]:
    """What the plot rests on, and what it calls other."""
    traces = quantity(n_traces, "trace")
    steps = quantity(_n_steps(counts), "step")
    about = [f"n = {traces} · {steps}"]
    n_hidden = len(counts.columns) - 1 - n_shown
    if n_hidden > 0:
        kinds = quantity(n_hidden, "rarer kind")
        about.append(f"other: {kinds} of step")
    return about


def _commonest(counts: "pd.DataFrame", n_shown: int) -> "pd.DataFrame":
    """The counts of the first steps: their rows after that of the start, and their columns
    before those of all others and of the end.
    """
    *kinds, end = counts.columns
    rows = counts.iloc[: n_shown + 1]
    shown = rows[kinds[:n_shown]].copy()
    if len(kinds) > n_shown:
        shown[OTHER] = rows[kinds[n_shown:]].sum(axis=1)
    shown[end] = rows[end]
    return shown


def _percent(counts: np.ndarray) -> np.ndarray:
    """The counts in whole percent of the total of their row, which make 100: what rounding down
    leaves goes to those that lose most by it.
    """
    exact = 100 * counts / counts.sum(axis=1, keepdims=True)
    percent: np.ndarray = np.floor(exact).astype(int)
    for of_row, lost in zip(percent, exact - percent, strict=True):
        n_left = 100 - of_row.sum()
        of_row[np.argsort(-lost, kind="stable")[:n_left]] += 1
    return percent


def transitions_sentence(counts: "pd.DataFrame") -> str:
    """How often the pair comes that tells most."""
    if not _n_steps(counts):
        return "Nothing to show: no trace has a step"
    pair = telling_pair(counts)
    if pair is None:
        return "No step follows another: each trace has one"
    before, after = pair
    n = int(counts.loc[[before], after].sum())
    total = int(counts.loc[[before]].to_numpy().sum())
    if after not in (FAILED, before):
        return f"After {quoted(before)} most often comes {quoted(after)}: {n:,} of {total:,} times"
    what = "fail at once" if after == FAILED else "are followed by another"
    return f"{n / total:.0%} of {quoted(before)} {what}: {n:,} of {total:,}"


def telling_pair(counts: "pd.DataFrame") -> tuple[str, str] | None:
    """The step after which a call fails most often, and the failed call; else what often follows
    itself, twice; else the pair that is there most often. None where no step follows another.
    """
    kinds = counts.index[1:]
    pairs = counts.loc[kinds, kinds]
    if not pairs.to_numpy().any():
        return None
    totals = counts.loc[kinds].sum(axis=1)
    others = kinds.drop(FAILED, errors="ignore")
    if FAILED in kinds and pairs.loc[others, FAILED].any():
        return _surest(pairs.loc[others, FAILED], totals), FAILED
    repeats = totals.copy()
    repeats[:] = np.diag(pairs)
    often = repeats[repeats >= OFTEN * totals]
    if len(often):
        before = _surest(often, totals)
        return before, before
    row, column = divmod(int(pairs.to_numpy().argmax()), len(kinds))
    return str(kinds[row]), str(kinds[column])


def _surest(followed: "pd.Series", totals: "pd.Series") -> str:
    """The step of which the share is known to be highest: by the lower end of its interval, so that
    it is not one of one.
    """
    from statsmodels.stats.proportion import proportion_confint

    totals_of_followed = totals[followed.index].to_numpy()
    lows, _ = proportion_confint(followed.to_numpy(), totals_of_followed, method="beta")
    return str(followed.index[lows.argmax()])


def _in_order(counts: "pd.DataFrame", n_shown: int) -> "pd.DataFrame":
    """The counts with the pair that the title names among those that are shown."""
    kinds = list(counts.index[1:])
    pair = telling_pair(counts) or ()
    others = [kind for kind in kinds if kind not in pair]
    shown = {*pair, *others[: n_shown - len(set(pair))]}
    ordered = sorted(kinds, key=lambda kind: kind not in shown)
    return counts.loc[[counts.index[0], *ordered], [*ordered, counts.columns[-1]]]


def _n_steps(counts: "pd.DataFrame") -> int:
    """How many steps are counted: each but the start is followed by something."""
    return int(counts.iloc[1:].to_numpy().sum())
