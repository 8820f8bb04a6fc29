"""A small build by scripted roles: a CSV report whose first version has one planted defect.

The roles are simulated; the contract, the checks, the loop and the session are the real ones, and
the scripted answers travel through the real SDK over loopback. The commands of the checks run in a
`Sandbox`; where none runs they run without one, which is said in the figures, for these builds ship
with Fieldbook. What is reported is counted from the session's events.
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
from toolkit.harness.roles import PROMPTS, Evaluator, Generator, Planner
from toolkit.harness.sandbox import Sandbox
from toolkit.harness.workspace import Workspace
from toolkit.models import Answer, Ledger, Request, connect_model
from toolkit.sessions import Session


def _text(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")


GOAL = _text("goal.md")
SPEC = _text("spec.md")
CRITERIA = _text("criteria.yaml")
FIRST_VERSION = _text("report.py.txt")
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
        return Answer(data={"criteria": _criteria(asked["refused"])})
    code = FIRST_VERSION
    handoff = {
        "tried": "Splitting each line at its commas.",
        "found": "The contract asks for no more than report.py.",
        "decided": "One file, and nothing but the standard library.",
        "next": "See what the checks show.",
    }
    findings = asked["findings"] or {"verdicts": []}
    for verdict in findings["verdicts"]:
        if verdict["criterion"] == MUST_CATCH and verdict["verdict"] != "pass":
            code = code.replace(DEFECTIVE_LINE, MENDED_LINE)
            handoff["found"] = "A quoted comma is part of a field."
            handoff["decided"] = "The csv module reads the rows now."
    return Answer(data={"files": [{"path": "report.py", "content": code}], "handoff": handoff})


def _criteria(refused: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The proposed criteria, mended where the `refused` proposals were found wanting.

    The first draft takes Python's own exit code 2 for the command's refusal.
    """
    criteria: list[dict[str, Any]] = yaml.safe_load(CRITERIA)
    objections = str([proposal["objections"] for proposal in refused])
    for criterion in criteria:
        if criterion["id"] == "missing-file" and "missing-file" not in objections:
            del criterion["check"]["stderr"]
    return criteria


def evaluate_policy(request: Request) -> Answer:
    """The scripted Evaluator: wants a quoted comma in the contract, and goes by what the checks
    show.
    """
    asked = question(request)
    if asked["task"] == "review":
        objections = []
        if not _tries_a_quoted_comma(asked["proposal"]["criteria"]):
            objections.append("No criterion tries a quoted comma.")
        return Answer(data={"agree": not objections, "objections": objections})
    verdicts = []
    for check in asked["checks"]:
        why = check["stderr"].strip() or check["why"]
        verdicts.append({"criterion": check["criterion"], "verdict": check["finding"], "why": why})
    return Answer(data={"verdicts": verdicts})


def _tries_a_quoted_comma(criteria: list[dict[str, Any]]) -> bool:
    inputs = [file["content"] for criterion in criteria for file in criterion["check"]["files"]]
    return any('"' in text for text in inputs)


def question(request: Request) -> Any:
    """What a role was asked, as the JSON that its message holds."""
    return json.loads(request.messages[0]["content"])


def count_defects(events: Iterable[Event]) -> dict[str, int]:
    """Count planted and caught defects from a run's events.

    Planted: a file written in some round holds the defective line. Caught: the executed check of
    `MUST_CATCH` failed in such a round, and the criterion passed in a later one.
    """
    refused: set[str] = set()
    written: list[dict[str, Any]] = []
    verdicts: list[dict[str, Any]] = []
    for event in list(events)[::-1]:  # a result comes after its call, so it is seen first
        if event.kind == "tool.result" and event.data["error"]:
            refused.add(event.data["call_id"])
        elif event.kind == "tool.call" and event.data["call_id"] not in refused:
            written.append(event.data["arguments"])
        elif event.kind == "verdict" and event.data["criterion"] == MUST_CATCH:
            verdicts.append(event.data)
    planted = {file["round"] for file in written if DEFECTIVE_LINE in file["content"]}
    passed = [verdict["round"] for verdict in verdicts if verdict["verdict"] == "pass"]
    red = [verdict["round"] for verdict in verdicts if verdict["check"] == "fail"]
    red_where_planted = [number for number in red if number in planted]
    caught = bool(red_where_planted) and max(passed, default=0) > min(red_where_planted)
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
        PROMPTS["planner"]: plan_policy,
        PROMPTS["generator"]: generate_policy,
        PROMPTS["evaluator"]: evaluate_policy,
    }

    def policy(request: Request) -> Answer:
        return policies[request.system or ""](request)

    async with connect_model(policy=policy, ledger=ledger) as model:
        workspace = Workspace(folder)
        roles = Planner(model), Generator(model), Evaluator(model)
        sandbox = Sandbox.best(unsafe=True)
        yield Harness(*roles, workspace, session, sandbox=sandbox)


async def run_demo(folder: str | Path, session: Session) -> dict[str, Any]:
    """Run the small build on `session`: the fields of its `Outcome`, and what is counted from its
    events.
    """
    after = (await session.conversation()).cursor
    async with demo_harness(folder, session) as harness:
        outcome = await harness.run(GOAL)
    events = [event async for event in session.read(after, follow=False)]
    criteria = 0
    passed = 0
    for event in events:
        if event.kind == "contract.frozen":
            criteria += len(event.data["criteria"])
        elif event.kind == "verdict" and event.data["round"] == outcome.rounds:
            passed += event.data["verdict"] == "pass"
    figures = asdict(outcome) | count_defects(events)
    del figures["verdicts"]
    sources = figures.pop("sources")
    return figures | {"criteria": criteria, "passed": passed, "source": "+".join(sources)}
