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

from toolkit.harness.contract import Criterion, TextFile
from toolkit.harness.verify import Grade
from toolkit.harness.workspace import Workspace
from toolkit.models import Model, Request

ROLES = yaml.safe_load((files(__package__) / "roles.yaml").read_text(encoding="utf-8-sig"))


class RoleAnswer(BaseModel, extra="forbid"):
    """What a role answers: these fields and no others."""

    max_tokens: ClassVar[int] = 8192


class Plan(RoleAnswer):
    spec: str


class Proposal(RoleAnswer):
    # As they came: `propose_contract` says what is wrong with them.
    criteria: SkipValidation[tuple[Criterion, ...]]


class Review(RoleAnswer):
    agree: bool
    objections: tuple[str, ...]


class Build(RoleAnswer):
    max_tokens = 16384
    files: tuple[TextFile, ...]
    handoff: str


class SpokenVerdict(RoleAnswer):
    criterion: str
    verdict: Grade
    why: str


class Assessment(RoleAnswer):
    verdicts: tuple[SpokenVerdict, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """A role with a model of its own, as roles.yaml says: it `sees` what each task needs, and no
    more.
    """

    model: Model
    actor: ClassVar[str]
    system: ClassVar[str]
    sees: ClassVar[dict[str, dict[str, str]]]

    def ask(self, task: str, number: int, workspace: Workspace, shape: type[RoleAnswer]) -> Request:
        """Ask for a JSON object of `shape`; `number` is the attempt or the round."""
        question: dict[str, Any] = {"task": task, "number": number}
        for name, path in self.sees[task].items():
            if path == "build/*":
                question[name] = workspace.read_build()
            elif path == "proposals/*":
                earlier = range(1, number)
                question[name] = [workspace.read(f"proposals/{n}.json") for n in earlier]
            else:
                question[name] = workspace.read(path.format(now=number, before=number - 1))
        message = {"role": "user", "content": json.dumps(question, indent=1, ensure_ascii=False)}
        schema = shape.model_json_schema()
        return Request((message,), system=self.system, schema=schema, max_tokens=shape.max_tokens)


class Planner(Role):
    """Turns one to four sentences into a specification."""

    actor = "planner"
    system = ROLES["planner"]["system"]
    sees = ROLES["planner"]["sees"]


class Generator(Role):
    """Proposes what it will be held to, and builds it."""

    actor = "generator"
    system = ROLES["generator"]["system"]
    sees = ROLES["generator"]["sees"]


class Evaluator(Role):
    """Agrees on the contract, and judges each round from what was run."""

    actor = "evaluator"
    system = ROLES["evaluator"]["system"]
    sees = ROLES["evaluator"]["sees"]
