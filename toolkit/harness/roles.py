"""Roles: who takes part in a build, as data. They share files and never a conversation.

Each turn is one `Request`, built from the workspace alone. What a role may not see is not in its
question: the Evaluator gets the contract, the files and the checks, and not a word of how the
Generator speaks of its work.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml

from toolkit.errors import UsageError
from toolkit.harness.answers import (
    Assessment,
    Build,
    Notes,
    Plan,
    Proposal,
    Review,
    RoleAnswer,
    Summary,
)
from toolkit.harness.context import CLEAN, Context
from toolkit.harness.sandbox import clip
from toolkit.harness.workspace import Workspace
from toolkit.models import Model, Request
from toolkit.records import read_text
from toolkit.shown import Shown

ROLES = yaml.safe_load((files(__package__) / "roles.yaml").read_text(encoding="utf-8-sig"))
PROMPTS: dict[str, str] = {name: role["system"] for name, role in ROLES.items()}
"""Of the three roles that ship, by name."""
ROLE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")

Step = Literal["plan", "propose", "review", "before_build", "build", "after_build", "judge"]
"""The points of the loop, in their order, at which a role may be asked."""
Messages = tuple[dict[str, Any], ...]
Tool = Literal["write", "run"]
"""``write``: the files that it answers become part of the build. ``run``: checks are run for it."""


@dataclass(frozen=True, slots=True)
class Task(Shown):
    """What a role is shown and has to answer at one step."""

    sees: Mapping[str, str]
    """The names in its question, each with a path in the workspace: nothing else is shown.

    ``{sprint}`` is the folder of the sprint, ``{now}`` the attempt or round, ``{before}`` the one
    before it. ``build/*`` are the files of the attempt, ``proposals/*`` the earlier proposals.
    """
    answers: type[RoleAnswer]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a build a question is asked."""

    number: int = 1
    """The attempt or the round."""
    folder: str = ""
    """Of the sprint in the workspace, with its slash; empty where there is only one."""


@dataclass(frozen=True)
class Role(Shown):
    """A role: a model with a prompt, what it sees, what it answers, its tools, and its step.

    Raises UsageError where a role that judges could write, or its name is no name.

    >>> Role("tester", None, "Look for what breaks.", {"files": "build/*"}).step
    'after_build'
    """

    name: str
    """1 to 40 of a-z, 0-9, - and _: it signs what the role does, on the session and in files."""
    model: Model
    prompt: str | Path
    """The text of its system prompt, or the file that holds it."""
    sees: Mapping[str, str] = field(default_factory=dict)
    """As `Task.sees`, at its `step`."""
    answers: type[RoleAnswer] = Notes
    step: Step = "after_build"
    tools: tuple[Tool, ...] = ()
    also: Mapping[Step, Task] = field(default_factory=dict)
    """Further steps at which it is asked."""
    context: Context = CLEAN
    """How long its conversation goes on."""

    def __post_init__(self) -> None:
        if not ROLE_NAME.fullmatch(self.name):
            raise UsageError(f"role {self.name!r}: a name is 1 to 40 of a-z, 0-9, - and _")
        judges = {"review", "judge"} & self.tasks.keys()
        if judges and "write" in self.tools:
            raise UsageError(f"role {self.name}: who judges does not write: take the tool away")

    @property
    def tasks(self) -> dict[Step, Task]:
        """What it is asked at each of its steps."""
        return {self.step: Task(self.sees, self.answers), **self.also}

    @property
    def system(self) -> str:
        """Its prompt."""
        return read_text(self.prompt) if isinstance(self.prompt, Path) else self.prompt

    def question(self, step: Step, place: Place, workspace: Workspace) -> dict[str, Any]:
        """What the role is shown at `step`, by its names."""
        question: dict[str, Any] = {"task": step, "number": place.number}
        for name, path in self.tasks[step].sees.items():
            question[name] = _shown(path, place, workspace)
        return question

    def request(self, step: Step, messages: Messages) -> Request:
        """The request of one turn, for an answer of the shape that `step` wants."""
        answers = self.tasks[step].answers
        schema = answers.model_json_schema()
        return Request(messages, system=self.system, schema=schema, max_tokens=answers.max_tokens)

    def sum_up(self, messages: Messages) -> Request:
        """The request that sums its conversation up."""
        schema = Summary.model_json_schema()
        max_tokens = Summary.max_tokens
        return Request(messages, system=self.system, schema=schema, max_tokens=max_tokens)


def _shown(path: str, place: Place, workspace: Workspace) -> Any:
    """What stands at a path of `Task.sees`."""
    if path == "build/*":
        return workspace.read_build()
    if path == "proposals/*":
        earlier = range(1, place.number)
        return [workspace.read(f"{place.folder}proposals/{number}.json") for number in earlier]
    before = place.number - 1
    value = workspace.read(path.format(now=place.number, before=before, sprint=place.folder))
    return clip(value) if isinstance(value, str) else value


class Planner(Role):
    """Turns one to four sentences into a specification."""

    def __init__(self, model: Model, context: Context = CLEAN):
        sees = ROLES["planner"]["sees"]
        super().__init__(
            "planner", model, PROMPTS["planner"], sees["plan"], Plan, "plan", context=context
        )


class Generator(Role):
    """Proposes what it will be held to, and builds it."""

    def __init__(self, model: Model, context: Context = CLEAN):
        sees = ROLES["generator"]["sees"]
        propose = Task(sees["propose"], Proposal)
        super().__init__(
            "generator",
            model,
            PROMPTS["generator"],
            sees["build"],
            Build,
            "build",
            ("write",),
            {"propose": propose},
            context,
        )


class Evaluator(Role):
    """Agrees on the contract, and judges each round from what was run."""

    def __init__(self, model: Model, context: Context = CLEAN):
        sees = ROLES["evaluator"]["sees"]
        review = Task(sees["review"], Review)
        super().__init__(
            "evaluator",
            model,
            PROMPTS["evaluator"],
            sees["judge"],
            Assessment,
            "judge",
            ("run",),
            {"review": review},
            context,
        )


NEEDED: tuple[tuple[Step, type[RoleAnswer]], ...] = (
    ("plan", Plan),
    ("propose", Proposal),
    ("review", Review),
    ("build", Build),
    ("judge", Assessment),
)
"""What a build cannot do without: one role for each."""


class Crew:
    """The roles of a build. Raises UsageError where one that it needs is missing or there twice."""

    def __init__(self, roles: Sequence[Role]):
        names = [role.name for role in roles]
        if len(set(names)) != len(names):
            raise UsageError(f"two roles have one name: {', '.join(sorted(names))}")
        self.roles = tuple(roles)
        self._at = {step: self._only(step, answers) for step, answers in NEEDED}

    def _only(self, step: Step, answers: type[RoleAnswer]) -> Role:
        able = []
        for role in self.roles:
            task = role.tasks.get(step)
            if task and issubclass(task.answers, answers):
                able.append(role)
        if len(able) != 1:
            raise UsageError(
                f"{len(able)} roles answer a {answers.__name__} at {step}, and a build needs one: "
                "pass Planner, Generator and Evaluator, or roles of your own in their place"
            )
        return able[0]

    def at(self, step: Step) -> Role:
        """The one role that a build cannot do without at `step`."""
        return self._at[step]

    def others(self, step: Step) -> list[Role]:
        """The roles beside it, in their order."""
        asked = [role for role in self.roles if step in role.tasks]
        return [role for role in asked if role is not self._at.get(step)]
