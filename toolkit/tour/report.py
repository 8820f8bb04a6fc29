"""The tour's report: one HTML page that needs nothing but itself."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import render
from toolkit.evals import Case
from toolkit.harbor import first_misstep, situations
from toolkit.render import Html, tag
from toolkit.tour.counted import counts_table
from toolkit.tour.delivery import Delivery
from toolkit.tour.onward import next_steps, onward_html
from toolkit.tour.quality import Quality, score_counts
from toolkit.tour.tiles import alignment_sentence, delivery_sentence, tile_html, tiles
from toolkit.traces import Step, Trace, trace_html
from toolkit.traces.amounts import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
LAPTOP_WIDTH = 848
"""Of a figure in the page, in pixels: what is drawn is as wide as the text, its edge is outside."""
PHONE_WIDTH = 390
"""The same where the page is 390 wide."""
QUESTIONS = (
    "Three questions to an agent: does it arrive, is it good, and does it hold together while "
    "agents work for long? This page answers the first two; the third is for the last command "
    "below."
)
SIMULATED = "Simulated: the customers and the agent, who follow a script, the raters and the judge."
ABOUT_TOPICS = (
    "Each sentence is of one trace of its topic: a list that says where to read on, and no rate."
)
ABOUT_LABEL = "A simulated rater labelled it. That the run is complete says only that it arrived."
ABOUT_MISSTEP = "Marked is the first step off the good path, known from the agent's script."
ABOUT_CASES = "Each failure of this run became a case, with the reason that its label gives:"


def tour_report(delivery: Delivery, quality: Quality) -> Html:
    """The whole page."""
    title = "A tour of Fieldbook"
    body = tag(
        "div",
        tag("h1", title),
        tag("p", QUESTIONS, class_="lead"),
        tag("p", _origin(delivery, quality), class_="lead"),
        tag("div", *[tile_html(tile) for tile in tiles(delivery, quality)], class_="tiles"),
        *_delivery(delivery),
        *_quality(quality),
        *_trace(delivery, quality),
        tag("h2", "What next?"),
        onward_html(next_steps()),
        class_="report",
    )
    return render.document(title, body, style=STYLE)


def _origin(delivery: Delivery, quality: Quality) -> str:
    """What on the page is simulated, and what is real."""
    fresh = sources_of(delivery.traces)
    harbor = sources_of(quality.traces[len(delivery.traces) :])
    labels = quality.alignment.human_kind
    judge = quality.alignment.judge_source
    words = SIMULATED
    if {*fresh, *harbor, labels, judge} != {"simulated"}:
        words = (
            f"Simulated: the customers, who follow a script. The traces of this run are "
            f"{_listed(fresh)}, Harbor's are {_listed(harbor)}; the labels are {labels}, the "
            f"judge's verdicts {judge}."
        )
    real = "Real: the Anthropic SDK, the counting, the nats-server and the kills."
    if delivery.durability == "memory":
        real = (
            "Real: the Anthropic SDK and the counting. The log was in memory, without a server; "
            "the reading client was a task that was cut off."
        )
    return f"{words} {real}"


def sources_of(traces: Sequence[Trace]) -> list[str]:
    """The sources of `traces`, each once."""
    return sorted({trace.source for trace in traces})


def _listed(sources: list[str]) -> str:
    return " and ".join(sources) or "none"


def _delivery(delivery: Delivery) -> list[Html]:
    from toolkit.views import plot_delivery

    simulated = "simulated" in sources_of(delivery.traces)
    plot = partial(plot_delivery, delivery.frame(), delivery.faults, simulated=simulated)
    counts = delivery.counts()
    return [
        tag("h2", "Does it arrive?"),
        _figure(plot, delivery_sentence(counts)),
        render.details("How this was counted", counts_table(counts)),
    ]


def _quality(quality: Quality) -> list[Html]:
    from toolkit.views import plot_alignment, plot_topics

    alignment = quality.alignment
    n_traces = quantity(len(quality.traces), "trace")
    scores = []
    for name, counts in score_counts(quality.scores).items():
        scores.append({"scorer": name, **counts})
    summary = f"What {len(scores)} scorers say of {n_traces}"
    return [
        tag("h2", "Is it good?"),
        _figure(partial(plot_alignment, alignment), alignment_sentence(alignment)),
        render.details(summary, render.table(scores, list(scores[0]))),
        tag("h2", "What is it about?"),
        _figure(partial(plot_topics, quality.topics), ABOUT_TOPICS),
        tag("h2", "What is new?"),
        *_cases(quality),
    ]


def _cases(quality: Quality) -> list[Html]:
    """The failures that became cases, each with the reason that it was given."""
    reasons = []
    rows = []
    for case in quality.dataset:
        why = _reason(case)
        reasons.append(tag("li", tag("strong", case.trace_id), f": {why}"))
        rows.append([case.id, case.trace_id, why])
    if not rows:
        return [tag("p", "No trace of this run was labelled a failure.")]
    table = render.table(rows, ["case", "trace", "why"])
    return [
        tag("p", ABOUT_CASES),
        tag("ul", *reasons),
        render.details("Their names in cases.jsonl", table),
    ]


def _reason(case: Case) -> str:
    return "; ".join(reason["why"] for reason in case.meta.get("reasons", ()))


def _trace(delivery: Delivery, quality: Quality) -> list[Html]:
    """The first trace that became a case, with what its label says and the step that is wrong."""
    heading = tag("h2", "A trace, as it fell out of its session")
    reasons = {case.trace_id: _reason(case) for case in quality.dataset}
    if not reasons:
        return [heading, trace_html(quality.traces[0])]
    trace = next(trace for trace in quality.traces if trace.id in reasons)
    misstep = _misstep(delivery, trace)
    label = tag("p", tag("span", "label: fail", class_="pill failed"), f" “{reasons[trace.id]}”")
    about = f"{ABOUT_LABEL} {ABOUT_MISSTEP}" if misstep else ABOUT_LABEL
    marked = [(misstep.id, misstep.content)] if misstep else []
    shown = with_mistake(trace, misstep, reasons[trace.id])
    return [heading, label, tag("p", about, class_="soft"), trace_html(shown, quotes=marked)]


def _misstep(delivery: Delivery, trace: Trace) -> Step | None:
    """The step at which the scripted agent of `trace` leaves the good path."""
    (truth,) = [truth for truth in delivery.truth if truth.trace_id == trace.id]
    wrong_id = first_misstep(trace, situations()[truth.situation])
    for step in trace.steps:
        if step.id == wrong_id:
            return step
    return None


def with_mistake(trace: Trace, misstep: Step | None, reason: str) -> Trace:
    """The trace as its page is to show it: a run that ended well is no praise for what it did, and
    the wrong step is named.
    """
    meta = dict(trace.meta)
    if "outcome" in meta:
        meta["outcome"] = f"run: {meta['outcome']}"
    if misstep:
        mistake = {"name": "mistake", "step": misstep.id, "comment": reason}
        if misstep.kind == "tool.call":
            mistake["value"] = misstep.content
        meta["scores"] = [mistake]
    return replace(trace, meta=meta)


def _figure(plot: Callable[[], "Axes"], caption: str) -> Html:
    """What `plot` draws, once for a laptop and once for a phone."""
    from toolkit.views.plots import figures_of_width

    with figures_of_width(LAPTOP_WIDTH):
        wide = plot().get_figure(root=True)
    with figures_of_width(PHONE_WIDTH):
        narrow = plot().get_figure(root=True)
    assert wide
    return render.figure(wide, caption, narrow)
