"""A small build by scripted roles: a CSV report whose first version has one planted defect.

The roles are simulated; the contract, the sandbox, the checks, the loop and the session are the
real ones, and the scripted answers travel through the real SDK over loopback. What is reported is
counted from the session's events.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from toolkit.events import Event
from toolkit.harness.loop import Harness
from toolkit.harness.roles import Evaluator, Generator, Planner
from toolkit.harness.workspace import Workspace
from toolkit.models import Answer, Ledger, Request, connect_model
from toolkit.sessions import Session

GOAL, SPEC, CRITERIA, FIRST_VERSION = (
    (files(__name__) / name).read_text(encoding="utf-8")
    for name in ("goal.md", "spec.md", "criteria.yaml", "report.py.txt")
)
DEFECTIVE_LINE = 'rows = [line.rstrip("\\n").split(",") for line in file]'
MENDED_LINE = "rows = list(csv.reader(file))"
MUST_CATCH = "quoted-commas"
"""The criterion that must turn red as long as the defective line is there."""


def plan_policy(_: Request) -> Answer:
    """The scripted Planner."""
    return Answer(data={"spec": SPEC})


def generate_policy(request: Request) -> Answer:
    """The scripted Generator: mends what the request's findings or objections name, and nothing
    else.
    """
    asked = question(request)
    if asked["task"] == "propose":
        criteria = yaml.safe_load(CRITERIA)
        if "missing-file" not in str([refused["objections"] for refused in asked["refused"]]):
            # The first draft takes Python's own exit code 2 for the command's refusal.
            del next(criterion for criterion in criteria if criterion["id"] == "missing-file")[
                "stderr"
            ]
        return Answer(data={"criteria": criteria})
    code, note = FIRST_VERSION, "report.py does all that the contract asks."
    for verdict in asked["findings"]["verdicts"] if asked["findings"] else ():
        if verdict["criterion"] == MUST_CATCH and verdict["verdict"] != "pass":
            code, note = (
                code.replace(DEFECTIVE_LINE, MENDED_LINE),
                "The csv module reads the rows now.",
            )
    return Answer(data={"files": [{"path": "report.py", "content": code}], "handoff": note})


def evaluate_policy(request: Request) -> Answer:
    """The scripted Evaluator: wants a quoted comma in the contract, and goes by what the checks
    show.
    """
    asked = question(request)
    if asked["task"] == "review":
        tried = any(
            '"' in file["content"] for one in asked["proposal"]["criteria"] for file in one["files"]
        )
        return Answer(
            data={
                "agree": tried,
                "objections": [] if tried else ["No criterion tries a quoted comma."],
            }
        )
    said = [
        {
            "criterion": one["criterion"],
            "verdict": one["finding"],
            "why": one["stderr"].strip() or one["why"],
        }
        for one in asked["checks"]
    ]
    return Answer(data={"verdicts": said})


def question(request: Request) -> Any:
    """What a role was asked, as the JSON that its message holds."""
    return json.loads(request.messages[0]["content"])


def count_defects(events: Iterable[Event]) -> dict[str, int]:
    """Count planted and caught defects from a run's events.

    Planted: a file written in some round holds the defective line. Caught: the executed check of
    `MUST_CATCH` failed in such a round, and the criterion passed in a later one.
    """
    events = list(events)
    refused = {e.data["call_id"] for e in events if e.kind == "tool.result" and e.data["error"]}
    written = [
        e.data["arguments"]
        for e in events
        if e.kind == "tool.call" and e.data["call_id"] not in refused
    ]
    verdicts = [e.data for e in events if e.kind == "verdict" and e.data["criterion"] == MUST_CATCH]
    planted = {file["round"] for file in written if DEFECTIVE_LINE in file["content"]}
    red = [
        verdict["round"]
        for verdict in verdicts
        if verdict["check"] == "fail" and verdict["round"] in planted
    ]
    passed = [verdict["round"] for verdict in verdicts if verdict["verdict"] == "pass"]
    caught = bool(red) and max(passed, default=0) > min(red)
    return {"defects_planted": int(bool(planted)), "defects_caught": int(caught)}


@asynccontextmanager
async def demo_harness(
    folder: str | Path, session: Session, ledger: Ledger | None = None
) -> AsyncIterator[Harness]:
    """The three scripted roles over the real SDK on loopback, ready to build `GOAL` in `folder`.

    The same folder again goes on from its journal. `ledger` counts the calls, at the prices that
    they would have.
    """
    policies = {
        Planner.system: plan_policy,
        Generator.system: generate_policy,
        Evaluator.system: evaluate_policy,
    }
    async with connect_model(
        policy=lambda request: policies[request.system or ""](request), ledger=ledger
    ) as model:
        yield Harness(
            Planner(model), Generator(model), Evaluator(model), Workspace(folder), session
        )


async def run_demo(folder: str | Path, session: Session) -> dict[str, Any]:
    """Run the small build on `session`: the fields of its `Outcome`, and what is counted from its
    events.
    """
    after = (await session.conversation()).cursor
    async with demo_harness(folder, session) as harness:
        outcome = await harness.run(GOAL)
    events = [event async for event in session.read(after, follow=False)]
    frozen = [len(event.data["criteria"]) for event in events if event.kind == "contract.frozen"]
    last = [
        e.data["verdict"]
        for e in events
        if e.kind == "verdict" and e.data["round"] == outcome.rounds
    ]
    figures = (
        asdict(outcome)
        | {"criteria": sum(frozen), "passed": last.count("pass")}
        | count_defects(events)
    )
    del figures["verdicts"]
    return figures | {"source": "+".join(figures.pop("sources"))}
