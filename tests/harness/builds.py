"""A build that is quickly made: each feature is a file with a word in it, and `cat` shows it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.harness import Budget, Evaluator, Generator, Harness, Planner, Sandbox, Workspace
from toolkit.models import Answer, Request, ScriptedModel
from toolkit.sessions import Session

GOAL = "A folder of notes."
HANDOFF = {"tried": "Writing.", "found": "Nothing.", "decided": "Plain text.", "next": "More."}


def question(request: Request) -> Any:
    """The last question of a request."""
    return json.loads(request.messages[-1]["content"])


def writes(files: dict[str, str], **handoff: str) -> Answer:
    listed = [{"path": path, "content": content} for path, content in files.items()]
    return Answer(data={"files": listed, "handoff": HANDOFF | handoff})


def reads(name: str) -> dict[str, Any]:
    """The criterion that a file holds its own name."""
    check = {
        "kind": "command",
        "argv": ["cat", f"{name}.txt"],
        "stdout": [f"{name} is here"],
    }
    return {"id": name, "claim": f"{name} is written.", "check": check}


@dataclass
class Notes:
    """Scripted roles that build one file a feature, and what they were asked."""

    names: Sequence[str] = ("notes",)
    wrong_until: int = 1
    """The round in which the Generator gets it right."""
    asked: list[Request] = field(default_factory=list)

    def plan(self, request: Request) -> Answer:
        return Answer(data={"spec": f"Write {', '.join(self.names)}."})

    def generate(self, request: Request) -> Answer:
        asked = question(request)
        name = self.names[0]
        if asked["task"] == "propose":
            return Answer(data={"criteria": [reads(name)]})
        is_right = asked["number"] >= self.wrong_until
        return writes({f"{name}.txt": f"{name} is here" if is_right else "something else"})

    def evaluate(self, request: Request) -> Answer:
        asked = question(request)
        if asked["task"] == "review":
            return Answer(data={"agree": True, "objections": []})
        verdicts = []
        for check in asked["checks"]:
            word = {"criterion": check["criterion"], "verdict": check["finding"], "why": "Seen."}
            verdicts.append(word)
        return Answer(data={"verdicts": verdicts})

    def model(self, policy: Callable[[Request], Answer]) -> ScriptedModel:
        def ask(request: Request) -> Answer:
            self.asked.append(request)
            return policy(request)

        return ScriptedModel(ask)

    def roles(self) -> tuple[Planner, Generator, Evaluator]:
        return (
            Planner(self.model(self.plan)),
            Generator(self.model(self.generate)),
            Evaluator(self.model(self.evaluate)),
        )

    def harness(self, folder: Path, session: Session, **options: Any) -> Harness:
        budget = Budget(**options.pop("budget", {}))
        roles = [*self.roles(), *options.pop("roles", ())]
        workspace = Workspace(folder)
        sandbox = Sandbox.best(unsafe=True)
        return Harness(
            roles=roles,
            workspace=workspace,
            session=session,
            budget=budget,
            sandbox=sandbox,
            **options,
        )
