"""Sprints: one feature at a time, each with a contract and a folder of its own.

features.json lists them. Only ``passes`` changes in it, and only when a sprint has passed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from toolkit.harness.answers import Feature
from toolkit.harness.contract import CRITERION_ID
from toolkit.harness.outcome import Stop
from toolkit.harness.workspace import Workspace

Approach = Literal["refine", "pivot"]
"""How to go on after a round that failed: from the last attempt, or from the sprint's start."""
FEATURES = "features.json"
MAX_FEATURES = 100
CHANGED = (
    f"{FEATURES} was changed by hand: in it only passes may change, and only by the Evaluator's "
    "verdict; put it back, or begin in a new folder"
)


@dataclass(frozen=True, slots=True)
class Sprint:
    """One stretch of work with one contract."""

    goal: str
    """What its contract is for."""
    number: int = 1
    folder: str = ""
    """Of its files in the workspace, with a slash; empty where it is the only one."""
    feature: str = ""
    """The id of its feature; empty where the goal was not cut into features."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of features.json."""

    id: str
    what: str
    passes: bool = False


class FeatureList:
    """The features of a build, in the workspace. Raises Stop for a list that cannot be worked on,
    and where somebody has changed the file.
    """

    def __init__(self, workspace: Workspace, planned: Sequence[Feature]):
        fault = _fault(planned)
        if fault:
            raise Stop("halted", f"the plan's features cannot be built: {fault}")
        if not workspace.is_as_written(FEATURES):
            raise Stop("halted", CHANGED)
        self._workspace = workspace
        self._listed = [Listed(feature.id, feature.what.strip()) for feature in planned]
        if planned:
            self._write()

    def sprints(self, goal: str) -> list[Sprint]:
        """One for each feature; a single one for `goal` where there are none."""
        if not self._listed:
            return [Sprint(goal)]
        sprints = []
        for number, feature in enumerate(self._listed, 1):
            words = f"{feature.id}: {feature.what}"
            sprints.append(Sprint(words, number, f"sprints/{number}/", feature.id))
        return sprints

    @property
    def passing(self) -> tuple[str, ...]:
        """The ids of those that pass."""
        return tuple(feature.id for feature in self._listed if feature.passes)

    def check(self) -> None:
        """Raise Stop where the file says something else than is known here."""
        if self._listed and self._workspace.read(FEATURES) != self._records():
            raise Stop("halted", CHANGED)

    def mark_passed(self, id: str) -> None:
        """Note that the sprint of a feature has passed."""
        self.check()
        for index, feature in enumerate(self._listed):
            if feature.id == id:
                self._listed[index] = replace(feature, passes=True)
        self._write()

    def _records(self) -> list[dict[str, object]]:
        return [asdict(feature) for feature in self._listed]

    def _write(self) -> None:
        self._workspace.write(FEATURES, self._records())


def _fault(planned: Sequence[Feature]) -> str | None:
    """Why features cannot be built one by one; None where they can."""
    ids = [feature.id for feature in planned]
    if len(ids) > MAX_FEATURES:
        return f"there are {len(ids)}, and at most {MAX_FEATURES} are taken"
    if len(set(ids)) != len(ids):
        return "two have one id"
    for feature in planned:
        if not CRITERION_ID.fullmatch(feature.id):
            return f"{feature.id!r} is no id: 1 to 40 of a-z, 0-9, - and _"
        if not feature.what.strip():
            return f"{feature.id} does not say what it is"
    return None


def refine_or_pivot(open_so_far: Sequence[frozenset[str]]) -> Approach:
    """How to go on, from what was open after each round since the sprint began or last began again.

    >>> refine_or_pivot([frozenset({"totals"})])
    'refine'
    >>> refine_or_pivot([frozenset({"totals", "dates"}), frozenset({"totals"})])
    'refine'
    >>> refine_or_pivot([frozenset({"totals"}), frozenset({"totals"})])
    'pivot'
    """
    last_two = open_so_far[-2:]
    if len(last_two) == 2 and last_two[0] == last_two[1]:
        return "pivot"
    return "refine"
