"""Contracts: what each sprint promised, and what its checks and verdicts showed by round."""

from dataclasses import replace

from toolkit.events import Event
from toolkit.harness.evidence import Grade
from toolkit.harness.watching.plain import Fields, count_in, object_in, objects_in, text_in
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
        self._copies: dict[int, SprintStatus] = {}
        """Copies to give out, of the sprints that are as they were when last asked for."""
        self._before: dict[str, Cell] = {}
        """What the proposed checks showed before anything was built, by their criteria."""

    def apply(self, event: Event) -> None:
        """Take one event in."""
        if event.kind == "sprint.started":
            self._start(event.data)
        elif event.kind == "contract.frozen":
            self._freeze(event.data)
        elif event.kind == "check.result":
            self._check(event.data)
        elif event.kind == "verdict":
            cell = _cell(event.data, "verdict")
            self._put_in_round(event.data, replace(cell, is_verdict=True))

    def _start(self, data: Fields) -> None:
        n_planned = count_in(data, "of")
        self.n_planned = max(self.n_planned, n_planned)
        goal = text_in(data, "goal")
        self._append(SprintStatus(_number(data), goal))

    def _freeze(self, data: Fields) -> None:
        """The contract of a sprint takes the place of what was there, but for its goal."""
        number = _number(data)
        started = self.sprints.get(number)
        sprint = SprintStatus(number, goal=started.goal if started else "")
        sprint.sha256 = text_in(data, "sha256")
        for criterion in objects_in(data, "criteria", MOST_LINES):
            line = _line(criterion)
            cell = self._before.get(line.id)
            if cell:
                line.cells[0] = cell
            sprint.lines[line.id] = line
        self._append(sprint)

    def _append(self, sprint: SprintStatus) -> None:
        """Put a sprint at the end; one of that number that was there begins anew."""
        self.sprints.pop(sprint.number, None)
        self._copies.pop(sprint.number, None)
        self._before.clear()
        if len(self.sprints) < MOST_SPRINTS:
            self.sprints[sprint.number] = sprint

    def _check(self, data: Fields) -> None:
        """A check shows what an earlier sprint promised, what holds before the build, or a round of
        the sprint under way.
        """
        self.banner = text_in(data, "banner") or self.banner
        cell = _cell(data, "finding")
        if count_in(data, "regression_of"):
            self._put_in_earlier(data, cell)
        elif count_in(data, "round"):
            self._put_in_round(data, cell)
        elif len(self._before) < MOST_LINES:
            id_ = text_in(data, "criterion")
            self._before[id_] = cell

    def _put_in_round(self, data: Fields, cell: Cell) -> None:
        """Keep the cell of a criterion that this sprint promises."""
        sprint = self._sprint_to_change(data)
        id_ = text_in(data, "criterion")
        number = count_in(data, "round")
        if sprint is None or id_ not in sprint.lines or number == 0:
            return
        sprint.round = max(sprint.round, number)
        _put(sprint.lines[id_], number, cell)

    def _put_in_earlier(self, data: Fields, cell: Cell) -> None:
        """Keep the cell of a criterion that an earlier sprint promised."""
        sprint = self._sprint_to_change(data)
        if sprint is None:
            return
        earlier = count_in(data, "regression_of")
        id_ = text_in(data, "criterion")
        key = f"{earlier}/{id_}"
        if key not in sprint.earlier:
            if len(sprint.earlier) >= MOST_LINES:
                return
            sprint.earlier[key] = self._promise(key, earlier, id_)
        number = count_in(data, "round")
        _put(sprint.earlier[key], number, cell)

    def _promise(self, key: str, earlier: int, id_: str) -> Line:
        """The line of a criterion as an earlier sprint has it, without its cells."""
        sprint = self.sprints.get(earlier)
        line = sprint.lines.get(id_) if sprint else None
        if line is None:
            return Line(key, claim="")
        return Line(key, line.claim, line.kind)

    def _sprint_to_change(self, data: Fields) -> SprintStatus | None:
        """The sprint that an event names, or the last. Its copy is out of date from now on."""
        number = count_in(data, "sprint")
        if number not in self.sprints:
            number = next(reversed(self.sprints), 0)
        self._copies.pop(number, None)
        return self.sprints.get(number)

    def status(self) -> tuple[SprintStatus, ...]:
        """The sprints, in the order in which they began. What is given out does not change."""
        for number, sprint in self.sprints.items():
            if number not in self._copies:
                self._copies[number] = _copy(sprint)
        return tuple(self._copies[number] for number in self.sprints)


def _number(data: Fields) -> int:
    """The sprint's number; a build without sprints has one, the first."""
    return count_in(data, "sprint") or 1


def _line(criterion: Fields) -> Line:
    """A criterion, as the contract has it."""
    claim = text_in(criterion, "claim")[:WHY_CHARS]
    check = object_in(criterion, "check")
    line = Line(text_in(criterion, "id"), claim, text_in(check, "kind"))
    if criterion.get("held_out") is True:
        line.notes += ("held out",)
    if criterion.get("regression") is True:
        line.notes += ("regression",)
    return line


def _cell(data: Fields, grade_name: str) -> Cell:
    """What a check shows of a criterion, or a verdict says."""
    grade = _grade(data.get(grade_name))
    why = text_in(data, "why")[:WHY_CHARS]
    return Cell(grade, why, is_verdict=False, evidence=_exhibits(data))


def _grade(value: object) -> Grade:
    """A grade: whatever is not a pass or a fail is unscored."""
    if value == "pass":
        return "pass"
    if value == "fail":
        return "fail"
    return "unscored"


def _exhibits(data: Fields) -> tuple[Exhibit, ...]:
    exhibits = []
    for file in objects_in(data, "evidence", MOST_EXHIBITS):
        name = text_in(file, "name")
        sha256 = text_in(file, "sha256")
        exhibits.append(Exhibit(name, sha256))
    return tuple(exhibits)


def _put(line: Line, number: int, cell: Cell) -> None:
    """Keep a cell: a verdict stands above the check that it is about."""
    before = line.cells.get(number)
    if before and before.is_verdict and not cell.is_verdict:
        return
    if number in line.cells or len(line.cells) < MOST_ROUNDS:
        line.cells[number] = cell


def _copy(sprint: SprintStatus) -> SprintStatus:
    lines = _copies(sprint.lines)
    earlier = _copies(sprint.earlier)
    return replace(sprint, lines=lines, earlier=earlier)


def _copies(lines: dict[str, Line]) -> dict[str, Line]:
    copies = {}
    for id_, line in lines.items():
        copies[id_] = replace(line, cells=dict(line.cells))
    return copies
