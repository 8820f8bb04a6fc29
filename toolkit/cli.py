"""The command ``fieldbook``. With ``--json`` one JSON object goes to stdout, and all else to stderr."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

OUT = Path("fieldbook-out")
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for what the command leaves behind.")]


@app.callback()
def fieldbook() -> None:
    """A Jupyter-first research toolkit: does it arrive, is it good, does it hold together?"""


@app.command()
def tour(
    as_json: AsJson = False,
    memory: Annotated[bool, typer.Option("--memory", help="Use a log in memory: no server.")] = False,
    traces: Annotated[Path | None, typer.Option(help="Do the eval half on your own file of traces.")] = None,
    harness: Annotated[bool, typer.Option("--harness", help="Run the small build of the harness.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Use the real model. It costs money.")] = False,
    max_usd: Annotated[float | None, typer.Option(help="The most that --live may spend, in dollars.")] = None,
    out: Out = OUT,
) -> None:
    """See the whole idea work, on real parts, without a key."""
    if live and max_usd is None:
        _stop("--live spends real money: say how much at most, as in `--live --max-usd 0.50`")
    if traces and (harness or live):
        _stop("--traces goes without --harness and --live: nothing but deterministic scorers runs on your file")
    out.mkdir(parents=True, exist_ok=True)
    if traces:
        figures = _own_traces(traces, out)
    elif harness:
        figures = asyncio.run(_harness(out, memory))
    else:
        figures = asyncio.run(_tour(out, memory, max_usd if live else None))
    if as_json:
        print(json.dumps(figures))
    if not figures["ok"]:
        raise typer.Exit(1)


async def _tour(out: Path, memory: bool, max_usd: float | None) -> dict[str, Any]:
    from tqdm import tqdm

    from toolkit.models import connect_model
    from toolkit.tour import assess_traces, deliver, paced_policy, talks, tour_report

    _say("1. Does it arrive? Harbor's agents answer customers, each on a durable session of its own.")
    options: dict[str, Any] = {"policy": paced_policy} if max_usd is None else {"live": True, "max_usd": max_usd}
    async with connect_model(**options) as agent:
        delivery = await deliver(agent, out, memory, say=_say)
        counts = delivery.counts()
        _say("   {sent} events acknowledged, {received} received: {lost} lost, ".format(**counts)
             + "{duplicated} doubled, {reordered} out of order.".format(**counts))  # fmt: skip
        _say("2. Is it good? The traces are scored, judged, and held against simulated labels.")
        with tqdm(desc="   judging", unit=" traces", file=sys.stderr, leave=False, disable=None) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            truth = [talk.truth for talk in talks()]
            quality = await assess_traces(delivery.traces, truth, agent if max_usd else None, progress)
    found = quality.counts()
    _say(f"   {quality.alignment.title}: {quality.alignment.subtitle}.")
    _say(f"   TPR {_rate(found, 'tpr')}, TNR {_rate(found, 'tnr')}, kappa {found['kappa']:.2f}.")
    _say(f"   {found['topics']} topics in {found['traces']} traces; {found['promoted']} failures became eval cases.")
    page = out / "tour.html"
    page.write_text(tour_report(delivery, quality), encoding="utf-8")
    quality.dataset.save(out / "cases.jsonl")
    _say(f"3. Look at {page}, then open the notebooks with `fieldbook lab`, or run `fieldbook tour --harness`.")
    ok = counts["sha256_match"] and not (counts["lost"] or counts["duplicated"] or counts["reordered"])
    return {"ok": ok, "source": delivery.traces[0].source, **counts, "evals": found, "report": str(page)}


def _rate(found: dict[str, Any], name: str) -> str:
    if found[name] is None:
        return "undefined"
    low, high = found[f"{name}_interval"]
    return f"{found[name]:.2f} [{low:.2f}, {high:.2f}]"


async def _harness(out: Path, memory: bool) -> dict[str, Any]:
    from toolkit.harness import run_demo
    from toolkit.sessions import MemoryLog, NatsLog, NatsServer, Session

    _say("Planner, Generator and Evaluator build a small command, on one session. All three are scripted.")
    folder = out / "harness"
    if memory:
        figures = await _watched(run_demo, folder, Session(MemoryLog(), "harness"))
    else:
        async with NatsServer() as server, await NatsLog.connect(server.url) as log:
            figures = await _watched(run_demo, folder, Session(log, "harness"))
    _say("{outcome} after {rounds} rounds: {passed} of {criteria} criteria pass; {defects_caught} of "
         "{defects_planted} planted defects caught and mended; {model_calls} model calls, {replayed_calls} from the "
         "journal; ${cost_usd:.4f} ({source}).".format(**figures))  # fmt: skip
    _say(f"The hand-offs, the contract and the verdicts are files in {folder}.")
    caught = figures["defects_caught"] == figures["defects_planted"]
    return {"ok": figures["outcome"] == "complete" and caught, **figures}


async def _watched(run_demo: Any, folder: Path, session: Any) -> dict[str, Any]:
    """Run the demo while its session is read as anyone could read it."""
    from toolkit.sessions.log import stop

    async def watch() -> None:
        async for event in session.read():
            if line := _line(event.kind, event.actor, event.data):
                _say(f"   {line}")

    watching = asyncio.create_task(watch())
    try:
        return dict(await run_demo(folder, session))
    finally:
        await stop(watching)


def _line(kind: str, actor: str, data: dict[str, Any]) -> str:
    if kind == "contract.frozen":
        return f"contract frozen: {str(data.get('contract', data))[:80]}"
    if kind == "verdict":
        return f"{actor}: {data.get('criterion')} {data.get('verdict')}"
    if kind == "run.finished":
        return f"{actor} is done ({data.get('outcome')})"
    return ""


def _own_traces(path: Path, out: Path) -> dict[str, Any]:
    from toolkit.evals import LabelStore, score_traces
    from toolkit.tour import label_path, score_counts

    found = _read(path)
    scores = score_counts(score_traces(found))
    for name, one in scores.items():
        _say("{:>20}: {pass} pass, {fail} fail, {unscored} unscored".format(name, **one))
    labels = [label for label in LabelStore(label_path(path, out)).labels() if label.rater_kind == "human"]
    _say(f"{len(labels)} human labels: no alignment" + ("" if not labels else ", for no judge has run on this file"))
    _say(f"Label some: fieldbook lab --traces {path}")
    return {"ok": True, "source": "imported", **_import_figures(found), "scores": scores, "human_labels": len(labels)}


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="Traces in any format that Fieldbook reads.")],
    to: Annotated[Path, typer.Option("--to", help="The JSONL file to write.")],
    as_json: AsJson = False,
) -> None:
    """Read traces, say what was found, and write them as Fieldbook's JSONL."""
    from toolkit.traces import write_traces

    found = _read(file)
    write_traces(to, found)
    _say(f"wrote {len(found)} traces to {to}")
    if as_json:
        print(json.dumps({"ok": True, "to": str(to), **_import_figures(found)}))


def _read(path: Path) -> Any:
    import warnings

    from toolkit.traces import SkippedRecords, read_traces

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SkippedRecords)  # the report below names each
            found = read_traces(path)
    except (OSError, ValueError) as error:
        _stop(str(error))
    _say(str(found.report))
    return found


def _import_figures(found: Any) -> dict[str, Any]:
    report = found.report
    return {
        "format": report.format,
        "traces": report.n_traces,
        "steps": report.n_steps,
        "tool_calls": report.n_tool_calls,
        "problems": [
            problem._asdict() if hasattr(problem, "_asdict") else _fields(problem) for problem in report.problems
        ],
    }


def _fields(problem: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(problem)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    traces: Annotated[Path | None, typer.Option(help="Your own traces, for the notebooks to open.")] = None,
) -> None:
    """Open JupyterLab on the notebooks. Further options go to JupyterLab."""
    from toolkit.tour.quality import TRACES_VARIABLE

    notebooks = Path(__file__).resolve().parents[1] / "notebooks"
    if not notebooks.is_dir():
        _stop(f"{notebooks} is not there: the notebooks lie beside the package in a clone of the repository")
    if traces:
        _read(traces)
        os.environ[TRACES_VARIABLE] = str(traces.resolve())
    arguments = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={notebooks}", *context.args]
    os.execv(sys.executable, arguments)


def _say(line: str) -> None:
    print(line, file=sys.stderr if "--json" in sys.argv else sys.stdout, flush=True)


def _stop(why: str) -> Any:
    print(f"fieldbook: {why}", file=sys.stderr)
    raise typer.Exit(2)
