"""The tour's report: one HTML page that needs nothing but itself."""

from typing import TYPE_CHECKING, Any

from toolkit import render
from toolkit.render import Html, tag
from toolkit.tour.count import Delivery
from toolkit.tour.quality import Quality, score_counts
from toolkit.traces import trace_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SAID = (
    "Everything that is said on this page is simulated: scripted customers, a scripted agent, simulated raters and a "
    "simulated judge. The SDK and the counting are real"
)


def tour_report(delivery: Delivery, quality: Quality) -> Html:
    """The whole page."""
    return render.document(
        "A tour of Fieldbook",
        tag("p", _origin(delivery, quality)),
        *_delivery(delivery),
        *_quality(quality),
        *_trace(quality),
    )


def _origin(delivery: Delivery, quality: Quality) -> str:
    sources = {trace.source for trace in quality.traces}
    said = SAID if sources == {"simulated"} else f"Sources of the traces: {', '.join(sorted(sources))}"
    if delivery.durability == "memory":
        return f"{said}. The log was in memory, without a server; the reading client was a task that was cut off."
    return f"{said}, and so are the nats-server and the kills."


def _delivery(delivery: Delivery) -> list[Html]:
    from toolkit.views import plot_delivery

    counts = delivery.counts()
    axes = plot_delivery(delivery.frame(), delivery.faults, simulated=delivery.traces[0].source == "simulated")
    return [
        tag("h2", "Does it arrive?"),
        tag(
            "p", "Events acknowledged to the agents, and events in the reading client's file, while parts were killed."
        ),
        _figure(axes, "Events sent and received over time, with the faults marked"),
        render.table([[key.replace("_", " "), value] for key, value in counts.items()]),
    ]


def _quality(quality: Quality) -> list[Html]:
    from toolkit.views import plot_alignment, plot_topics

    scores = [[name, *one.values()] for name, one in score_counts(quality.scores).items()]
    return [
        tag("h2", "Is it good?"),
        tag("p", f"{quality.alignment.title}: {quality.alignment.subtitle}."),
        _figure(plot_alignment(quality.alignment), quality.alignment.title),
        render.table(scores, ["scorer", "pass", "fail", "unscored"]),
        tag("p", "What do the customers write about?"),
        _figure(plot_topics(quality.topics), "Topics and their sizes"),
        render.table([[case.id, case.trace_id, _why(case)] for case in quality.dataset], ["case", "trace", "why"]),
    ]


def _why(case: Any) -> str:
    return "; ".join(reason["why"] for reason in case.meta.get("reasons", ()))


def _trace(quality: Quality) -> list[Html]:
    chosen = {case.trace_id for case in quality.dataset} or {quality.traces[0].id}
    trace = next(trace for trace in quality.traces if trace.id in chosen)
    return [tag("h2", "A trace, as it fell out of its session"), trace_html(trace)]


def _figure(axes: "Axes", caption: str) -> Html:
    from matplotlib.figure import Figure

    figure = axes.figure
    assert isinstance(figure, Figure)
    return render.figure(figure, caption)
