"""Contracts: what each sprint promised, and what its checks and verdicts showed by round."""

from dataclasses import replace
from typing import Any

from toolkit.events import Event
from toolkit.harness.evidence import Grade
from toolkit.harness.watching.plain import array_of, count_of, object_of, text_of
from toolkit.harness.watching.status import Cell, Exhibit, Line, SprintStatus

MOST_SPRINTS = 100
MOST_LINES = 60
MOST_ROUNDS = 30
MOST_EXHIBITS = 12
WHY_CHARS = 2_000


class Contracts:
    """The fold of sprints, contracts, checks and verdicts."""

    def __init__(self) -> None:
        self.sprints: dict[int, SprintStatus] = {}
        """In the order in which they began."""
        self.n_planned = 0
        self.banner = ""
        self._shown: dict[int, SprintStatus] = {}
        """Copies to give out, of the sprints that are as they were when last asked for."""
        self._before: dict[str, Cell] = {}
        """What the proposed checks showed before anything was built, by their criteria."""

    def apply(self, event: Event) -> None:
        """Take one event in."""
        data = event.data
        if event.kind == "sprint.started":
            number = count_of(data.get("sprint")) or 1
            self.n_planned = max(self.n_planned, count_of(data.get("of")))
            self._begin(SprintStatus(number, text_of(data.get("goal"))))
        elif event.kind == "contract.frozen":
            self._freeze(data)
        elif event.kind == "check.result":
            self.banner = text_of(data.get("banner")) or self.banner
            self._check(data)
        elif event.kind == "verdict":
            self._judge(data)

    def _begin(self, sprint: SprintStatus) -> None:
        """Put a sprint at the end; one of that number that was there begins anew."""
        self.sprints.pop(sprint.number, None)
        self._shown.pop(sprint.number, None)
        self._before.clear()
        if len(self.sprints) < MOST_SPRINTS:
            self.sprints[sprint.number] = sprint

    def _freeze(self, data: dict[str, Any]) -> None:
        number = count_of(data.get("sprint")) or 1
        before = dict(self._before)
        goal = self.sprints[number].goal if number in self.sprints else ""
        sprint = SprintStatus(number, goal, text_of(data.get("sha256")))
        for value in array_of(data.get("criteria"))[:MOST_LINES]:
            line = _line_of(object_of(value))
            if line.id in before:
                line.cells[0] = before[line.id]
            sprint.lines[line.id] = line
        self._begin(sprint)

    def _sprint(self, data: dict[str, Any]) -> SprintStatus | None:
        """The one that an event names, or the last. What was given out of it is out of date."""
        number = count_of(data.get("sprint"))
        if number not in self.sprints:
            number = next(reversed(self.sprints), 0)
        self._shown.pop(number, None)
        return self.sprints.get(number)

    def _check(self, data: dict[str, Any]) -> None:
        id_ = text_of(data.get("criterion"))
        number = count_of(data.get("round"))
        cell = _cell(data, "finding", is_verdict=False)
        sprint = self._sprint(data)
        earlier = count_of(data.get("regression_of"))
        if earlier:
            if sprint:
                _put(self._earlier_line(sprint, earlier, id_), number, cell)
        elif number == 0:
            if len(self._before) < MOST_LINES:
                self._before[id_] = cell
        elif sprint and id_ in sprint.lines:
            sprint.round = max(sprint.round, number)
            _put(sprint.lines[id_], number, cell)

    def _earlier_line(self, sprint: SprintStatus, earlier: int, id_: str) -> Line:
        """The line of a criterion that an earlier sprint promised."""
        key = f"{earlier}/{id_}"
        if key not in sprint.earlier and len(sprint.earlier) < MOST_LINES:
            before = self.sprints.get(earlier, SprintStatus()).lines.get(id_)
            claim = before.claim if before else ""
            kind = before.kind if before else ""
            sprint.earlier[key] = Line(key, claim, kind)
        return sprint.earlier.get(key, Line(key, ""))

    def _judge(self, data: dict[str, Any]) -> None:
        id_ = text_of(data.get("criterion"))
        number = count_of(data.get("round"))
        sprint = self._sprint(data)
        if sprint is None or id_ not in sprint.lines or not number:
            return
        sprint.round = max(sprint.round, number)
        _put(sprint.lines[id_], number, _cell(data, "verdict", is_verdict=True))

    def status(self) -> tuple[SprintStatus, ...]:
        """The sprints, in the order in which they began. What is given out does not change."""
        for number, sprint in self.sprints.items():
            if number not in self._shown:
                self._shown[number] = _copy_of(sprint)
        return tuple(self._shown[number] for number in self.sprints)


def _copy_of(sprint: SprintStatus) -> SprintStatus:
    lines = {id_: _copy_of_line(line) for id_, line in sprint.lines.items()}
    earlier = {id_: _copy_of_line(line) for id_, line in sprint.earlier.items()}
    return replace(sprint, lines=lines, earlier=earlier)


def _copy_of_line(line: Line) -> Line:
    return replace(line, cells=dict(line.cells))


def _line_of(criterion: dict[str, Any]) -> Line:
    """A criterion, as the contract has it."""
    notes = []
    if criterion.get("held_out") is True:
        notes.append("held out")
    if criterion.get("regression") is True:
        notes.append("regression")
    kind = text_of(object_of(criterion.get("check")).get("kind"))
    claim = text_of(criterion.get("claim"))[:WHY_CHARS]
    return Line(text_of(criterion.get("id")), claim, kind, tuple(notes))


def _cell(data: dict[str, Any], name: str, is_verdict: bool) -> Cell:
    """What came of a criterion. Whatever is not a pass or a fail is unscored."""
    grade: Grade = "unscored"
    if data.get(name) == "pass":
        grade = "pass"
    elif data.get(name) == "fail":
        grade = "fail"
    exhibits = []
    for value in array_of(data.get("evidence"))[:MOST_EXHIBITS]:
        file = object_of(value)
        exhibits.append(Exhibit(text_of(file.get("name")), text_of(file.get("sha256"))))
    why = text_of(data.get("why"))[:WHY_CHARS]
    return Cell(grade, why, is_verdict, tuple(exhibits))


def _put(line: Line, number: int, cell: Cell) -> None:
    """Keep a cell: a verdict stands above the check that it is about."""
    before = line.cells.get(number)
    if before and before.is_verdict and not cell.is_verdict:
        return
    if number in line.cells or len(line.cells) < MOST_ROUNDS:
        line.cells[number] = cell
