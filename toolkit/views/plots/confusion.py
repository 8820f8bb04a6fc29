"""The plot of one alignment: its confusion, and the two rates above it."""

from typing import TYPE_CHECKING

from toolkit.evals import Alignment
from toolkit.views.plots.figure import new_axes, nothing_to_show, short_name, stamp

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DARK_SHARE = 0.55
"""From here on a cell is so dark that its words are white."""


def plot_alignment(alignment: Alignment, ax: "Axes | None" = None) -> "Axes":
    """Where does the judge disagree? The confusion with counts and row shares, TPR and TNR with
    intervals.
    """
    counts = alignment.confusion
    n_rows, n_columns = counts.shape
    ax = ax or new_axes(max(5.4, 1.7 * n_columns + 2.6), 1.1 * n_rows + 2.4)
    if counts.size:
        _draw_cells(ax, counts)
    else:
        nothing_to_show(ax)
    ax.set_xticks(range(n_columns), [short_name(label) for label in counts.columns])
    ax.set_yticks(range(n_rows), [short_name(label) for label in counts.index])
    ax.set_xlabel("the judge says")
    ax.set_ylabel("people say" if alignment.human_kind == "human" else "the labels say")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    _write_heading(ax, alignment)
    return stamp(ax, alignment.simulated)


def _draw_cells(ax: "Axes", counts: "pd.DataFrame") -> None:
    table = counts.to_numpy()
    totals = table.sum(axis=1)
    shares = table / totals.clip(min=1)[:, None]
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, label in enumerate(counts.index):
        for column, verdict in enumerate(counts.columns):
            share = shares[row, column]
            share_in_words = f"{share:.0%}" if totals[row] else "–"
            ax.text(
                column,
                row,
                f"{table[row, column]}\n{share_in_words}",
                ha="center",
                va="center",
                color="white" if share > DARK_SHARE else "black",
                fontweight="bold" if label == verdict else "normal",
            )


def _write_heading(ax: "Axes", alignment: Alignment) -> None:
    lines = [alignment.subtitle]
    if len(alignment.confusion) > 2:
        positive = short_name(alignment.positive, 40)
        lines.append(f"TPR and TNR are of “{positive}” against the rest")
    lines += [alignment.rate("tpr"), alignment.rate("tnr")]
    ax.set_title(alignment.title, loc="left", fontweight="bold", pad=11 + 13 * len(lines))
    ax.annotate(
        "\n".join(lines),
        (0, 1),
        (0, 6),
        "axes fraction",
        "offset points",
        fontsize=8.5,
        va="bottom",
    )
