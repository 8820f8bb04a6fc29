"""Views: panels and plots, the rooms as a person at a notebook meets them.

Structured vibe check: `AnnotationPanel`, which asks pass, fail or defer, and always why. Human alignment:
`plot_alignment`. Topic modelling: `plot_topics`. Resilient delivery: `plot_delivery`.

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
    from toolkit.views.plots import plot_alignment, plot_delivery, plot_topics

__all__ = ["AnnotationPanel", "plot_alignment", "plot_delivery", "plot_topics"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'toolkit.views' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"toolkit.views.{'plots' if name.startswith('plot_') else 'annotate'}"), name)
