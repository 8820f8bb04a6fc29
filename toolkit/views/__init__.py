"""Views: panels and plots, the rooms as a person at a notebook meets them.

Continuity across surfaces: `SessionPanel`. Structured vibe check: `AnnotationPanel`, which asks pass, fail or defer,
and always why. Eval the eval: `plot_alignment`, `plot_rates`, `plot_versions`, `plot_agreement`, `plot_corrected`,
`plot_widths`, `plot_critiques`. Topic modelling: `plot_topics`. Resilient delivery: `plot_delivery`, `plot_loss`,
`plot_stalls`. In a notebook, say ``%matplotlib inline`` once, and end the cell with ``plot_topics(found).figure``.

>>> from toolkit.traces import Step, Trace
>>> from toolkit.views import AnnotationPanel
>>> panel = AnnotationPanel([Trace("t1", (Step("1", "message", "user", "Hello"),))], store="labels.jsonl")
>>> panel.position
'1 of 1 · 0 labelled'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.views.annotate import AnnotationPanel
    from toolkit.views.live import SessionPanel
    from toolkit.views.plots import plot_delivery, plot_topics
    from toolkit.views.plots_alignment import (
        plot_agreement,
        plot_alignment,
        plot_corrected,
        plot_critiques,
        plot_rates,
        plot_versions,
        plot_widths,
    )
    from toolkit.views.plots_delivery import plot_loss, plot_stalls

__all__ = [
    "AnnotationPanel",
    "SessionPanel",
    "plot_agreement",
    "plot_alignment",
    "plot_corrected",
    "plot_critiques",
    "plot_delivery",
    "plot_loss",
    "plot_rates",
    "plot_stalls",
    "plot_topics",
    "plot_versions",
    "plot_widths",
]
WHERE = {
    "AnnotationPanel": "annotate",
    "SessionPanel": "live",
    "plot_loss": "plots_delivery",
    "plot_stalls": "plots_delivery",
    "plot_delivery": "plots",
    "plot_topics": "plots",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'toolkit.views' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"toolkit.views.{WHERE.get(name, 'plots_alignment')}"), name)
