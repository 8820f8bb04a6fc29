"""Plots: each takes an ``ax`` or makes its own, returns it, and says on its face what is simulated.

A plot of your own is made of the same parts: `new_axes`, `write_heading`, `nothing_to_show` and
`short_name`, or, of shares with their intervals, `plot_rows` of `Row`s and `Mark`s.
"""

from toolkit.views.plots.agreement import plot_agreement
from toolkit.views.plots.alignment import plot_critiques, plot_rates, plot_versions
from toolkit.views.plots.arrival import plot_delivery
from toolkit.views.plots.coding import plot_saturation
from toolkit.views.plots.confusion import plot_alignment
from toolkit.views.plots.correction import plot_corrected, plot_widths
from toolkit.views.plots.delivery import plot_loss, plot_tokens
from toolkit.views.plots.figure import new_axes, nothing_to_show, short_name, write_heading
from toolkit.views.plots.lengths import plot_lengths
from toolkit.views.plots.rows import Mark, Row, plot_rows
from toolkit.views.plots.topics import plot_topics

__all__ = [
    "Mark",
    "Row",
    "new_axes",
    "nothing_to_show",
    "plot_agreement",
    "plot_alignment",
    "plot_corrected",
    "plot_critiques",
    "plot_delivery",
    "plot_lengths",
    "plot_loss",
    "plot_rates",
    "plot_rows",
    "plot_saturation",
    "plot_tokens",
    "plot_topics",
    "plot_versions",
    "plot_widths",
    "short_name",
    "write_heading",
]
