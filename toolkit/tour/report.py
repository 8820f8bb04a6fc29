"""The tour's report: one HTML page that needs nothing but itself."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit import render
from toolkit.render import Html, tag
from toolkit.tour.delivery import Delivery
from toolkit.tour.quality import Quality, score_counts
from toolkit.traces import Trace, trace_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL_SIMULATED = (
    "Everything that is said on this page is simulated: scripted customers, a scripted agent, "
    "simulated raters and a simulated judge."
)


def tour_report(delivery: Delivery, quality: Quality) -> Html:
    """The whole page."""
    chosen = {case.trace_id for case in quality.dataset} or {quality.traces[0].id}
    shown = next(trace for trace in quality.traces if trace.id in chosen)
    title = "A tour of Fieldbook"
    return render.document(
        title,
        tag("h1", title),
        tag("p", _origin(delivery, quality)),
        *_delivery(delivery),
        *_quality(quality),
        tag("h2", "A trace, as it fell out of its session"),
        trace_html(shown),
    )


def _origin(delivery: Delivery, quality: Quality) -> str:
    """What on the page is simulated, and what is real."""
    fresh = sources_of(delivery.traces)
    harbor = sources_of(quality.traces[len(delivery.traces) :])
    labels = quality.alignment.human_kind
    judge = quality.alignment.judge_source
    words = ALL_SIMULATED
    if {*fresh, *harbor, labels, judge} != {"simulated"}:
        words = (
            f"The customers are scripted. The traces of this run are {_listed(fresh)}, Harbor's "
            f"are {_listed(harbor)}; the labels are {labels}, the judge's verdicts {judge}."
        )
    log = "The nats-server and the kills are real."
    if delivery.durability == "memory":
        log = (
            "The log was in memory, without a server; the reading client was a task that was cut "
            "off."
        )
    return f"{words} The SDK and the counting are real. {log}"


def sources_of(traces: Sequence[Trace]) -> list[str]:
    """The sources of `traces`, each once."""
    return sorted({trace.source for trace in traces})


def _listed(sources: list[str]) -> str:
    return " and ".join(sources) or "none"


def _delivery(delivery: Delivery) -> list[Html]:
    from toolkit.views import plot_delivery

    simulated = "simulated" in sources_of(delivery.traces)
    axes = plot_delivery(delivery.frame(), delivery.faults, simulated=simulated)
    caption = (
        "Events that the log acknowledged, and events in the reading client's file, while parts "
        "were killed"
    )
    figures = []
    for name, value in delivery.counts().items():
        figures.append([name.replace("_", " "), value])
    return [tag("h2", "Does it arrive?"), _figure(axes, caption), render.table(figures)]


def _quality(quality: Quality) -> list[Html]:
    from toolkit.views import plot_alignment, plot_topics

    alignment = quality.alignment
    scores = []
    for name, counts in score_counts(quality.scores).items():
        scores.append({"scorer": name, **counts})
    cases = []
    for case in quality.dataset:
        reasons = [reason["why"] for reason in case.meta.get("reasons", ())]
        cases.append([case.id, case.trace_id, "; ".join(reasons)])
    about_topics = "What the customers write about: topics and their sizes"
    return [
        tag("h2", "Is it good?"),
        _figure(plot_alignment(alignment), f"{alignment.title}: {alignment.subtitle}"),
        render.table(scores, list(scores[0])),
        _figure(plot_topics(quality.topics), about_topics),
        render.table(cases, ["case", "trace", "why"]),
    ]


def _figure(axes: "Axes", caption: str) -> Html:
    figure = axes.get_figure(root=True)
    assert figure
    return render.figure(figure, caption)
