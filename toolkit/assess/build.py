"""A build as the folder of its workspace shows it. Files are read with care: another program, or a
role, may have written them. What is missing is not passed.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from toolkit.errors import UsageError
from toolkit.harness import ContractError, read_contract
from toolkit.records import read_text

FILE_BYTES = 5_000_000
MOST_ROUNDS = 1_000
ROUND = re.compile(r"round-(\d{1,6})\.json")


class BuildSeen(NamedTuple):
    """The facts of a build by their names, the file of each, and what could not be read."""

    facts: dict[str, Any]
    files: dict[str, str]
    problems: list[str]


def read_build(folder: str | Path) -> BuildSeen:
    """What the workspace at `folder` shows of its build. Raises UsageError where there is none."""
    root = Path(folder)
    seen = BuildSeen({}, {}, [])
    has_contract = (root / "contract.json").is_file()
    if not has_contract and not (root / "findings").is_dir():
        raise UsageError(f"{root}: no workspace of a harness, which has a contract.json")
    criteria = _read_criteria(root, seen)
    rounds = _read_rounds(root, seen)
    if rounds:
        _note_verdicts(rounds, criteria, seen)
    n_handoffs = _count_handoffs(root, seen)
    if n_handoffs:
        _note(seen, "progress.md", n_handoffs=n_handoffs)
    return seen


def _note(seen: BuildSeen, file: str, **facts: Any) -> None:
    seen.facts.update(facts)
    seen.files.update(dict.fromkeys(facts, file))


def _read_criteria(root: Path, seen: BuildSeen) -> set[str]:
    """The ids of the criteria that both roles signed. A contract that is there and cannot be read
    back was not kept.
    """
    path = root / "contract.json"
    if not path.is_file():
        return set()
    try:
        contract = read_contract(_bounded_text(path), path.name)
    except ContractError as error:
        seen.problems.append(f"{path}: {error}")
        _note(seen, path.name, contract_kept=False)
        return set()
    except (OSError, ValueError) as error:
        seen.problems.append(f"{path}: {error}")
        return set()
    if contract.sha256 is not None:
        _note(seen, path.name, contract_kept=True)
    return {criterion.id for criterion in contract.criteria}


def _read_rounds(root: Path, seen: BuildSeen) -> list[list[dict[str, Any]]]:
    """The verdicts of each round that was judged, in order."""
    numbered = []
    for path in (root / "findings").glob("round-*.json"):
        match = ROUND.fullmatch(path.name)
        if match and not path.is_symlink():
            numbered.append((int(match[1]), path))
    numbered.sort()
    if len(numbered) > MOST_ROUNDS:
        seen.problems.append(f"{root / 'findings'}: only the last {MOST_ROUNDS:,} rounds are read")
    rounds = []
    for _, path in numbered[-MOST_ROUNDS:]:
        try:
            rounds.append(_verdicts_in(path))
        except (OSError, ValueError, RecursionError) as error:
            seen.problems.append(f"{path}: {error}")
            rounds.append([])
    return rounds


def _verdicts_in(path: Path) -> list[dict[str, Any]]:
    record = json.loads(_bounded_text(path))
    verdicts = record.get("verdicts") if isinstance(record, dict) else record
    if not isinstance(verdicts, list):
        raise ValueError("no verdicts in it")
    return [verdict for verdict in verdicts if isinstance(verdict, dict)]


def _note_verdicts(rounds: list[list[dict[str, Any]]], criteria: set[str], seen: BuildSeen) -> None:
    """Note how the last round ended, and how often a word of the Evaluator was overruled."""
    last = {str(verdict.get("criterion")): verdict.get("verdict") for verdict in rounds[-1]}
    wanted = criteria or set(last)
    still_open = [criterion for criterion in wanted if last.get(criterion) != "pass"]
    is_complete = bool(criteria) and not still_open
    n_overruled = 0
    for verdicts in rounds:
        for verdict in verdicts:
            said_pass = verdict.get("evaluator") == "pass"
            n_overruled += said_pass and verdict.get("check") in ("fail", "unscored")
    _note(
        seen,
        "findings",
        build="complete" if is_complete else "open",
        n_rounds=len(rounds),
        n_open=len(still_open),
        n_overruled=n_overruled,
    )


def _count_handoffs(root: Path, seen: BuildSeen) -> int:
    """How many notes of progress.md a later context went on from."""
    path = root / "progress.md"
    if not path.is_file():
        return 0
    try:
        lines = _bounded_text(path).splitlines()
    except (OSError, ValueError) as error:
        seen.problems.append(f"{path}: {error}")
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
