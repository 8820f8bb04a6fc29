"""A sprint in the report of a build: its contract by its rounds, and the defects that it caught."""

from collections.abc import Sequence
from pathlib import Path

from toolkit import render
from toolkit.events import Event
from toolkit.harness.demo.defects import Defect, DefectTrail
from toolkit.harness.demo.script import NOT_KEPT
from toolkit.harness.watching import Cell, Line, SprintStatus
from toolkit.render import Html, tag
from toolkit.tour.build_evidence import evidence_html, workspace_link

WORDS = {"pass": "green", "fail": "red", "unscored": "unscored"}
LOOKS = {"pass": "pill ok", "fail": "pill failed"}
KINDS = {
    "command": "by a command",
    "exchange": "by requests to the app",
    "browse": "in Chromium",
    "state": "by the app's database",
    "judged": "by a rubric",
}
"""How a criterion of each kind is checked."""


def sprint_html(sprint: SprintStatus, trails: Sequence[DefectTrail], workspace: Path) -> Html:
    """A sprint: its contract with its checks, and the defects that they caught."""
    parts = [tag("h2", f"Sprint {sprint.number} · {sprint.goal}")]
    if sprint.lines:
        parts.append(_contract(sprint))
        parts.append(_link_to_contract(sprint, workspace))
    else:
        parts.append(tag("p", "No contract was agreed on."))
    for trail in trails:
        if trail.red and trail.defect.caught_by in sprint.lines:
            parts.append(_defect(trail, workspace))
    return tag("section", *parts)


def _contract(sprint: SprintStatus) -> Html:
    """The criteria by the rounds."""
    head = ["Criterion", "Before"]
    for number in range(1, sprint.round + 1):
        head.append(f"Round {number}")
    rows = [_row(line, sprint.round) for line in sprint.lines.values()]
    table = render.table(rows, head)
    return tag("div", table, class_="contract")


def _row(line: Line, n_rounds: int) -> list[Html]:
    """A criterion, and its grades from before anything was built to the last round."""
    row = [_criterion(line)]
    for number in range(n_rounds + 1):
        cell = line.cells.get(number)
        row.append(_grade(cell, number))
    return row


def _criterion(line: Line) -> Html:
    how = tag("span", f"{line.id}, {KINDS[line.kind]}", class_="soft")
    return render.fragment(line.claim, tag("br"), how)


def _grade(cell: Cell | None, number: int) -> Html:
    """A pill; red before anything was built alarms nobody."""
    if cell is None:
        return tag("span", "not run", class_="soft")
    look = LOOKS.get(cell.grade, "pill") if number else "pill"
    return tag("span", WORDS[cell.grade], class_=look)


def _link_to_contract(sprint: SprintStatus, workspace: Path) -> Html:
    """Where the contract stands, and whether the criteria of earlier sprints still hold."""
    path = f"sprints/{sprint.number}/contract.json"
    link = workspace_link(workspace, path, "The contract that both signed")
    return tag("p", link, ". ", *_earlier(sprint), class_="soft")


def _earlier(sprint: SprintStatus) -> list[str]:
    """A sentence a round on the criteria of earlier sprints, which are checked again."""
    n_earlier = len(sprint.earlier)
    if not n_earlier:
        return []
    sentences = []
    for number in range(1, sprint.round + 1):
        n_green = 0
        for line in sprint.earlier.values():
            cell = line.cells.get(number)
            n_green += cell is not None and cell.grade == "pass"
        sentences.append(
            f"Round {number}: of earlier sprints {n_green} of {n_earlier} criteria still hold. "
        )
    return sentences


def _defect(trail: DefectTrail, workspace: Path) -> Html:
    """A defect: what showed it, what mended it, and what shows that."""
    assert trail.red
    defect = trail.defect
    # That a promise is not kept is all that the scripted Evaluator adds to what the check saw.
    observed = trail.red.data["why"].removesuffix(f"; {NOT_KEPT}")
    heading = "Open"
    evidence = [_evidence(workspace, trail.red, "red")]
    mending = [tag("p", "It was not mended.")]
    if trail.green:
        heading = "Caught"
        evidence.append(_evidence(workspace, trail.green, "green"))
        mending = [tag("p", f"What mended it, in {defect.file}:"), _change(defect)]
    return tag(
        "article",
        tag("h3", f"{heading}: {defect.name}"),
        tag("p", f"The check {defect.caught_by} failed: {observed}."),
        tag("div", *evidence, class_="seen"),
        *mending,
        class_="defect",
    )


def _evidence(workspace: Path, verdict: Event, colour: str) -> Html:
    caption = f"Round {verdict.data['round']}: {colour}"
    return evidence_html(workspace, verdict.data["evidence"], caption)


def _change(defect: Defect) -> Html:
    before = tag("div", f"− {defect.defective}")
    after = tag("div", f"+ {defect.mended}")
    return tag("pre", before, after)
