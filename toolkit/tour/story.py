"""The tour as the command line tells it: each part runs, says in a few sentences what it saw, and
returns figures.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from toolkit.models import Model
from toolkit.tour.delivery import Delivery, Say, deliver, paced_policy
from toolkit.tour.lessons import label_path
from toolkit.tour.onward import fieldbook, next_steps
from toolkit.tour.progress import Progress
from toolkit.tour.quality import Quality, assess_traces, score_counts
from toolkit.tour.tiles import arrived_whole, percent
from toolkit.traces import Trace, Traces
from toolkit.traces.amounts import quantity

LINE_CHARS = 160
TOUR_PARTS = 5
"""The parts of the tour that say how far they are."""


async def whole_tour(
    out: Path, say: Say, memory: bool = False, max_usd: float | None = None
) -> dict[str, Any]:
    """Deliver under kills, assess what arrived, and write ``tour.html`` and ``cases.jsonl`` to
    `out`.

    With `max_usd` the agent and the judge are a real model, which may spend that much.
    """
    from toolkit.models import connect_model

    live = max_usd is not None
    agent = connect_model(live=live, policy=None if live else paced_policy, max_usd=max_usd)
    with Progress(TOUR_PARTS) as progress:
        tell = progress.apart_from(say)
        async with agent:
            delivery = await _delivered(agent, out, memory, tell, progress)
            quality = await _assessed(delivery, agent if live else None, tell, progress)
        progress.begin("writing the report")
        page = _write_report(out, delivery, quality)
    say(f"Look at {page}. Then:")
    for command, purpose in next_steps():
        say(f"     {command:<34}  {purpose}")
    counts = delivery.counts()
    all_complete = counts["complete"] == counts["conversations"]
    return {
        "ok": arrived_whole(counts) and (live or all_complete),
        "source": source_of(delivery.traces),
        **counts,
        "evals": quality.counts(),
        "report": str(page),
    }


async def _delivered(
    agent: Model, out: Path, memory: bool, say: Say, progress: Progress
) -> Delivery:
    """The tour's first part, and what it found."""
    say("Does it arrive? Harbor's agents answer customers, each on a session of its own.")
    progress.begin("conversations, under kills")
    delivery = await deliver(agent, out, memory, say=say, progress=progress.update)
    say(
        "   {sent} events sent, {received} received: {lost} lost, {duplicated} doubled, "
        "{reordered} out of order; {complete} of {conversations} conversations complete."
        "".format(**delivery.counts())
    )
    return delivery


async def _assessed(
    delivery: Delivery, judge_model: Model | None, say: Say, progress: Progress
) -> Quality:
    """The tour's second part, and what it found."""
    say("Is it good? The traces are scored, judged, and held against simulated labels.")
    quality = await assess_traces(
        delivery.traces, delivery.truth, judge_model, progress.update, progress.begin
    )
    figures = quality.counts()
    alignment = quality.alignment
    kappa = "undefined" if alignment.kappa is None else f"{alignment.kappa:.2f}"
    say(f"   {alignment.title}: {alignment.subtitle}.")
    passed = percent(alignment.tpr)
    say(f"   The judge passes {passed} of the good answers: {alignment.rate('tpr')}.")
    say(f"   It finds {percent(alignment.tnr)} of the failures: {alignment.rate('tnr')}.")
    say(f"   Agreement beyond chance: kappa {kappa}.")
    say(
        f"   {figures['topics']} topics in {figures['traces']} traces; "
        f"{figures['promoted']} failures became eval cases."
    )
    return quality


def _write_report(out: Path, delivery: Delivery, quality: Quality) -> Path:
    """Write what the tour leaves behind. Returns the page."""
    from toolkit.tour.report import tour_report

    page = out / "tour.html"
    page.write_text(tour_report(delivery, quality), encoding="utf-8")
    quality.dataset.save(out / "cases.jsonl")
    return page


async def watched_build(out: Path, say: Say, memory: bool = False) -> dict[str, Any]:
    """Build the harness's to-do app in ``out/harness`` while its session is read as anybody could
    read it, and write ``harness.html`` to `out`.
    """
    from toolkit.harness.demo.todo import TODO, build_todo
    from toolkit.sessions import Log, MemoryLog, NatsLog, NatsServer, Session
    from toolkit.tasks import stop
    from toolkit.tour.build_report import build_report

    async def watch() -> None:
        async for event in session.read():
            line = _line(event.kind, event.actor, event.data)
            if line:
                say(f"   {line}")

    say(
        "Planner, Generator and Evaluator build a to-do app in three sprints, on one session. "
        "All three are scripted; the app, its checks and the loop are real."
    )
    warning = build_warning()
    if warning:
        say(warning)
    async with AsyncExitStack() as stack:
        log: Log = MemoryLog()
        if not memory:
            server = await stack.enter_async_context(NatsServer())
            log = await stack.enter_async_context(await NatsLog.connect(server.url))
        session = Session(log, f"build-{uuid4().hex[:6]}")
        stack.push_async_callback(stop, asyncio.create_task(watch()))
        build = await build_todo(out / "harness", session)
    figures = build.figures
    if figures["banner"]:
        say(figures["banner"])
    rounds = quantity(figures["rounds"], "round")
    say(
        f"{figures['outcome']} after {rounds} "
        "({why}): {passed} of {criteria} criteria pass; "
        "{defects_caught} of {defects_planted} planted defects caught and mended; "
        "{model_calls} model calls, {replayed_calls} from the journal; "
        "${cost_usd:.4f} ({source}).".format(**figures)
    )
    say(f"The hand-offs, the contracts and the evidence are files in {out / 'harness'}.")
    page = out / "harness.html"
    page.write_text(build_report(TODO.goal, build, out / "harness"), encoding="utf-8")
    say(f"Look at {page}.")
    caught = figures["defects_caught"] == figures["defects_planted"]
    is_ok = figures["outcome"] == "complete" and caught
    return {"ok": is_ok, **figures, "report": str(page)}


def build_warning() -> str:
    """What keeps the to-do app from being complete on this machine; empty where nothing does."""
    from toolkit.harness.checking.browsing import missing_for_browser

    missing = missing_for_browser()
    if not missing:
        return ""
    return f"It will not be complete: what a person does on the page cannot be checked. {missing}"


def _line(kind: str, actor: str, data: dict[str, Any]) -> str:
    """A line of the story about an event of the build; empty for those that are not told."""
    if kind == "contract.frozen":
        return f"both have signed: the contract is frozen as {data.get('sha256', '')[:12]}"
    if kind == "verdict":
        verdict = data.get("verdict")
        where = f"sprint {data.get('sprint')}, round {data.get('round')}"
        line = f"{where}, {actor}: {data.get('criterion')} {verdict}"
        if verdict != "pass":
            line += f": {data.get('why', '')}"
        return line[:LINE_CHARS]
    if kind == "run.finished":
        outcome = data.get("outcome")
        return f"the {actor} is done" + ("" if outcome == "complete" else f" ({outcome})")
    return ""


async def own_traces(path: Path, traces: Traces, say: Say) -> dict[str, Any]:
    """Score the `traces` read from the file at `path`; no judge runs on them. Not ok where nothing
    could be read.
    """
    from toolkit.evals import LabelStore, score_traces

    scores = score_counts(await score_traces(traces)) if traces else {}
    for name, counts in scores.items():
        say("{:>20}: {pass} pass, {fail} fail, {unscored} unscored".format(name, **counts))
    trace_ids = {trace.id for trace in traces}
    n_labels = 0
    for label in LabelStore(label_path(path), make=True).labels():
        n_labels += label.rater_kind == "human" and label.trace_id in trace_ids
    if traces:
        why = ", for no judge has run on this file" if n_labels else ""
        say(f"{quantity(n_labels, 'human label')}: no alignment{why}")
        say(f"Label some: {fieldbook()} lab --traces {path}")
    else:
        say("nothing could be read: no record of this file is a trace")
    return {
        "ok": bool(traces),
        **import_figures(traces),
        "scores": scores,
        "human_labels": n_labels,
    }


def import_figures(traces: Traces) -> dict[str, Any]:
    """What an import read, as plain data."""
    report = traces.report
    return {
        "source": source_of(traces),
        "sources": dict(Counter(trace.source for trace in traces)),
        "format": report.format,
        "forms": dict(report.forms),
        "records": report.n_records,
        "merged": report.n_merged,
        "traces": report.n_traces,
        "steps": report.n_steps,
        "tool_calls": report.n_tool_calls,
        "problems": [asdict(problem) for problem in report.problems],
        "not_understood": [asdict(remark) for remark in report.not_understood],
        "warnings": [asdict(remark) for remark in report.warnings],
        "kept_in_meta": list(report.unknown_fields),
    }


def source_of(traces: Sequence[Trace]) -> str | None:
    """The source of `traces`: ``mixed`` where they have several, None where there is no trace."""
    sources = sorted({trace.source for trace in traces})
    if len(sources) > 1:
        return "mixed"
    return sources[0] if sources else None
