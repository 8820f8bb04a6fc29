"""A to-do app, built in three sprints by scripted roles: an API, a page, and views with a count.

The first version of each feature has one planted defect that only a check of the running app shows:
by requests, by its database, or in a Chromium. What the findings name is mended in the next round,
and nothing else.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from toolkit.harness.budget import Budget
from toolkit.harness.demo.defects import Defect
from toolkit.harness.demo.script import (
    Script,
    ScriptedBuild,
    failed_criteria,
    judge_by_checks,
    question,
    run_script,
)
from toolkit.harness.sandbox import TextFile
from toolkit.models import Answer, Request
from toolkit.records import validate
from toolkit.sessions import Session

PORT = 8765
SERVE = {
    "argv": ["python", "app.py", str(PORT)],
    "port": PORT,
    "ready": "/api/todos",
    "ready_s": 60,
}
BLANKS = "No criterion sends a title of blanks."
"""What the scripted Evaluator has against the first proposal."""


@dataclass(frozen=True, slots=True)
class TodoFeature:
    """One feature of the app."""

    id: str
    what: str
    criteria: tuple[dict[str, Any], ...]
    defects: tuple[Defect, ...]

    @property
    def files(self) -> list[TextFile]:
        """Its files without a defect."""
        found = []
        for file in sorted((files(__name__) / self.id).iterdir(), key=lambda file: file.name):
            content = file.read_text(encoding="utf-8")
            found.append(TextFile(file.name.removesuffix(".txt"), content))
        return found

    @property
    def first_version(self) -> list[TextFile]:
        """Its files with the defects."""
        written = self.files
        for defect in self.defects:
            written = [defect.plant(file) for file in written]
        return written


def _text(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")


FEATURES = validate(tuple[TodoFeature, ...], yaml.safe_load(_text("features.yaml")))
DEFECTS = tuple(defect for feature in FEATURES for defect in feature.defects)


def plan_policy(_: Request) -> Answer:
    """The scripted Planner."""
    features = [{"id": feature.id, "what": feature.what} for feature in FEATURES]
    return Answer(data={"spec": _text("spec.md"), "features": features})


def generate_policy(request: Request) -> Answer:
    """The scripted Generator."""
    asked = question(request)
    (feature,) = [feature for feature in FEATURES if feature.id == asked["feature"]["id"]]
    if asked["task"] == "propose":
        return _proposal(feature, asked["refused"])
    if asked["findings"] is None:
        return _build(feature.first_version, found="Nothing yet: nothing has run.")
    return _mended(asked["files"], failed_criteria(asked["findings"]))


def _mended(build: Mapping[str, str], failed: Mapping[str, str]) -> Answer:
    """What the failed criteria name is mended in the files of the build, and nothing else."""
    written = []
    for path, content in build.items():
        file = TextFile(path, content)
        for defect in DEFECTS:
            if defect.caught_by in failed:
                file = defect.mend(file)
        if file.content != content:
            written.append(file)
    return _build(written, found="; ".join(failed.values()))


def _proposal(feature: TodoFeature, refused: Sequence[dict[str, Any]]) -> Answer:
    """The criteria of a feature; one with blanks only once it was asked for."""
    objections = [objection for proposal in refused for objection in proposal["objections"]]
    criteria = []
    for criterion in feature.criteria:
        if BLANKS in objections or not _sends_blanks([criterion]):
            criteria.append(criterion)
    return Answer(data={"criteria": criteria, "serve": SERVE})


def _build(written: Sequence[TextFile], found: str) -> Answer:
    paths = ", ".join(file.path for file in written)
    handoff = {
        "tried": "The standard library of Python, and a page without a framework.",
        "found": found,
        "decided": f"Written in this round: {paths or 'nothing'}.",
        "next": "See what the checks of the running app show.",
    }
    listed = [{"path": file.path, "content": file.content} for file in written]
    return Answer(data={"files": listed, "handoff": handoff})


def evaluate_policy(request: Request) -> Answer:
    """The scripted Evaluator: wants blanks to be sent to an app that takes titles, and goes by what
    the checks show.
    """
    asked = question(request)
    if asked["task"] == "judge":
        return judge_by_checks(asked["checks"])
    criteria = asked["proposal"]["criteria"]
    takes_titles = any(_titles_sent(criterion) for criterion in criteria)
    objections = [BLANKS] if takes_titles and not _sends_blanks(criteria) else []
    return Answer(data={"agree": not objections, "objections": objections})


def _sends_blanks(criteria: Sequence[dict[str, Any]]) -> bool:
    titles = [title for criterion in criteria for title in _titles_sent(criterion)]
    return any(not title.strip() for title in titles)


def _titles_sent(criterion: dict[str, Any]) -> list[str]:
    """The titles of to-dos that the requests of a criterion add."""
    titles = []
    for request in criterion["check"].get("requests", ()):
        body = json.loads(request.get("body") or "{}")
        if "title" in body:
            titles.append(body["title"])
    return titles


TODO = Script(
    _text("goal.md"),
    plan_policy,
    generate_policy,
    evaluate_policy,
    DEFECTS,
    Budget(cost_usd=5.0, seconds=1500.0),
)


async def build_todo(folder: str | Path, session: Session) -> ScriptedBuild:
    """Build the to-do app in `folder`, on `session`."""
    return await run_script(TODO, folder, session)
