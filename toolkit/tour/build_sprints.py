"""The sprints of a build, folded from the events of its session."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from toolkit.events import Event

BEFORE = 0
"""The round in which the checks run before anything of a sprint is built."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A criterion of a contract, and how it stood after each round."""

    id: str
    claim: str
    kind: str
    """How it is checked."""
    grades: dict[int, str] = field(default_factory=dict)
    """By the round; `BEFORE` is what the check showed before the build."""


@dataclass(slots=True)
class SprintStory:
    """One sprint: what was promised, and what became of it."""

    number: int
    goal: str
    promises: dict[str, Promise] = field(default_factory=dict)
    """By their ids; none where no contract was agreed on."""
    checked_before: dict[str, str] = field(default_factory=dict)
    """What each check showed before the build, by criterion."""
    regressions: dict[int, dict[str, str]] = field(default_factory=dict)
    """By the round, what the checks of earlier sprints showed, by criterion."""

    @property
    def rounds(self) -> list[int]:
        """The numbers of its rounds, `BEFORE` among them."""
        numbers = {BEFORE}
        for promise in self.promises.values():
            numbers |= promise.grades.keys()
        return sorted(numbers)

    def follow(self, event: Event) -> None:
        """Take in an event of this sprint."""
        data = event.data
        if event.kind == "contract.frozen":
            for criterion in data["criteria"]:
                promise = Promise(criterion["id"], criterion["claim"], criterion["check"]["kind"])
                promise.grades[BEFORE] = self.checked_before.get(promise.id, "unscored")
                self.promises[promise.id] = promise
        elif event.kind == "check.result" and data.get("regression_of"):
            of_round = self.regressions.setdefault(data["round"], {})
            of_round[data["criterion"]] = data["finding"]
        elif event.kind == "check.result" and data["round"] == BEFORE:
            self.checked_before[data["criterion"]] = data["finding"]
        elif event.kind == "verdict":
            self.promises[data["criterion"]].grades[data["round"]] = data["verdict"]


def sprints_of(events: Iterable[Event]) -> list[SprintStory]:
    """The sprints in their order."""
    sprints: list[SprintStory] = []
    for event in events:
        if event.kind == "sprint.started":
            goal = event.data["goal"].removeprefix(f"{event.data['feature']}: ")
            sprints.append(SprintStory(event.data["sprint"], goal))
        elif sprints:
            sprints[-1].follow(event)
    return sprints
