"""A plot of shares with their intervals: a row for each, one mark or two in a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.views.plots.figure import (
    BLUE,
    legend_below,
    new_axes,
    nothing_to_show,
    open_frame,
    short_name,
    stamp,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DISTANCE = 0.28
"""Between the marks of a row; rows are 1 apart."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A share with its interval; None where it is undefined, which is then written out."""

    share: float | None
    interval: tuple[float, float] | None = None
    shape: str = "o"
    colour: str = BLUE
    name: str = ""
    """What the legend calls marks of this shape; blank where there is no legend."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the plot."""

    name: object
    marks: tuple[Mark, ...]
    note: str
    """Beside the row, as its effective n."""


def plot_rows(
    rows: Sequence[Row],
    label: str,
    ax: "Axes | None" = None,
    simulated: bool = False,
    row_in: float = 0.55,
) -> "Axes":
    """Draw shares with their intervals, a row each, from the top.

    Parameters
    ----------
    rows : sequence of Row
        In the order from the top.
    label : str
        What the shares are of, under the x axis.
    ax : Axes, optional
        Axes to draw on; own ones by default.
    simulated : bool
        Whether anything in the rows is simulated: the plot then says so.
    row_in : float
        The height of a row, in inches.
    """
    ax = ax or new_axes(8.0, 1.6 + row_in * max(1, len(rows)))
    ax.set_xlabel(label, loc="left")
    if not rows:
        return stamp(nothing_to_show(ax), simulated)
    for number, row in enumerate(rows):
        top = number - DISTANCE * (len(row.marks) - 1) / 2
        for at, mark in enumerate(row.marks):
            _draw(ax, top + DISTANCE * at, mark)
        ax.text(1.03, number, row.note, va="center", size=8.5)
    ax.set_yticks(range(len(rows)), [short_name(row.name, 28, 14) for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(-0.02, 1.45)
    ax.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    open_frame(ax)
    named = [mark for mark in rows[0].marks if mark.name]
    for mark in named:
        ax.plot([], [], mark.shape, color=mark.colour, ms=8, label=mark.name)
    if named:
        legend_below(ax, 3)
    return stamp(ax, simulated)


def _draw(ax: "Axes", y: float, mark: Mark) -> None:
    if mark.share is None:
        ax.text(0.01, y, "undefined", va="center", size=8.5, color=mark.colour)
        return
    ends = mark.interval or (mark.share, mark.share)
    ax.plot(ends, [y, y], color=mark.colour, lw=2.2)
    ax.plot([mark.share], [y], mark.shape, color=mark.colour, ms=8, markeredgecolor="white")
