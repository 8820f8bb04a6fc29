"""A plot of shares with their intervals: a row for each, one mark or two in a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.views.plots.figure import (
    BLUE,
    PAGE,
    SOFT,
    in_our_look,
    legend_below,
    new_axes,
    nothing_to_show,
    short_name,
    write_heading,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DISTANCE = 0.28
"""Between the marks of a row; rows are 1 apart."""
AXIS_HEIGHT = 88
"""Of the ticks, the label and the legend under the rows, in pixels."""


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


@in_our_look
def plot_rows(
    rows: Sequence[Row],
    label: str,
    ax: "Axes | None" = None,
    simulated: bool = False,
    title: str = "",
    subtitle: Sequence[str] = (),
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
    title : str
        A sentence that says what is seen.
    subtitle : sequence of str
        Lines under it, as of what the intervals are.
    """
    ax = ax or new_axes(AXIS_HEIGHT + 40 * max(1, len(rows)))
    if not rows:
        return write_heading(nothing_to_show(ax), title or "Nothing to show", subtitle, simulated)
    ax.set_xlabel(label, loc="left")
    for number, row in enumerate(rows):
        top = number - DISTANCE * (len(row.marks) - 1) / 2
        for at, mark in enumerate(row.marks):
            _draw(ax, top + DISTANCE * at, mark)
        ax.text(1.02, number, row.note, va="center", color=SOFT, transform=ax.get_yaxis_transform())
    ax.set_yticks(range(len(rows)), [short_name(row.name, 34, 14) for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    ax.grid(axis="x")
    named = [mark for mark in rows[0].marks if mark.name]
    for mark in named:
        ax.plot([], [], mark.shape, color=mark.colour, ms=8, label=mark.name)
    if named:
        legend_below(ax, 3)
    return write_heading(ax, title, subtitle, simulated)


def _draw(ax: "Axes", y: float, mark: Mark) -> None:
    if mark.share is None:
        ax.text(0, y, "undefined", va="center", color=mark.colour)
        return
    ends = mark.interval or (mark.share, mark.share)
    ax.plot(ends, [y, y], color=mark.colour, lw=2.2)
    ax.plot([mark.share], [y], mark.shape, color=mark.colour, ms=9, markeredgecolor=PAGE)
