"""Scripts: builds whose roles are simulated. The contract, the checks, the loop and the session are
the real ones, and the answers travel through the real SDK over loopback.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from toolkit.events import Event
from toolkit.harness.budget import Budget
from toolkit.harness.demo.defects import Defect, count_defects
from toolkit.harness.loop import Harness
from toolkit.harness.outcome import Outcome
from toolkit.harness.roles import PROMPTS, Evaluator, Generator, Planner
from toolkit.harness.sandbox import Sandbox
from toolkit.harness.workspace import Workspace
from toolkit.models import Answer, Ledger, Policy, Request, connect_model
from toolkit.sessions import Session

NOT_KEPT = "the promise is not kept"


@dataclass(frozen=True, slots=True)
class Script:
    """What three scripted roles build, and the defects that their first versions hold."""

    goal: str
    plan: Policy
    generate: Policy
    evaluate: Policy
    defects: tuple[Defect, ...]
    budget: Budget = field(default_factory=Budget)


def question(request: Request) -> Any:
    """What a role was asked, as the JSON that its message holds."""
    return json.loads(request.messages[-1]["content"])


def judge_by_checks(checks: Sequence[Mapping[str, Any]]) -> Answer:
    """The judgement of an Evaluator that goes by what the checks show."""
    verdicts = []
    for check in checks:
        why = check["why"]
        if check["finding"] != "pass":
            why = check.get("stderr", "").strip() or NOT_KEPT
        verdicts.append({"criterion": check["criterion"], "verdict": check["finding"], "why": why})
    return Answer(data={"verdicts": verdicts})


def failed_criteria(findings: Mapping[str, Any] | None) -> dict[str, str]:
    """The criteria that the findings of a round name, each with what was wrong."""
    failed = {}
    for verdict in findings["verdicts"] if findings else ():
        if verdict["verdict"] != "pass":
            failed[verdict["criterion"]] = verdict["why"]
    return failed


@asynccontextmanager
async def scripted_harness(
    script: Script, folder: str | Path, session: Session, ledger: Ledger | None = None
) -> AsyncIterator[Harness]:
    """The roles of `script` over the real SDK on loopback, ready to build in `folder`.

    The same folder again goes on from its journal. `ledger` counts the calls, at the prices that
    they would have. Where no sandbox runs the checks run without one, for these builds ship with
    Fieldbook.
    """
    policies = {
        PROMPTS["planner"]: script.plan,
        PROMPTS["generator"]: script.generate,
        PROMPTS["evaluator"]: script.evaluate,
    }

    def policy(request: Request) -> Answer:
        return policies[request.system or ""](request)

    async with connect_model(policy=policy, ledger=ledger) as model:
        roles = Planner(model), Generator(model), Evaluator(model)
        sandbox = Sandbox.best(unsafe=True)
        yield Harness(*roles, Workspace(folder), session, script.budget, sandbox)


@dataclass(frozen=True, slots=True)
class ScriptedBuild:
    """How a scripted build ended, and the events that tell of it."""

    outcome: Outcome
    events: tuple[Event, ...]
    defects: tuple[Defect, ...]

    @property
    def figures(self) -> dict[str, Any]:
        """The fields of the outcome, and what is counted from the events."""
        figures = asdict(self.outcome) | count_defects(self.events, self.defects)
        del figures["verdicts"]
        sources = figures.pop("sources")
        return figures | self._criteria | {"source": "+".join(sources)}

    @property
    def _criteria(self) -> dict[str, int]:
        """How many were agreed on, and how many pass by the last verdict on each."""
        promised = 0
        last: dict[tuple[str, str], str] = {}
        for event in self.events:
            if event.kind == "contract.frozen":
                promised += len(event.data["criteria"])
            elif event.kind == "verdict":
                last[event.data["contract"], event.data["criterion"]] = event.data["verdict"]
        return {"criteria": promised, "passed": list(last.values()).count("pass")}


async def run_script(script: Script, folder: str | Path, session: Session) -> ScriptedBuild:
    """Run a scripted build on `session`."""
    after = (await session.conversation()).cursor
    async with scripted_harness(script, folder, session) as harness:
        outcome = await harness.run(script.goal)
    events = tuple([event async for event in session.read(after, follow=False)])
    return ScriptedBuild(outcome, events, script.defects)
