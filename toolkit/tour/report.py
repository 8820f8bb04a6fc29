"""The tour's report: one HTML page that needs nothing but itself."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit import render
from toolkit.render import Html, tag
from toolkit.tour.count import Delivery
from toolkit.tour.quality import Quality, score_counts
from toolkit.traces import Trace, trace_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL_SIMULATED = (
    "Everything that is said on this page is simulated: scripted customers, a scripted agent, simulated raters and a "
    "simulated judge."
)


def tour_report(delivery: Delivery, quality: Quality) -> Html:
    """The whole page."""
    chosen = {case.trace_id for case in quality.dataset} or {quality.traces[0].id}
    shown = next(trace for trace in quality.traces if trace.id in chosen)
    return render.document(
        "A tour of Fieldbook",
        tag("p", _origin(delivery, quality)),
        *_delivery(delivery),
        *_quality(quality),
        tag("h2", "A trace, as it fell out of its session"),
        trace_html(shown),
    )


def _origin(delivery: Delivery, quality: Quality) -> str:
    """What on the page is simulated, and what is real."""
    fresh = sources_of(delivery.traces)
    others = sources_of(quality.traces[len(delivery.traces) :])
    alignment = quality.alignment
    if {*fresh, *others, alignment.human_kind, alignment.judge_source} == {"simulated"}:
        said = ALL_SIMULATED
    else:
        said = (
            f"The customers are scripted. The traces of this run are {_listed(fresh)}, Harbor's are {_listed(others)}; "
            f"the labels are {alignment.human_kind}, the judge's verdicts {alignment.judge_source}."
        )
    if delivery.durability == "memory":
        log = "The log was in memory, without a server; the reading client was a task that was cut off."
    else:
        log = "The nats-server and the kills are real."
    return f"{said} The SDK and the counting are real. {log}"


def sources_of(traces: Sequence[Trace]) -> list[str]:
    """The sources of `traces`, each once."""
    return sorted({trace.source for trace in traces})


def _listed(sources: list[str]) -> str:
    return " and ".join(sources) or "none"


def _delivery(delivery: Delivery) -> list[Html]:
    from toolkit.views import plot_delivery

    axes = plot_delivery(
        delivery.frame(), delivery.faults, simulated="simulated" in sources_of(delivery.traces)
    )
    caption = "Events acknowledged to the agents, and events in the reading client's file, while parts were killed"
    figures = [[key.replace("_", " "), value] for key, value in delivery.counts().items()]
    return [tag("h2", "Does it arrive?"), _figure(axes, caption), render.table(figures)]


def _quality(quality: Quality) -> list[Html]:
    from toolkit.views import plot_alignment, plot_topics

    scores = [{"scorer": name, **one} for name, one in score_counts(quality.scores).items()]
    reasons = {
        case.id: "; ".join(one["why"] for one in case.meta.get("reasons", ()))
        for case in quality.dataset
    }
    return [
        tag("h2", "Is it good?"),
        _figure(
            plot_alignment(quality.alignment),
            f"{quality.alignment.title}: {quality.alignment.subtitle}",
        ),
        render.table(scores, list(scores[0])),
        _figure(
            plot_topics(quality.topics), "What the customers write about: topics and their sizes"
        ),
        render.table(
            [[one.id, one.trace_id, reasons[one.id]] for one in quality.dataset],
            ["case", "trace", "why"],
        ),
    ]


def _figure(axes: "Axes", caption: str) -> Html:
    figure = axes.get_figure(root=True)
    assert figure
    return render.figure(figure, caption)
