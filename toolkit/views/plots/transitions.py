"""The plot of which step follows which."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from toolkit.evals import transitions_frame
from toolkit.traces import Trace
from toolkit.views.plots.figure import (
    in_our_look,
    is_narrow,
    new_axes,
    nothing_to_show,
    short_name,
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
AXIS_HEIGHT = 130
"""Of the names of the columns and the label under them, in pixels."""
COLUMN_CHARS = 12


@in_our_look
def plot_transitions(traces: Iterable[Trace], ax: "Axes | None" = None) -> "Axes":
    """What follows what? In each row the share of the steps after it, in percent.

    The names are those of `transitions_frame`: tools that are called, who speaks, and errors. A
    tool that mostly follows itself goes round in circles.
    """
    listed = list(traces)
    counts = transitions_frame(listed)
    simulated = any(trace.source == "simulated" for trace in listed)
    title = transitions_sentence(counts)
    n_shown = NARROW_SHOWN if is_narrow() else SHOWN
    n_hidden = max(0, len(counts.columns) - 1 - n_shown)
    about = [f"n = {quantity(len(listed), 'trace')} · {quantity(_n_steps(counts), 'step')}"]
    if n_hidden:
        about.append(f"{quantity(n_hidden, 'rarer kind')} of step not shown")
    rows = list(counts.index[: n_shown + 1])
    columns = [*counts.columns[:-1][:n_shown], counts.columns[-1]]
    ax = ax or new_axes(CELL_HEIGHT * len(rows) + AXIS_HEIGHT)
    if not _n_steps(counts):
        return write_heading(nothing_to_show(ax), title, about, simulated)
    totals = counts.sum(axis=1).clip(lower=1)
    percent = counts.div(totals, axis=0).loc[rows, columns].mul(100)
    names = [f"{row_name(row, room=6)}  {totals[row]:,}" for row in rows]
    above = [short_name(column, COLUMN_CHARS, 4) for column in columns]
    draw_cells(ax, np.rint(percent.to_numpy()).astype(int), names, above)
    ax.tick_params(axis="x", labelrotation=90)
    write_label(ax, "the next step, in %")
    return write_heading(ax, title, about, simulated)


def transitions_sentence(counts: "pd.DataFrame") -> str:
    """The pair of steps that is there most often."""
    if not _n_steps(counts):
        return "Nothing to show: no trace has a step"
    pairs = counts.iloc[1:, :-1].to_numpy()
    most = int(pairs.max(initial=0))
    if not most:
        return "No step follows another: each trace has one"
    row, column = divmod(int(pairs.argmax()), pairs.shape[1])
    before = quoted(counts.index[row + 1])
    after = quoted(counts.columns[column])
    total = int(counts.iloc[row + 1].to_numpy().sum())
    return f"After {before} most often comes {after}: {most:,} of {total:,} times"


def _n_steps(counts: "pd.DataFrame") -> int:
    """How many steps are counted: each but the start is followed by something."""
    return int(counts.iloc[1:].to_numpy().sum())
