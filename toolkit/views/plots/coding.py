"""The plot of a codebook: have we read enough?"""

from typing import TYPE_CHECKING

from toolkit.evals.labels.codebook import Codebook
from toolkit.views.plots.figure import (
    BLUE,
    ORANGE,
    new_axes,
    nothing_to_show,
    open_frame,
    stamp,
)
from toolkit.views.words import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_saturation"]


def plot_saturation(codebook: Codebook, ax: "Axes | None" = None) -> "Axes":
    """Do new traces still bring new codes? Codes so far against traces read; a dot where a code was
    new.
    """
    saturation = codebook.saturation()
    n_labelled = len({label.trace_id for label in codebook.labels})
    ax = ax or new_axes(7.5, 3.6)
    if saturation.empty:
        title = f"no codes yet: 0 of {n_labelled} labelled traces were read for them"
        ax.set_title(title, loc="left", fontsize=10)
        return stamp(nothing_to_show(ax), codebook.simulated)
    new = saturation[saturation["new"] > 0]
    codes = quantity(int(saturation["new"].sum()), "code")
    title = f"{codes} in {len(saturation)} of {n_labelled} labelled traces"
    if len(new):
        title += f"; the last new one in number {new['read'].iloc[-1]}"
    ax.step(saturation["read"], saturation["codes"], where="post", color=BLUE)
    ax.plot(new["read"], new["codes"], "o", color=ORANGE, markeredgecolor=BLUE)
    ax.set_title(title, loc="left", fontsize=10)
    ax.set_xlabel("traces read, in the order of their labels")
    ax.set_ylabel("codes so far")
    ax.set_ylim(bottom=0)
    open_frame(ax)
    return stamp(ax, codebook.simulated)
