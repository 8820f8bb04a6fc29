"""The tour's report: one HTML page that needs nothing but itself."""

from typing import TYPE_CHECKING

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
    sources = {trace.source for trace in quality.traces}
    said = SAID if sources == {"simulated"} else f"Sources of the traces: {', '.join(sorted(sources))}"
    if delivery.durability == "memory":
        return f"{said}. The log was in memory, without a server; the reading client was a task that was cut off."
    return f"{said}, and so are the nats-server and the kills."


def _delivery(delivery: Delivery) -> list[Html]:
    from toolkit.views import plot_delivery

    axes = plot_delivery(delivery.frame(), delivery.faults, simulated=delivery.traces[0].source == "simulated")
    caption = "Events acknowledged to the agents, and events in the reading client's file, while parts were killed"
    figures = [[key.replace("_", " "), value] for key, value in delivery.counts().items()]
    return [tag("h2", "Does it arrive?"), _figure(axes, caption), render.table(figures)]


def _quality(quality: Quality) -> list[Html]:
    from toolkit.views import plot_alignment, plot_topics

    scores = [{"scorer": name, **one} for name, one in score_counts(quality.scores).items()]
    reasons = {case.id: "; ".join(one["why"] for one in case.meta.get("reasons", ())) for case in quality.dataset}
    return [
        tag("h2", "Is it good?"),
        _figure(plot_alignment(quality.alignment), f"{quality.alignment.title}: {quality.alignment.subtitle}"),
        render.table(scores, list(scores[0])),
        _figure(plot_topics(quality.topics), "What the customers write about: topics and their sizes"),
        render.table([[one.id, one.trace_id, reasons[one.id]] for one in quality.dataset], ["case", "trace", "why"]),
    ]


def _figure(axes: "Axes", caption: str) -> Html:
    figure = axes.get_figure(root=True)
    assert figure
    return render.figure(figure, caption)
