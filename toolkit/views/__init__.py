"""Views: panels and plots, the rooms as a person at a notebook meets them.

Continuity across surfaces: `SessionPanel`. A build by several roles that is watched, steered and
stopped: `HarnessPanel`. An experiment that is watched, paused and stopped:
`ExperimentPanel`; how sure its pass rate is: `plot_growth`; with and without the cases that doing
nothing passes: `plot_pass_hat`; against another one: `plot_comparisons`. Structured vibe check:
`AnnotationPanel`, which asks pass, fail or defer, and always why; `TraceBrowser` finds what to
read, `AdjudicationPanel` settles what raters disagree on. Failure modes: `CodingPanel`,
`plot_saturation`. What a judge is told: `RubricPanel`, which shows what an edit changes. A panel of
your own begins with `Panel`. Eval the eval: `plot_alignment`, `plot_rates`, `plot_versions`,
`plot_agreement`, `plot_corrected`, `plot_widths`. Topic modelling: `plot_topics`.
Resilient delivery: `plot_delivery`, `plot_loss`, `plot_tokens`. How long traces are:
`plot_lengths`; what follows what in them, where they fail, and which rules they break:
`plot_transitions`, `plot_failing_steps`, `plot_rules`. What a harness's parts are worth:
`plot_trap`, `plot_ablation`, `plot_context_rot`. In a notebook, end the cell with
``plot_topics(topic_map).figure``: it follows the theme.

>>> from toolkit.traces import Step, Trace
>>> from toolkit.views import AnnotationPanel
>>> trace = Trace("t1", (Step("1", "message", "user", "Hello"),))
>>> panel = AnnotationPanel([trace], store="labels.jsonl")
>>> panel.position
'1 of 1 · 0 labelled'
"""

from importlib import import_module
from typing import Any

WHERE = {
    "AdjudicationPanel": "panels.adjudicate",
    "AnnotationPanel": "panels.annotate",
    "CodingPanel": "panels.coding",
    "ExperimentPanel": "panels.experiment",
    "HarnessPanel": "panels.harness",
    "Panel": "panels.panel",
    "RubricPanel": "panels.rubric",
    "SessionPanel": "panels.session",
    "TraceBrowser": "panels.browse",
    "plot_ablation": "plots.ablation",
    "plot_agreement": "plots.agreement",
    "plot_alignment": "plots.confusion",
    "plot_comparisons": "plots.comparisons",
    "plot_context_rot": "plots.context_rot",
    "plot_corrected": "plots.correction",
    "plot_delivery": "plots.arrival",
    "plot_failing_steps": "plots.failing_steps",
    "plot_growth": "plots.growth",
    "plot_lengths": "plots.lengths",
    "plot_loss": "plots.loss",
    "plot_pass_hat": "plots.pass_hat",
    "plot_rates": "plots.alignment",
    "plot_rules": "plots.rules",
    "plot_saturation": "plots.coding",
    "plot_tokens": "plots.delivery",
    "plot_topics": "plots.topics",
    "plot_transitions": "plots.transitions",
    "plot_trap": "plots.trap",
    "plot_versions": "plots.alignment",
    "plot_widths": "plots.correction",
}
"""The file of each name: it is imported when the name is first asked for, and with it ipywidgets or
matplotlib.
"""
__all__ = list(WHERE)


def __getattr__(name: str) -> Any:
    if name not in WHERE:
        raise AttributeError(
            f"module 'toolkit.views' has no attribute {name!r}; it has {', '.join(WHERE)}"
        )
    return getattr(import_module(f"toolkit.views.{WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
