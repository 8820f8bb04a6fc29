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
from toolkit.views.plots.sentences import alignment_sentence, speaks_of_failures

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
    about = _about(alignment)
    if not alignment.n:
        return write_heading(nothing_to_show(ax), title, about, alignment.simulated)
    _draw_cells(ax, alignment)
    ax.set_xlim(-0.5, n_columns - 0.5)
    ax.set_ylim(n_rows - 0.5, -0.5)
    verdicts = [short_name(verdict) for verdict in counts.columns]
    ax.set_xticks(range(n_columns), verdicts)
    ax.set_yticks(range(n_rows), _row_names(alignment))
    who = "people" if alignment.human_kind == "human" else "the labels"
    ax.set_ylabel(f"{who} say")
    ax.set_xlabel("the judge says")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return write_heading(ax, title, about, alignment.simulated)


def _row_names(alignment: Alignment) -> list[str]:
    names = []
    totals = alignment.confusion.sum(axis=1)
    for label, total in totals.items():
        name = short_name(label)
        names.append(f"{name}\nn = {total}")
    return names


def _about(alignment: Alignment) -> list[str]:
    """The lines under the title."""
    tpr = alignment.rate("tpr")
    tnr = alignment.rate("tnr")
    lines = [f"{alignment.title}: {alignment.subtitle}"]
    if len(alignment.confusion) > 2:
        positive = short_name(alignment.positive, 40)
        lines.append(f"TPR and TNR are of “{positive}” against the rest")
    if speaks_of_failures(alignment):
        lines.append(f"good ones that pass: {tpr} · failures that are found: {tnr}")
    else:
        lines.append(f"{tpr} · {tnr}")
    if alignment.reason:
        lines.append(alignment.reason)
    return lines


def _draw_cells(ax: "Axes", alignment: Alignment) -> None:
    counts = alignment.confusion
    n_columns = len(counts.columns)
    for row, (label, counts_of_row) in enumerate(counts.iterrows()):
        total = int(counts_of_row.sum())
        name = short_name(label, 12, 5)
        for column, (verdict, n) in enumerate(counts_of_row.items()):
            _draw_cell(ax, (column, row), int(n), _what_it_is(label, verdict, n_columns))
            if total:
                share = ax.text(column, row + 0.28, f"{n / total:.0%} of “{name}”")
                share.set(color=INK, ha="center", va="center")


def _what_it_is(label: Any, verdict: Any, n_columns: int) -> str:
    """What a cell counts; one word where its column holds no more."""
    if label == verdict:
        return "right"
    words = WRONG.get((label, verdict), "wrong")
    cell_width = (new_width() - NAMES_WIDTH) / n_columns
    room = cell_width / SMALL_CHAR - len("✗ ")
    return words if len(words) <= room else "wrong"


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
    side = 1 - GAP
    corner = (column - side / 2, row - side / 2)
    cell = Rectangle(corner, side, side, facecolor=ground, edgecolor="none")
    ax.add_patch(cell)
    count = ax.text(column, row - 0.24, f"{n:,}", fontsize=TITLE, fontweight="bold")
    meaning = ax.text(column, row + 0.05, words)
    for text in (count, meaning):
        text.set(color=ink, ha="center", va="center")
