"""A plot of shares with their intervals: a row for each, one mark or two in a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from toolkit.evals import Difference, Rate
from toolkit.views.plots.figure import (
    BLUE,
    INK,
    PAGE,
    SMALL_LINE,
    SOFT,
    in_our_look,
    is_narrow,
    legend_below,
    new_axes,
    nothing_to_show,
    short_name,
    write_heading,
    write_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Bounds = tuple[float, float]
DISTANCE = 0.28
"""Between the marks of a row; rows are 1 apart."""
NAME_CHARS = 40
"""Of a line of a row's name, which has two at most."""
ROW_HEIGHT = 40
NARROW_ROW_HEIGHT = 80
"""Of a row with its name and its note above the marks."""
ABOVE = 12
"""How high above its highest mark the note of a narrow row stands, in pixels."""
AXIS_HEIGHT = 88
"""Of the ticks, the label and the legend under the rows, in pixels."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A share with its interval; None where it is undefined, which is then written out."""

    share: float | None
    interval: Bounds | None = None
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


def bounds_of(estimate: Rate | Difference) -> Bounds | None:
    """The interval of an estimate; None where it has none."""
    if estimate.low is None or estimate.high is None:
        return None
    return estimate.low, estimate.high


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
    ax = ax or new_axes(_height(rows))
    if not rows:
        return write_heading(nothing_to_show(ax), title or "Nothing to show", subtitle, simulated)
    write_label(ax, label)
    for number, row in enumerate(rows):
        top = number - DISTANCE * (len(row.marks) - 1) / 2
        for at, mark in enumerate(row.marks):
            _draw(ax, top + DISTANCE * at, mark)
        if is_narrow():
            _write_above(ax, number, row)
        else:
            _write_beside(ax, number, row)
    names = [wrap(short_name(row.name, 2 * NAME_CHARS, 14), NAME_CHARS) for row in rows]
    ax.set_yticks(range(len(rows)), ["\n".join(lines) for lines in names])
    if is_narrow():
        ax.set_yticks([])
    ax.set_ylim(len(rows) - 0.4, -0.8 if is_narrow() else -0.6)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    ax.grid(axis="x")
    named = [mark for mark in rows[0].marks if mark.name]
    for mark in named:
        ax.plot([], [], mark.shape, color=mark.colour, ms=8, label=mark.name)
    if named:
        legend_below(ax)
    return write_heading(ax, title, subtitle, simulated)


def _height(rows: Sequence[Row]) -> float:
    """Of rows, axis and legend, in pixels."""
    if not is_narrow():
        return AXIS_HEIGHT + ROW_HEIGHT * max(1, len(rows))
    legend_lines = max((len(row.marks) for row in rows), default=0) + 1
    return AXIS_HEIGHT + SMALL_LINE * legend_lines + NARROW_ROW_HEIGHT * max(1, len(rows))


def _write_beside(ax: "Axes", number: int, row: Row) -> None:
    """The note of a row right of it; its name is a tick."""
    ax.text(1.02, number, row.note, va="center", color=SOFT, transform=ax.get_yaxis_transform())


def _write_above(ax: "Axes", number: int, row: Row) -> None:
    """The name of a row above its marks, and its note under the name."""
    edge = ax.get_yaxis_transform()
    note = " ".join(row.note.split())
    above = ABOVE + DISTANCE * NARROW_ROW_HEIGHT * (len(row.marks) - 1) / 2
    for words, ink, up in (
        (short_name(row.name, 50, 20), INK, above + SMALL_LINE),
        (note, SOFT, above),
    ):
        ax.annotate(words, (0.02, number), (0, up), edge, "offset points", color=ink)


def _draw(ax: "Axes", y: float, mark: Mark) -> None:
    if mark.share is None:
        ax.text(0, y, "undefined", va="center", color=mark.colour)
        return
    ends = mark.interval or (mark.share, mark.share)
    ax.plot(ends, [y, y], color=mark.colour, lw=2.2)
    ax.plot([mark.share], [y], mark.shape, color=mark.colour, ms=9, markeredgecolor=PAGE)
