"""The command ``fieldbook eval``: an experiment that a file describes, run to its end, alone or
with other workers.
"""

import asyncio
import json
import re
import shlex
import sys
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.commands import OUT, AsJson, teller
from toolkit.errors import UsageError, message_for_user
from toolkit.render import printable
from toolkit.tasks import stop

if TYPE_CHECKING:
    from toolkit.evals.experiments import Experiment
    from toolkit.evals.experiments.eval_config import EvalConfig
    from toolkit.evals.experiments.watching import WatchedExperiment
    from toolkit.sessions import Session

EXIT_NOT_ALL = 1
EXIT_BROKEN = 3
"""Of a config, or of what it names, from which nothing can be run."""
EXIT_INTERRUPTED = 130
PROGRESS_S = 1.0
NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def eval_(
    config: Annotated[Path, typer.Argument(help="A YAML file that describes the experiment.")],
    join: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Work with others on the experiment at this nats-server."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to save the experiment: fieldbook-out/NAME.jsonl by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run an experiment that a file describes: cases, a task, and what scores it.

    Exit 0: each trial was made. 1: some were not, and the reason is said. 3: the config, or what it
    names, cannot be used. Ctrl-C breaks it off: with a store, the same command goes on.
    """
    say = teller(as_json)
    try:
        experiment, place = asyncio.run(_run(config, join, out, say))
    except KeyboardInterrupt:
        print("fieldbook eval: broken off. " + _how_to_resume(config, join), file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except Exception as error:
        message = message_for_user(error)
        if message is None:  # a bug: its own exit code would say that some trials were not made
            traceback.print_exc()
            message = repr(error)
        print(f"fieldbook eval: {printable(message)}", file=sys.stderr)
        raise typer.Exit(EXIT_BROKEN) from None
    if as_json:
        print(json.dumps(_figures(experiment, place)))
    if not _is_complete(experiment):
        raise typer.Exit(EXIT_NOT_ALL)


async def _run(
    path: Path, join: str | None, out: Path | None, say: Any
) -> "tuple[Experiment, Path]":
    """The experiment, made and saved, and where."""
    from toolkit.evals.experiments import evaluate
    from toolkit.evals.experiments.eval_config import EvalConfig, work_of

    config = EvalConfig.load(path)
    name = config.name or path.stem
    async with AsyncExitStack() as stack:
        work = await work_of(config, path, stack)
        session = await stack.enter_async_context(_session(join or config.store, name, config))
        if join:
            await _check_planned(session, join, work.planned(config.trials))
        await stack.enter_async_context(_progress(session, say))
        experiment = await evaluate(
            work.task,
            work.dataset,
            work.scorers,
            trials=config.trials,
            concurrency=config.concurrency,
            store=session,
            name=name,
            audit=work.audit,
            budget_usd=config.budget_usd,
            timeout_s=config.timeout_s,
            stop_after_errors=config.stop_after_errors,
        )
    place = out or OUT / f"{_id_of(name)}.jsonl"
    place.parent.mkdir(parents=True, exist_ok=True)
    experiment.save(place)
    for line in _lines(experiment, config, path, join, place):
        say(line)
    return experiment, place


def _id_of(name: str) -> str:
    """The id of the session of an experiment, and the name of its file."""
    id_ = NO_NAME.sub("-", name).strip("-")[:100]
    if not id_:
        raise UsageError(f"name {name!r}: give the experiment a name with letters or digits")
    return id_


@asynccontextmanager
async def _session(store: str, name: str, config: "EvalConfig") -> "AsyncIterator[Session]":
    """The session that the experiment is kept on: on a server, in a file, or in memory."""
    from toolkit.sessions import MemoryLog, NatsLog, Session

    if "://" in store:
        async with await NatsLog.connect(store, replicas=config.replicas) as log:
            yield Session(log, _id_of(name))
    else:
        yield Session(MemoryLog(store or None), _id_of(name))


async def _check_planned(session: "Session", url: str, keys: list[str]) -> None:
    """Raise UsageError where there is no experiment to join, or another than that of the config."""
    from toolkit.evals.experiments.control import KEY_CHARS
    from toolkit.sessions.nats.server import masked

    planned = ""
    async for event in session.read(follow=False, lane="quiet"):
        if event.kind == "experiment.planned":
            planned += event.data["keys"]
    if not planned:
        raise UsageError(
            f"no experiment {session.id} was begun at {masked(url)}: begin it without --join, "
            "with the URL as the store of the config"
        )
    begins = range(0, len(planned), KEY_CHARS)
    there = {planned[begin : begin + KEY_CHARS] for begin in begins}
    if not there & {key[:KEY_CHARS] for key in keys}:
        raise UsageError(
            f"experiment {session.id} at {masked(url)} has other cases, another task or other "
            "scorers: join it with the same config, files and code"
        )


@asynccontextmanager
async def _progress(session: "Session", say: Any) -> AsyncIterator[None]:
    """Say every second how far the experiment is, while the block lasts."""
    from toolkit.evals.experiments.watching import WatchedExperiment

    watched = WatchedExperiment()

    async def follow() -> None:
        async for event in session.read(follow=True, lane="quiet"):
            watched.apply(event)

    async def tell() -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(PROGRESS_S)
            elapsed_s = time.monotonic() - began
            say(f"{elapsed_s:5.0f} s  {_standing(watched)}")

    tasks = [asyncio.create_task(follow()), asyncio.create_task(tell())]
    try:
        yield
    finally:
        for task in tasks:
            await stop(task)


def _standing(watched: "WatchedExperiment") -> str:
    """How far the experiment is, in one line."""
    from toolkit.traces.amounts import quantity

    status = watched.status()
    parts = [f"{status.n_done:,} of {quantity(status.planned, 'trial')} done"]
    counts = [f"{n:,} {word}" for word, n in status.counts.items() if n and word != "not run"]
    if counts:
        parts.append(", ".join(counts))
    if status.n_workers > 1:
        parts.append(f"{status.n_workers} workers")
    if status.money:
        parts.append(status.money)
    return "; ".join(parts)


def _lines(
    experiment: "Experiment", config: "EvalConfig", path: Path, join: str | None, place: Path
) -> list[str]:
    """What is said at the end: the summary, what it took, and what to do next."""
    from toolkit.traces.amounts import dollars, quantity

    summary = experiment.summary()
    conditions = experiment.conditions
    verb = "would have cost" if experiment.simulated else "cost"
    took = f"It {verb} {dollars(summary.cost_usd)}. "
    took += f"At once there were at most {quantity(conditions['trials_at_once'], 'trial')}"
    for provider, n_calls in conditions["calls_at_once"].items():
        took += f", {quantity(n_calls, 'call')} to {provider}"
    lines = [str(summary), took]
    if experiment.simulated:
        lines.append("What the agent says is simulated: no real model was asked")
    if conditions["halted"]:
        resume = _how_to_resume(path, join, config)
        lines.append(halted_words(conditions["halted"], summary.n_not_run, resume))
    policy = path.parent / config.policy if config.policy else Path("policy.yaml")
    command = shlex.join(["fieldbook", "gate", str(place), str(policy)])
    lines.append(f"wrote {place}. Next: {command}")
    if not config.policy:
        lines.append("policy.yaml is yours to write: notebooks/pages/gate.md says how")
    return lines


def halted_words(why: str, n_not_run: int, resume: str) -> str:
    """The sentence on a halt: where other workers made the rest, there is nothing to resume.

    >>> halted_words("its lease ran out", 0, "Call it again.")
    'This process was halted: its lease ran out. Each trial has a result all the same.'
    """
    if n_not_run:
        return f"It was halted: {why}. {resume}"
    return f"This process was halted: {why}. Each trial has a result all the same."


def _how_to_resume(path: Path, join: str | None, config: "EvalConfig | None" = None) -> str:
    """The sentence that says how to go on."""
    from toolkit.evals.experiments.eval_config import EvalConfig

    config = config or EvalConfig.load(path)
    command = ["fieldbook", "eval", str(path)]
    if not (join or config.store):
        again = shlex.join(command)
        return f"Nothing was kept: give the config a store, and {again} goes on where it stopped."
    if join:
        command += ["--join", "URL"]
    return f"What has a result is kept: {shlex.join(command)} goes on from there."


def _is_complete(experiment: "Experiment") -> bool:
    """Whether each trial was made, and one at least has a score."""
    statuses = {result.status for result in experiment.results}
    return "not run" not in statuses and "scored" in statuses


def _figures(experiment: "Experiment", place: Path) -> dict[str, Any]:
    """The figures as JSON."""
    summary = experiment.summary()
    scored = experiment.rate(unscored="exclude")
    return {
        "ok": _is_complete(experiment),
        "experiment": str(place),
        "source": experiment.source,
        "planned": summary.planned,
        "passed": summary.n_passed,
        "failed": summary.n_failed,
        "unscored": summary.n_unscored,
        "errored": summary.n_errored,
        "not_run": summary.n_not_run,
        "pass_rate": summary.pass_rate.value,
        "pass_rate_of_scored": scored.value,
        "cost_usd": summary.cost_usd,
        "trials_at_once": experiment.conditions["trials_at_once"],
        "calls_at_once": dict(experiment.conditions["calls_at_once"]),
        "halted": experiment.conditions["halted"],
    }
