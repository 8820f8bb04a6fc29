"""The plot of how long traces are."""

from typing import TYPE_CHECKING

from toolkit.views.plots.figure import (
    BLUE,
    INK,
    in_our_look,
    new_axes,
    nothing_to_show,
    short_name,
    whole_numbers,
    write_heading,
    write_label,
)
from toolkit.views.words import quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_lengths"]

BINS = 30
BAR_SHARE = 0.9
"""How much of its bin a bar takes: the rest keeps it apart from the next."""
ABOUT_HALF = 0.55
"""A smaller share that is no longer than the middle trace is called half."""
LOW_BAR = 0.025
"""A lower bar, as a share of the highest, is hardly seen: its count stands above it."""
TAIL = 0.05
"""At least such a share of the traces are called the longest."""


@in_our_look
def plot_lengths(frame: "pd.DataFrame", measure: str = "steps", ax: "Axes | None" = None) -> "Axes":
    """How long are the traces, or how much do they use? Look at the tail: what went round in
    circles is long.

    Parameters
    ----------
    frame : DataFrame
        What `traces_frame` returns.
    measure : str
        A column of counts, as ``steps``, ``tool_calls`` or ``tokens``.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.

    Raises
    ------
    KeyError
        For a column that the frame does not have.
    """
    known = frame.loc[frame[measure].notna()]
    values = known[measure].astype(int)
    noun = measure.replace("_", " ").removesuffix("s")
    title = lengths_sentence(values, noun)
    simulated = bool((frame["source"] == "simulated").any())
    subtitle = _about(known, values, len(frame))
    ax = ax or new_axes(240)
    if values.empty:
        return write_heading(nothing_to_show(ax), title, [subtitle], simulated)
    _draw_bars(ax, values)
    median = lower_median(values)
    ax.axvline(median, color=INK, lw=1.2, ls="--")
    ax.annotate(f" median {median:,}", (median, 1), xycoords=ax.get_xaxis_transform(), va="bottom")
    write_label(ax, f"{noun}s in a trace")
    ax.set_ylabel("traces")
    whole_numbers(ax.xaxis)
    whole_numbers(ax.yaxis)
    return write_heading(ax, title, [subtitle], simulated)


def lengths_sentence(values: "pd.Series", noun: str) -> str:
    """How many traces are no longer than the middle one, and how long the longest are."""
    if values.empty:
        return f"Nothing to show: no trace says how many {noun}s it has"
    longest = int(values.max())
    if len(values) == 1:
        return f"The only trace has {quantity(longest, noun)}"
    if longest == values.min():
        return f"Each of the {len(values):,} traces has {quantity(longest, noun)}"
    median = lower_median(values)
    share = (values <= median).mean()
    part = "Half" if share < ABOUT_HALF else _percent(share)
    have = f"{part} of the traces have {quantity(median, noun)} or fewer"
    return f"{have}; {_tail_in_words(values, median)}"


def _tail_in_words(values: "pd.Series", median: int) -> str:
    """As ``the longest 14% have 17 to 21``: all that are as long as one of the longest 5%. Of few
    traces, or of many that are as long as the middle one, the longest alone.
    """
    longest = int(values.max())
    n_tail = int(TAIL * len(values))
    tail_from = int(values.nlargest(max(1, n_tail)).min())
    if n_tail > 1 and median < tail_from < longest:
        share = (values >= tail_from).mean()
        return f"the longest {_percent(share)} have {tail_from:,} to {longest:,}"
    return f"the longest has {longest:,}"


def _percent(share: float) -> str:
    """As ``83%``; what is short of all is never 100%."""
    if share < 1:
        share = min(share, 0.99)
    return f"{share:.0%}"


def lower_median(values: "pd.Series") -> int:
    """The value that at least half do not exceed."""
    return int(values.sort_values().iloc[(len(values) - 1) // 2])


def _about(known: "pd.DataFrame", values: "pd.Series", n: int) -> str:
    """The line under the title: which trace is the longest, and how many do not say."""
    parts = [f"n = {len(known):,}"]
    if len(known):
        longest = known["id"].iloc[int(values.to_numpy().argmax())]
        parts.append(f"the longest: {short_name(longest, 40)}")
    if n > len(known):
        parts.append(f"{n - len(known):,} do not say")
    return " · ".join(parts)


def _draw_bars(ax: "Axes", values: "pd.Series") -> None:
    """A bar for each bin that holds a trace; above one that is hardly seen stands its count."""
    import numpy as np

    counts, edges = np.histogram(values, _whole_bins(values))
    width = edges[1] - edges[0]
    for edge, count in zip(edges, counts, strict=False):
        if count:
            middle = edge + width / 2
            ax.bar(middle, count, BAR_SHARE * width, color=BLUE)
            if count < LOW_BAR * counts.max():
                above = ax.annotate(f"{count}", (middle, count), (0, 2), "data", "offset points")
                above.set(color=INK, ha="center")


def _whole_bins(values: "pd.Series") -> list[float]:
    """Edges between whole numbers, so that each bar holds as many of them."""
    low = int(values.min())
    high = int(values.max())
    width = -(-(high - low + 1) // BINS)
    return [edge - 0.5 for edge in range(low, high + width + 1, width)]
