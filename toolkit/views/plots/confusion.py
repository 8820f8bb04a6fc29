"""The plot of one alignment: its confusion, right and wrong told apart, and the two rates."""

from typing import TYPE_CHECKING, Any

from toolkit.evals import Alignment
from toolkit.views.plots.figure import (
    CARD,
    GREEN,
    GREEN_CARD,
    INK,
    RED,
    RED_CARD,
    SMALL_CHAR,
    SOFT,
    TITLE,
    in_our_look,
    new_axes,
    new_width,
    nothing_to_show,
    short_name,
    write_heading,
)
from toolkit.views.plots.sentences import alignment_sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL_HEIGHT = 84
AXIS_HEIGHT = 56
"""Of the ticks and the label under the cells, in pixels."""
NAMES_WIDTH = 100
"""Of the names of the rows and their label, left of the cells."""
GAP = 0.03
"""Between two cells, which are 1 apart."""
WRONG = {("fail", "pass"): "let through", ("pass", "fail"): "failed for nothing"}
"""What an error is called: by the label and the judge's verdict."""


@in_our_look
def plot_alignment(alignment: Alignment, ax: "Axes | None" = None) -> "Axes":
    """Where does the judge disagree? The confusion with counts and row shares, what is right in
    one colour and what is wrong in another, and TPR and TNR with intervals.
    """
    counts = alignment.confusion
    n_rows, n_columns = counts.shape
    ax = ax or new_axes(CELL_HEIGHT * max(1, n_rows) + AXIS_HEIGHT)
    title = alignment_sentence(alignment)
    if not alignment.n:
        return write_heading(nothing_to_show(ax), title, _about(alignment), alignment.simulated)
    _draw_cells(ax, alignment)
    ax.set_xlim(-0.5, n_columns - 0.5)
    ax.set_ylim(n_rows - 0.5, -0.5)
    ax.set_xticks(range(n_columns), [short_name(label) for label in counts.columns])
    ax.set_yticks(range(n_rows), _row_names(alignment))
    ax.set_xlabel("the judge says")
    ax.set_ylabel("people say" if alignment.human_kind == "human" else "the labels say")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return write_heading(ax, title, _about(alignment), alignment.simulated)


def _row_names(alignment: Alignment) -> list[str]:
    totals = alignment.confusion.sum(axis=1)
    return [f"{short_name(label)}\nn = {total}" for label, total in totals.items()]


def _about(alignment: Alignment) -> list[str]:
    """The lines under the title."""
    lines = [f"{alignment.title}: {alignment.subtitle}"]
    if len(alignment.confusion) > 2:
        positive = short_name(alignment.positive, 40)
        lines.append(f"TPR and TNR are of “{positive}” against the rest")
    lines.append(f"{alignment.rate('tpr')} · {alignment.rate('tnr')}")
    if alignment.reason:
        lines.append(alignment.reason)
    return lines


def _draw_cells(ax: "Axes", alignment: Alignment) -> None:
    counts = alignment.confusion
    totals = counts.sum(axis=1)
    for row, label in enumerate(counts.index):
        for column, verdict in enumerate(counts.columns):
            n = int(counts.loc[label, verdict])
            _draw_cell(ax, (column, row), n, _what_it_is(label, verdict, len(counts.columns)))
            if totals[label]:
                share = f"{n / totals[label]:.0%} of “{short_name(label, 12, 5)}”"
                ax.text(column, row + 0.28, share, ha="center", va="center", color=INK)


def _what_it_is(label: Any, verdict: Any, n_columns: int) -> str:
    """What a cell counts; one word where its column holds no more."""
    if label == verdict:
        return "right"
    words = WRONG.get((label, verdict), "wrong")
    chars = (new_width() - NAMES_WIDTH) / n_columns / SMALL_CHAR
    return words if len(words) + 2 <= chars else "wrong"


def _draw_cell(ax: "Axes", place: tuple[int, int], n: int, what: str) -> None:
    """A cell with its count and what it is; one that holds nothing is grey."""
    from matplotlib.patches import Rectangle

    column, row = place
    if not n:
        ground = CARD
        ink = SOFT
        words = "–"
    elif what == "right":
        ground = GREEN_CARD
        ink = GREEN
        words = f"✓ {what}"
    else:
        ground = RED_CARD
        ink = RED
        words = f"✗ {what}"
    corner = (column - 0.5 + GAP / 2, row - 0.5 + GAP / 2)
    ax.add_patch(Rectangle(corner, 1 - GAP, 1 - GAP, facecolor=ground, edgecolor="none"))
    count = ax.text(column, row - 0.24, f"{n:,}", fontsize=TITLE, fontweight="bold")
    meaning = ax.text(column, row + 0.05, words)
    for text in (count, meaning):
        text.set(color=ink, ha="center", va="center")
