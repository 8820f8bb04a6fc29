"""The names of what happened at a moment, in lines above a plot that runs in time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.views.plots.figure import INK, SMALL_CHAR, SMALL_LINE, new_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 3 * SMALL_CHAR
"""Between two names of a line, in pixels."""


def name_moments(ax: "Axes", moments: Sequence[tuple[float, str]], beside: float) -> None:
    """Write each name above its moment, in as few lines as keep the names apart.

    Parameters
    ----------
    ax : Axes
        Its x axis has the limits that it keeps.
    moments : sequence of (float, str)
        Where on the x axis, in its order, and the name.
    beside : float
        How wide all is that stands left and right of the axes, in pixels.
    """
    first, last = ax.get_xlim()
    width = new_width() - beside
    line_ends: list[float] = []
    for at, name in moments:
        name_width = SMALL_CHAR * len(name)
        begin = min((at - first) / (last - first) * width, width - name_width)
        line = _first_free_line(line_ends, begin)
        line_ends[line:] = [begin + name_width + GAP, *line_ends[line + 1 :]]
        up = 4 + SMALL_LINE * line
        text = ax.annotate(name, (begin / width, 1), (0, up), "axes fraction", "offset points")
        text.set(color=INK)


def _first_free_line(line_ends: Sequence[float], begin: float) -> int:
    """The first line whose last name ends before `begin`; a new one where there is none."""
    for line, end in enumerate(line_ends):
        if end <= begin:
            return line
    return len(line_ends)
