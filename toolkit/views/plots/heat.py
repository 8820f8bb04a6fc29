"""A table of cells, each the darker the more it holds, with its number in it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from toolkit.views.plots.figure import BLUE, INK, SMALL_CHAR, new_width, short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL_HEIGHT = 30
GAP = 0.06
"""Between two cells, which are 1 apart."""
FAINTEST = 0.06
DARKEST = 0.5
"""The opacity of a cell that holds most: its number can still be read, in light and dark."""
NAME_SHARE = 0.42
"""Of the width, for the names of the rows at most."""


def row_name(name: object, room: int = 0) -> str:
    """The name of a row in what room there is, less so many letters."""
    chars = int(NAME_SHARE * new_width() / SMALL_CHAR) - room
    return short_name(name, chars, chars // 3)


def draw_cells(ax: "Axes", values: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Draw cells with their names.

    Parameters
    ----------
    ax
        Where to draw.
    values : (n_rows, n_columns) int
        What the cells hold; the number of an empty cell is not written.
    rows, columns
        Their names, as they are to stand there.
    """
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    most = max(1, int(values.max(initial=0)))
    cells = []
    opacities = []
    for (row, column), value in np.ndenumerate(values):
        corner = (column - 0.5 + GAP / 2, row - 0.5 + GAP / 2)
        cells.append(Rectangle(corner, 1 - GAP, 1 - GAP))
        opacities.append(FAINTEST + (DARKEST - FAINTEST) * value / most)
        if value:
            ax.text(column, row, f"{value:,}", color=INK, ha="center", va="center")
    ax.add_collection(PatchCollection(cells, facecolor=BLUE, edgecolor="none", alpha=opacities))
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
