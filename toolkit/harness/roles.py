"""Planner, Generator, Evaluator: three roles that share files and never a conversation.

Each turn is one `Request`, built from the workspace alone. What a role may not see is not in its
question: the Evaluator gets the contract, the files and the checks, and not a word of how the
Generator speaks of its work.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, ClassVar

import yaml
from pydantic import BaseModel, SkipValidation

from toolkit.harness.checks import Finding
from toolkit.harness.contract import Criterion, TextFile
from toolkit.harness.workspace import Workspace
from toolkit.models import Model, Request

TOLD = yaml.safe_load((files(__package__) / "roles.yaml").read_text(encoding="utf-8-sig"))


class Answered(BaseModel, extra="forbid"):
    """What a role answers: these fields and no others."""

    max_tokens: ClassVar[int] = 8192


class Plan(Answered):
    spec: str


class Proposal(Answered):
    criteria: SkipValidation[
        tuple[Criterion, ...]
    ]  # as they came: `propose_contract` says what is wrong with them


class Review(Answered):
    agree: bool
    objections: tuple[str, ...]


class Build(Answered):
    max_tokens = 16384
    files: tuple[TextFile, ...]
    handoff: str


class Said(Answered):
    criterion: str
    verdict: Finding
    why: str


class Judgement(Answered):
    verdicts: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """One who is asked, by a model of its own, as roles.yaml says: it `sees` what each task needs,
    and no more.
    """

    model: Model
    actor: ClassVar[str]
    system: ClassVar[str]
    sees: ClassVar[dict[str, dict[str, str]]]

    def ask(self, task: str, number: int, workspace: Workspace, shape: type[Answered]) -> Request:
        """Ask for a JSON object of `shape`; `number` is the attempt or the round."""
        asked: dict[str, Any] = {"task": task, "number": number}
        for name, place in self.sees[task].items():
            if place == "build/*":
                asked[name] = workspace.read_build()
            elif place == "proposals/*":
                asked[name] = [
                    workspace.read(f"proposals/{earlier}.json") for earlier in range(1, number)
                ]
            else:
                asked[name] = workspace.read(place.format(now=number, before=number - 1))
        message = {"role": "user", "content": json.dumps(asked, indent=1, ensure_ascii=False)}
        schema = shape.model_json_schema()
        return Request((message,), system=self.system, schema=schema, max_tokens=shape.max_tokens)


class Planner(Role):
    """Turns one to four sentences into a specification."""

    actor = "planner"
    system, sees = TOLD["planner"]["system"], TOLD["planner"]["sees"]


class Generator(Role):
    """Proposes what it will be held to, and builds it."""

    actor = "generator"
    system, sees = TOLD["generator"]["system"], TOLD["generator"]["sees"]


class Evaluator(Role):
    """Agrees on the contract, and judges each round from what was run."""

    actor = "evaluator"
    system, sees = TOLD["evaluator"]["system"], TOLD["evaluator"]["sees"]
