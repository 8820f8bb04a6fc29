"""Views: panels and plots, the rooms as a person at a notebook meets them.

Continuity across surfaces: `SessionPanel`. Structured vibe check: `AnnotationPanel`, which asks pass, fail or defer,
and always why. Failure modes: `CodingPanel`, `plot_saturation`. Human alignment: `plot_alignment`. Topic modelling:
`plot_topics`. Resilient delivery: `plot_delivery`, `plot_loss`, `plot_stalls`. In a notebook, say ``%matplotlib
inline`` once, and end the cell with ``plot_topics(found).figure``.

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
    from toolkit.views.coding import CodingPanel, plot_saturation
    from toolkit.views.live import SessionPanel
    from toolkit.views.plots import plot_alignment, plot_delivery, plot_topics
    from toolkit.views.plots_delivery import plot_loss, plot_stalls

__all__ = [
    "AnnotationPanel",
    "CodingPanel",
    "SessionPanel",
    "plot_alignment",
    "plot_delivery",
    "plot_loss",
    "plot_saturation",
    "plot_stalls",
    "plot_topics",
]
WHERE = {
    "AnnotationPanel": "annotate",
    "CodingPanel": "coding",
    "SessionPanel": "live",
    "plot_loss": "plots_delivery",
    "plot_saturation": "coding",
    "plot_stalls": "plots_delivery",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'toolkit.views' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"toolkit.views.{WHERE.get(name, 'plots')}"), name)
