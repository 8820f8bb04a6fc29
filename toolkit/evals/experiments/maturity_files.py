"""The files of a team's evals, found in a folder by what they hold, whatever they are called."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from toolkit.errors import UsageError
from toolkit.evals.experiments.policy import GatePolicy
from toolkit.evals.judges.front_matter import fields_in
from toolkit.jsonl import JsonlFile
from toolkit.records import RecordError, read_text

MOST_FILES = 1_000
HEAD_BYTES = 4_000_000
"""How much of a file is read to see what it is: the first line of a file of traces is long."""
POLICY_BYTES = 100_000
MOST_LINES = 20
"""So many lines that cannot be read, or take something back, may stand before the first."""
Kind = Literal["labels", "codebook", "verdicts", "experiment", "cases", "policy", "traces"]
FIELDS: tuple[tuple[Kind, frozenset[str]], ...] = (
    ("labels", frozenset({"trace_id", "rater", "verdict", "why"})),
    ("verdicts", frozenset({"trace_id", "verdict", "judge", "critique"})),
    ("codebook", frozenset({"label_id", "code", "status"})),
    ("codebook", frozenset({"name", "definition", "codes"})),
    ("traces", frozenset({"id", "steps"})),
    ("experiment", frozenset({"name", "planned"})),
    ("cases", frozenset({"id", "input", "label_ids"})),
)
"""What a line of each kind of file holds; the first that fits is it."""
POLICY_FIELDS = frozenset(GatePolicy.__dataclass_fields__) - {"name"}


class FoundFile(NamedTuple):
    """A file, and what it holds."""

    path: Path
    kind: Kind


def files_of(folder: str | Path) -> tuple[list[FoundFile], list[str]]:
    """The files below `folder` that say something of its evals, and what is wrong with others.

    Hidden folders are left out, and so is what is beyond the first `MOST_FILES` files. Raises
    UsageError where there is no folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"{root} is no folder: name the one that holds labels and experiments")
    files = []
    problems = []
    for number, path in enumerate(_visible_files(root)):
        if number == MOST_FILES:
            problems.append(
                f"{root}: it holds more than {MOST_FILES:,} files; the rest is not read"
            )
            break
        try:
            kind = kind_of(path)
        except (OSError, ValueError) as error:
            problems.append(f"{path}: {error}")
            continue
        if kind:
            files.append(FoundFile(path, kind))
    return files, problems


def _visible_files(root: Path) -> Iterator[Path]:
    """The files below `root` with an ending that evals have, in the order of their names.

    Links are not followed, as they may lead out of the folder or round in it.
    """
    for entry in sorted(root.iterdir()):
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _visible_files(entry)
        elif entry.suffix in (".jsonl", ".yaml", ".yml") and entry.is_file():
            yield entry


def kind_of(path: Path) -> Kind | None:
    """What a file holds; None where it is nothing of an eval. Raises OSError and RecordError for a
    file that cannot be read.
    """
    if path.suffix != ".jsonl":
        return "policy" if _is_policy(path) else None
    line = _first_object(path)
    for kind, names in FIELDS:
        if names <= line.keys():
            return kind
    return None


def _is_policy(path: Path) -> bool:
    """Whether a YAML file asks for something that a gate decides."""
    if path.stat().st_size > POLICY_BYTES:
        return False
    try:
        fields = fields_in(read_text(path), path)
    except RecordError:
        return False  # YAML of another program
    return bool(POLICY_FIELDS & fields.keys())


def _first_object(path: Path) -> dict[str, Any]:
    """The first line of a JSONL file that is an object; empty where there is none."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    text = JsonlFile(path, dict).utf8(head).decode("utf-8", "replace")
    for line in text.split("\n", MOST_LINES)[:MOST_LINES]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and "retracts" not in value:
            return value
    return {}
