"""A build as the folder of its workspace shows it. Files are read with care: another program, or a
role, may have written them. What is missing is not passed.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from toolkit.errors import UsageError
from toolkit.records import read_text

FILE_BYTES = 5_000_000
MOST_ROUNDS = 1_000
MOST_SPRINTS = 1_000
ROUND = re.compile(r"round-(\d{1,6})\.json")
MARKS = ("goal.md", "contract.json", "features.json", "findings", "sprints")
"""What a workspace holds from early on."""
EDITED = "differs from what both signed"
"""What `read_contract` says of a contract that was changed since."""
OPEN_BY = ("refused", "objections", "regressions")
"""What keeps a round open though each of its criteria passed."""


class SprintSeen(NamedTuple):
    """What the files of one sprint show."""

    n_rounds: int
    n_open: int
    """Criteria that did not pass in the last round, and other reasons why it is open."""
    n_overruled: int
    contract_kept: bool | None
    """None where no contract can be read."""

    @property
    def is_complete(self) -> bool:
        """Whether its contract was kept, and all of it passed."""
        return bool(self.contract_kept and self.n_rounds and not self.n_open)


class BuildSeen(NamedTuple):
    """The facts of a build by their names, and what could not be read."""

    facts: dict[str, Any]
    problems: list[str]


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
    n_features_open = _features_open(root / "features.json", problems)
    n_open = sum(sprint.n_open for sprint in sprints)
    facts: dict[str, Any] = {
        "n_rounds": sum(sprint.n_rounds for sprint in sprints),
        "n_open": n_open + n_features_open,
        "n_overruled": sum(sprint.n_overruled for sprint in sprints),
        "n_handoffs": _count_handoffs(root / "progress.md", problems),
    }
    kept = {sprint.contract_kept for sprint in sprints}
    if False in kept:
        facts["contract_kept"] = False
    elif None not in kept:
        facts["contract_kept"] = True
    if n_open or n_features_open:
        facts["build"] = "open"
    elif all(sprint.is_complete for sprint in sprints):
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
    rounds = _read_rounds(place / "findings", problems)
    n_overruled = sum(_n_overruled(_verdicts_in(record)) for record in rounds)
    n_open = _n_open(criteria, rounds[-1]) if rounds else len(criteria)
    return SprintSeen(len(rounds), n_open, n_overruled, is_kept)


def _read_contract(path: Path, problems: list[str]) -> tuple[set[str], bool | None]:
    """The ids of the criteria, and whether the contract is the one that both roles signed."""
    from toolkit.harness import ContractError, read_contract

    try:
        text = _bounded_text(path)
        contract = read_contract(text, path.name)
    except ContractError as error:
        problems.append(f"{path}: {error}")
        return set(), False if EDITED in str(error) else None
    except (OSError, ValueError) as error:
        problems.append(f"{path}: {error}")
        return set(), None
    criteria = {criterion.id for criterion in contract.criteria}
    return criteria, True if contract.sha256 else None


def _read_rounds(folder: Path, problems: list[str]) -> list[dict[str, Any]]:
    """The findings of each round that was judged, in order; empty for one that cannot be read."""
    numbered = []
    for path in folder.glob("round-*.json"):
        match = ROUND.fullmatch(path.name)
        if match:
            numbered.append((int(match[1]), path))
    rounds = []
    for _, path in sorted(numbered)[-MOST_ROUNDS:]:
        record = None
        try:
            record = json.loads(_bounded_text(path))
            if not isinstance(record, dict):
                problems.append(f"{path}: no findings in it")
        except (OSError, ValueError, RecursionError) as error:
            problems.append(f"{path}: {error}")
        rounds.append(record if isinstance(record, dict) else {})
    return rounds


def _verdicts_in(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The verdicts of a round; none where they cannot be read."""
    verdicts = record.get("verdicts")
    if not isinstance(verdicts, list):
        return []
    return [verdict for verdict in verdicts if isinstance(verdict, dict)]


def _n_open(criteria: set[str], last: dict[str, Any]) -> int:
    """How many criteria did not pass in the last round, and what else keeps it open."""
    passed = set()
    judged = set()
    for verdict in _verdicts_in(last):
        judged.add(str(verdict.get("criterion")))
        if verdict.get("verdict") == "pass":
            passed.add(str(verdict.get("criterion")))
    n_other = sum(bool(last.get(name)) for name in OPEN_BY)
    return len((criteria | judged) - passed) + n_other


def _n_overruled(verdicts: list[dict[str, Any]]) -> int:
    """How often the Evaluator said pass, and what was run did not."""
    n_overruled = 0
    for verdict in verdicts:
        said_pass = verdict.get("evaluator") == "pass"
        n_overruled += said_pass and verdict.get("check") in ("fail", "unscored")
    return n_overruled


def _features_open(path: Path, problems: list[str]) -> int:
    """How many features of the list do not pass. A list that cannot be read has one at least."""
    if not path.exists():
        return 0
    try:
        features = json.loads(_bounded_text(path))
        return sum(feature["passes"] is not True for feature in features)
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        problems.append(f"{path}: {type(error).__name__}: {error}")
        return 1


def _count_handoffs(path: Path, problems: list[str]) -> int:
    """How many notes of the progress log a later round went on from."""
    if not path.is_file():
        return 0
    try:
        lines = _bounded_text(path).splitlines()
    except (OSError, ValueError) as error:
        problems.append(f"{path}: {error}")
        return 0
    n_notes = sum(line.startswith("## ") for line in lines)
    return max(0, n_notes - 1)


def _bounded_text(path: Path) -> str:
    if path.is_symlink():
        raise ValueError("a link, which is not followed")
    size = path.stat().st_size
    if size > FILE_BYTES:
        raise ValueError(f"{size:,} bytes, of which nothing is read: {FILE_BYTES:,} are the most")
    return read_text(path)
