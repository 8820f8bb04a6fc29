"""A small build by scripted roles: a CSV report whose first version has one planted defect.

The roles are simulated; the contract, the sandbox, the checks, the loop and the session are the real ones, and the
scripted answers travel through the real SDK over loopback. What is reported is counted from the session's events.
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
from toolkit.harness.outcome import Budget, Outcome
from toolkit.harness.roles import Evaluator, Generator, Planner
from toolkit.harness.workspace import Workspace
from toolkit.models import Answer, Ledger, Request, connect_model
from toolkit.sessions import Session

GOAL = (
    "A command for the bicycle shop: python report.py FILE reads sales from a CSV file (customer, region, amount) and "
    "prints the total of each region. It must be safe to run on whatever the till exports."
)
SPEC, CRITERIA, FIRST_VERSION = (
    (files(__name__) / name).read_text(encoding="utf-8") for name in ("spec.md", "criteria.yaml", "report.py.txt")
)
DEFECTIVE_LINE = 'rows = [line.rstrip("\\n").split(",") for line in file]'
MENDED_LINE = "rows = list(csv.reader(file))"
DEFECTS = {DEFECTIVE_LINE: "quoted-commas"}
"""Each text that was planted, and the criterion that must turn red as long as it is there."""


def plan_policy(_: Request) -> Answer:
    """The scripted Planner."""
    return Answer(data={"spec": SPEC})


def generate_policy(request: Request) -> Answer:
    """The scripted Generator: mends what the request's findings or objections name, and nothing else."""
    asked = question(request)
    if asked["task"] == "propose":
        criteria = yaml.safe_load(CRITERIA)
        if "missing-file" not in str([refused["objections"] for refused in asked["refused"]]):
            # The first draft takes Python's own exit code 2 for the command's refusal.
            del next(criterion for criterion in criteria if criterion["id"] == "missing-file")["stderr"]
        return Answer(data={"criteria": criteria})
    found = (asked["findings"] or {"verdicts": []})["verdicts"]
    code, note = FIRST_VERSION, "report.py does all that the contract asks."
    if any(verdict["criterion"] == "quoted-commas" and verdict["verdict"] != "pass" for verdict in found):
        code, note = code.replace(DEFECTIVE_LINE, MENDED_LINE), "The csv module reads the rows now."
    return Answer(data={"files": [{"path": "report.py", "content": code}], "handoff": note})


def evaluate_policy(request: Request) -> Answer:
    """The scripted Evaluator: wants a quoted comma in the contract, and goes by what the checks show."""
    asked = question(request)
    if asked["task"] == "review":
        tried = any('"' in file["content"] for criterion in asked["criteria"] for file in criterion["files"])
        return Answer(data={"agree": tried, "objections": [] if tried else ["No criterion tries a quoted comma."]})
    verdicts = [
        {
            "criterion": check["criterion"],
            "verdict": "pass" if check["finding"] == "pass" else "fail",
            "why": (check["stderr"].strip() or check["why"])[:200],
        }
        for check in asked["checks"]
    ]
    return Answer(data={"verdicts": verdicts})


def question(request: Request) -> dict[str, Any]:
    """What a role was asked, as the JSON that its message holds."""
    content = request.messages[0]["content"]
    text = content if isinstance(content, str) else "".join(block["text"] for block in content)
    asked: dict[str, Any] = json.loads(text)
    return asked


def count_defects(events: Iterable[Event]) -> dict[str, int]:
    """Count planted and caught defects from a run's events.

    A defect counts as planted where a file written in some round holds its text; as caught where the executed
    check of its criterion failed in that round, and the criterion passed in a later one.
    """
    events = list(events)
    written = [e.data["arguments"] for e in events if e.kind == "tool.call" and e.data["name"] == "write_file"]
    verdicts = [e.data for e in events if e.kind == "verdict"]
    planted = caught = 0
    for text, criterion in DEFECTS.items():
        rounds = {file["round"] for file in written if text in file["content"]}
        about = [verdict for verdict in verdicts if verdict["criterion"] == criterion]
        red = [verdict["round"] for verdict in about if verdict["check"] == "fail" and verdict["round"] in rounds]
        planted += bool(rounds)
        caught += any(v["verdict"] == "pass" and v["round"] > min(red) for v in about) if red else 0
    return {"defects_planted": planted, "defects_caught": caught}


@asynccontextmanager
async def demo_harness(
    folder: str | Path, session: Session, ledger: Ledger | None = None, budget: Budget | None = None
) -> AsyncIterator[Harness]:
    """The three scripted roles over the real SDK on loopback, ready to build `GOAL` in `folder`.

    The same folder again goes on from its journal. `ledger` counts the calls, at the prices that they would have.
    """
    ledger = Ledger() if ledger is None else ledger
    async with (
        connect_model(policy=plan_policy, ledger=ledger) as planner,
        connect_model(policy=generate_policy, ledger=ledger) as generator,
        connect_model(policy=evaluate_policy, ledger=ledger) as evaluator,
    ):
        roles = Planner(planner), Generator(generator), Evaluator(evaluator)
        yield Harness(*roles, Workspace(folder), session, budget or Budget())


async def run_demo(folder: str | Path, session: Session) -> dict[str, Any]:
    """Run the small build on `session` and count what its events show.

    Returns
    -------
    dict
        outcome, why, rounds, contract_hash, cost_usd (of the whole build, at the prices that the calls would have),
        model_calls, replayed_calls, defects_planted, defects_caught, criteria, passed, source.
    """
    after = (await session.conversation()).cursor
    async with demo_harness(folder, session) as harness:
        outcome = await harness.run(GOAL)
    return tell(outcome, [event async for event in session.read(after, follow=False)])


def tell(outcome: Outcome, events: Iterable[Event]) -> dict[str, Any]:
    """The figures of a run, from its outcome and its events."""
    events = list(events)
    frozen = [len(event.data["criteria"]) for event in events if event.kind == "contract.frozen"]
    last = [e.data["verdict"] for e in events if e.kind == "verdict" and e.data["round"] == outcome.rounds]
    figures = {name: value for name, value in asdict(outcome).items() if name not in ("verdicts", "sources")}
    passed = {"criteria": sum(frozen), "passed": last.count("pass")}
    return figures | count_defects(events) | passed | {"source": "+".join(outcome.sources)}
