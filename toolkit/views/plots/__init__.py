"""Plots: each takes an ``ax`` or makes its own, returns it, and says on its face what is simulated.

A plot of your own is made of the same parts: `new_axes`, `write_heading`, `nothing_to_show` and
`short_name`, or, of shares with their intervals, `plot_rows` of `Row`s and `Mark`s. For a page that
is wider than a notebook, or a phone's, draw it inside of `figures_of_width`.
"""

from importlib import import_module
from typing import Any

WHERE = {
    "Mark": "rows",
    "Row": "rows",
    "figures_of_width": "figure",
    "new_axes": "figure",
    "nothing_to_show": "figure",
    "plot_ablation": "ablation",
    "plot_agreement": "agreement",
    "plot_alignment": "confusion",
    "plot_comparisons": "comparisons",
    "plot_context_rot": "context_rot",
    "plot_corrected": "correction",
    "plot_delivery": "arrival",
    "plot_failing_steps": "failing_steps",
    "plot_lengths": "lengths",
    "plot_loss": "loss",
    "plot_pass_hat": "pass_hat",
    "plot_rates": "alignment",
    "plot_rows": "rows",
    "plot_rules": "rules",
    "plot_saturation": "coding",
    "plot_tokens": "delivery",
    "plot_topics": "topics",
    "plot_transitions": "transitions",
    "plot_trap": "trap",
    "plot_versions": "alignment",
    "plot_widths": "correction",
    "short_name": "figure",
    "write_heading": "figure",
}
"""The file of each name: imported when the name is first asked for, and matplotlib with it."""
__all__ = list(WHERE)


def __getattr__(name: str) -> Any:
    if name not in WHERE:
        raise AttributeError(f"module 'toolkit.views.plots' has no attribute {name!r}")
    return getattr(import_module(f"toolkit.views.plots.{WHERE[name]}"), name)
