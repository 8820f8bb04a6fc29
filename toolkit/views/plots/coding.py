"""The plot of a codebook: have we read enough?"""

from typing import TYPE_CHECKING

from toolkit.evals.labels.codebook import Codebook
from toolkit.views.plots.figure import (
    BLUE,
    BROWN,
    PAGE,
    in_our_look,
    new_axes,
    nothing_to_show,
    whole_numbers,
    write_heading,
    write_label,
)
from toolkit.views.words import quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_saturation"]

LEAST_QUIET = 5
"""After fewer traces without a new code nothing is said about an end."""


@in_our_look
def plot_saturation(codebook: Codebook, ax: "Axes | None" = None) -> "Axes":
    """Do new traces still bring new codes? Codes so far against traces read; a dot where a code was
    new.
    """
    saturation = codebook.saturation()
    n_labelled = len({label.trace_id for label in codebook.labels})
    title = saturation_sentence(saturation)
    ax = ax or new_axes(260)
    if saturation.empty:
        read = f"no codes yet: 0 of {n_labelled} labelled traces were read for them"
        return write_heading(nothing_to_show(ax), title, [read], codebook.simulated)
    new = saturation[saturation["new"] > 0]
    codes = quantity(int(saturation["new"].sum()), "code")
    subtitle = f"{codes} in {len(saturation)} of {n_labelled} labelled traces"
    ax.step(saturation["read"], saturation["codes"], where="post", color=BLUE, lw=2)
    ax.plot(new["read"], new["codes"], "o", color=BROWN, ms=7, markeredgecolor=PAGE)
    write_label(ax, "traces read, in the order of their labels")
    ax.set_ylabel("codes so far")
    ax.set_ylim(0, max(1, saturation["codes"].max()) * 1.08)
    ax.set_xlim(0, len(saturation) + 0.5)
    whole_numbers(ax.xaxis)
    whole_numbers(ax.yaxis)
    subtitle += " · dot: a new code"
    return write_heading(ax, title, [subtitle], codebook.simulated)


def saturation_sentence(saturation: "pd.DataFrame") -> str:
    """Whether new codes still come."""
    if saturation.empty:
        return "Nothing to show: no trace has been read for codes"
    new = saturation.loc[saturation["new"] > 0, "read"]
    n_read = len(saturation)
    if new.empty:
        return f"{quantity(n_read, 'trace')} read, and no code among them"
    n_quiet = n_read - int(new.iloc[-1])
    if n_quiet < LEAST_QUIET:
        return f"New codes still come: the last in trace {new.iloc[-1]} of {n_read}"
    return f"The last {n_quiet} of {n_read} traces brought no new code"
