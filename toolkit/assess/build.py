"""A build as the folder of its workspace shows it. Files are read with care: another program, or a
role, may have written them. What is missing is not passed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from toolkit.errors import UsageError
from toolkit.records import decode, read_text

T = TypeVar("T")
FILE_BYTES = 5_000_000
MOST_ROUNDS = 1_000
MOST_SPRINTS = 1_000
ROUND = re.compile(r"round-(\d{1,6})\.json")
MARKS = ("goal.md", "contract.json", "features.json", "findings", "sprints")
"""What a workspace holds from early on."""


class BuildSeen(NamedTuple):
    """The facts of a build by their names, and what could not be read."""

    facts: dict[str, Any]
    problems: list[str]


@dataclass(frozen=True, slots=True)
class VerdictSeen:
    """A verdict in the findings of a round."""

    criterion: str
    verdict: str
    check: str = ""
    evaluator: str = ""

    @property
    def is_overruled(self) -> bool:
        """Whether the Evaluator said pass, and what was run did not."""
        return self.evaluator == "pass" and self.check in ("fail", "unscored")


@dataclass(frozen=True, slots=True)
class RoundSeen:
    """The findings of a round. Without verdicts nothing passed in it."""

    verdicts: tuple[VerdictSeen, ...] = ()
    refused: Any = None
    objections: Any = None
    regressions: Any = None

    def n_open(self, criteria: set[str]) -> int:
        """How many criteria did not pass, and what else keeps the round open."""
        judged = {verdict.criterion for verdict in self.verdicts}
        failed = {verdict.criterion for verdict in self.verdicts if verdict.verdict != "pass"}
        n_open = len(criteria - judged) + len(failed)
        for other in (self.refused, self.objections, self.regressions):
            if other:
                n_open += 1
        return n_open


@dataclass(frozen=True, slots=True)
class FeatureSeen:
    """A line of features.json."""

    id: str
    passes: Any = None


@dataclass(frozen=True, slots=True)
class SprintSeen:
    """What the files of one sprint show."""

    criteria: set[str]
    rounds: list[RoundSeen]
    contract_kept: bool | None
    """None where no contract can be read."""

    @property
    def n_open(self) -> int:
        """How many criteria are open after the last round; all where none was judged."""
        last = self.rounds[-1] if self.rounds else RoundSeen()
        return last.n_open(self.criteria)

    @property
    def n_overruled(self) -> int:
        """How often a word of the Evaluator was overruled, in all rounds."""
        n_overruled = 0
        for each in self.rounds:
            n_overruled += sum(verdict.is_overruled for verdict in each.verdicts)
        return n_overruled


def read_build(folder: str | Path) -> BuildSeen:
    """What the workspace at `folder` shows of its build. Raises UsageError where there is none."""
    root = Path(folder)
    if not any((root / name).exists() for name in MARKS):
        raise UsageError(f"{root}: no workspace of a harness, which holds a goal.md")
    problems: list[str] = []
    sprints = [_read_sprint(place, problems) for place in _places(root)]
    if not sprints:
        problems.append(f"{root}: no contract was agreed on in it, so no build shows anything")
        return BuildSeen({}, problems)
    n_open = sum(sprint.n_open for sprint in sprints)
    n_open += _n_features_open(root / "features.json", problems)
    facts: dict[str, Any] = {
        "n_rounds": sum(len(sprint.rounds) for sprint in sprints),
        "n_open": n_open,
        "n_overruled": sum(sprint.n_overruled for sprint in sprints),
        "n_handoffs": _n_handoffs(root / "progress.md", problems),
    }
    kept = {sprint.contract_kept for sprint in sprints}
    if False in kept:
        facts["contract_kept"] = False
    elif None not in kept:
        facts["contract_kept"] = True
    if n_open:
        facts["build"] = "open"
    elif kept == {True}:
        facts["build"] = "complete"
    return BuildSeen(facts, problems)


def _places(root: Path) -> Iterator[Path]:
    """The folders that hold a contract: one for each sprint, or the workspace itself."""
    numbered = []
    for path in (root / "sprints").glob("*"):
        if path.name.isdecimal() and path.is_dir() and not path.is_symlink():
            numbered.append((int(path.name), path))
    for _, path in sorted(numbered)[:MOST_SPRINTS]:
        yield path
    if (root / "contract.json").exists() or (root / "findings").exists():
        yield root


def _read_sprint(place: Path, problems: list[str]) -> SprintSeen:
    criteria, is_kept = _read_contract(place / "contract.json", problems)
    numbered = []
    for path in (place / "findings").glob("round-*.json"):
        match = ROUND.fullmatch(path.name)
        if match:
            numbered.append((int(match[1]), path))
    rounds = []
    for _, path in sorted(numbered)[-MOST_ROUNDS:]:
        rounds.append(_read(RoundSeen, path, problems) or RoundSeen())
    return SprintSeen(criteria, rounds, is_kept)


def _read_contract(path: Path, problems: list[str]) -> tuple[set[str], bool | None]:
    """The ids of the criteria, and whether the contract is the one that both roles signed."""
    from toolkit.harness import ContractEdited, ContractError, read_contract

    text = _text(path, problems)
    if text is None:
        return set(), None
    try:
        contract = read_contract(text, path.name)
    except ContractError as error:
        problems.append(f"{path}: {error}")
        was_edited = isinstance(error, ContractEdited)
        return set(), False if was_edited else None
    criteria = {criterion.id for criterion in contract.criteria}
    is_frozen = contract.sha256 is not None
    return criteria, True if is_frozen else None


def _n_features_open(path: Path, problems: list[str]) -> int:
    """How many features do not pass. A list that cannot be read has one at least."""
    if not path.exists():
        return 0
    features = _read(list[FeatureSeen], path, problems)
    if features is None:
        return 1
    return sum(feature.passes is not True for feature in features)


def _n_handoffs(path: Path, problems: list[str]) -> int:
    """How many notes of the progress log a later round went on from."""
    text = _text(path, problems) if path.exists() else None
    notes = [line for line in (text or "").splitlines() if line.startswith("## ")]
    return max(0, len(notes) - 1)


def _read(kind: type[T], path: Path, problems: list[str]) -> T | None:
    """The JSON of a file; None, with a problem, where it is not of that kind."""
    text = _text(path, problems)
    if text is None:
        return None
    try:
        return decode(kind, text, str(path))
    except ValueError as error:
        problems.append(str(error))
        return None


def _text(path: Path, problems: list[str]) -> str | None:
    """The text of a file; None, with a problem, where it is too large, a link, or not text."""
    try:
        if path.is_symlink():
            raise ValueError("a link, which is not followed")
        size = path.stat().st_size
        if size > FILE_BYTES:
            raise ValueError(f"{size:,} bytes, and {FILE_BYTES:,} are the most that is read")
        return read_text(path)
    except (OSError, ValueError) as error:
        problems.append(f"{path}: {error}")
        return None
