"""A small build by scripted roles: a CSV report whose first version has one planted defect.

The roles are simulated; the contract, the checks, the loop and the session are the real ones, and
the scripted answers travel through the real SDK over loopback. The commands of the checks run in a
`Sandbox`; where none runs they run without one, which is said in the figures, for these builds ship
with Fieldbook. What is reported is counted from the session's events.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from toolkit.harness.demo.defects import Defect
from toolkit.harness.demo.script import (
    Script,
    failed_criteria,
    judge_by_checks,
    question,
    run_script,
    scripted_harness,
)
from toolkit.harness.loop import Harness
from toolkit.models import Answer, Ledger, Request
from toolkit.sessions import Session


def _text(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")


GOAL = _text("goal.md")
SPEC = _text("spec.md")
CRITERIA = _text("criteria.yaml")
FIRST_VERSION = _text("report.py.txt")
DEFECT = Defect(
    "A quoted comma parts a field",
    "report.py",
    defective='rows = [line.rstrip("\\n").split(",") for line in file]',
    mended="rows = list(csv.reader(file))",
    caught_by="quoted-commas",
)


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
    if DEFECT.caught_by in failed_criteria(asked["findings"]):
        code = code.replace(DEFECT.defective, DEFECT.mended)
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
    return judge_by_checks(asked["checks"])


def _tries_a_quoted_comma(criteria: list[dict[str, Any]]) -> bool:
    inputs = [file["content"] for criterion in criteria for file in criterion["check"]["files"]]
    return any('"' in text for text in inputs)


CSV_REPORT = Script(GOAL, plan_policy, generate_policy, evaluate_policy, (DEFECT,))


@asynccontextmanager
async def demo_harness(
    folder: str | Path, session: Session, ledger: Ledger | None = None
) -> AsyncIterator[Harness]:
    """The three scripted roles over the real SDK on loopback, ready to build `GOAL` in `folder`.

    The same folder again goes on from its journal. `ledger` counts the calls, at the prices that
    they would have.
    """
    async with scripted_harness(CSV_REPORT, folder, session, ledger) as harness:
        yield harness


async def run_demo(folder: str | Path, session: Session) -> dict[str, Any]:
    """Run the small build on `session`: the fields of its `Outcome`, and what is counted from its
    events.
    """
    build = await run_script(CSV_REPORT, folder, session)
    return build.figures
