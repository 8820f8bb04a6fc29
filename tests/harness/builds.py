"""A build that is quickly made: each feature is a file with a word in it, and `cat` shows it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.harness import Budget, Evaluator, Generator, Harness, Planner, Sandbox, Workspace
from toolkit.harness.context import CLEAN, Context
from toolkit.models import Answer, Request, ScriptedModel
from toolkit.sessions import Session

GOAL = "A folder of notes."
HANDOFF = {"tried": "Writing.", "found": "Nothing.", "decided": "Plain text.", "next": "More."}
COMMIT_TIME = 1_700_000_000


def question(request: Request) -> Any:
    """The last question of a request."""
    return json.loads(request.messages[-1]["content"])


def writes(files: dict[str, str], **handoff: str) -> Answer:
    listed = [{"path": path, "content": content} for path, content in files.items()]
    return Answer(data={"files": listed, "handoff": HANDOFF | handoff})


def runs(id: str, *argv: str, **expected: Any) -> dict[str, Any]:
    """The criterion that a command does what is expected."""
    check = {"kind": "command", "argv": list(argv), **expected}
    return {"id": id, "claim": f"{id} works.", "check": check}


def reads(name: str) -> dict[str, Any]:
    """The criterion that a file holds its own name."""
    return runs(name, "cat", f"{name}.txt", stdout=[f"{name} is here"])


def right(name: str) -> dict[str, str]:
    return {f"{name}.txt": f"{name} is here"}


@dataclass
class Notes:
    """Scripted roles that build one file a feature, and what they were asked."""

    features: Sequence[str] = ()
    """None for one sprint, which writes notes.txt."""
    right_from: int = 1
    """The round of each sprint in which the Generator gets it right."""
    context: Context = CLEAN
    asked: list[Request] = field(default_factory=list)

    def plan(self, request: Request) -> Answer:
        features = [{"id": name, "what": f"A file {name}.txt."} for name in self.features]
        return Answer(data={"spec": "Write files.", "features": features})

    def generate(self, request: Request) -> Answer:
        asked = question(request)
        name = asked["feature"]["id"] if asked["feature"] else "notes"
        if asked["task"] == "propose":
            return Answer(data={"criteria": [reads(name)]})
        is_right = asked["number"] >= self.right_from
        return writes(right(name) if is_right else {f"{name}.txt": "something else"})

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
            if "summary" in (request.schema or {})["properties"]:
                return Answer(data={"summary": f"SUMMARY of {len(request.messages)} messages"})
            return policy(request)

        return ScriptedModel(ask)

    def roles(self) -> tuple[Planner, Generator, Evaluator]:
        return (
            Planner(self.model(self.plan), self.context),
            Generator(self.model(self.generate), self.context),
            Evaluator(self.model(self.evaluate), self.context),
        )

    def of_role(self, name: str) -> list[Request]:
        """The requests that one role was asked."""
        prompts = {role.system: role.name for role in self.roles()}
        return [request for request in self.asked if prompts.get(request.system or "") == name]

    def harness(self, folder: Path, session: Session, **options: Any) -> Harness:
        budget = Budget(**options.pop("budget", {}))
        roles = [*self.roles(), *options.pop("roles", ())]
        return Harness(
            roles=roles,
            workspace=Workspace(folder),
            session=session,
            budget=budget,
            sandbox=Sandbox.best(unsafe=True),
            commit_time=COMMIT_TIME,
            **options,
        )
