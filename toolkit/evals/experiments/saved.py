"""A saved experiment: a JSONL file with what it is on its first line, and a trial a line."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from toolkit.evals.experiments.result import TrialResult
from toolkit.records import RecordError, canonical, decode, read_text, write_whole

if TYPE_CHECKING:
    from toolkit.evals.experiments.experiment import Experiment


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: what the experiment is."""

    name: str
    planned: int
    broken: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    conditions: dict[str, Any] = field(default_factory=dict)


RESULT = TypeAdapter(TrialResult)


def write_experiment(experiment: "Experiment", path: str | Path) -> None:
    """Replace the file at `path` as a whole or not at all."""
    header = Header(
        experiment.name,
        experiment.planned,
        tuple(sorted(experiment.broken)),
        tuple(sorted(experiment.free)),
        dict(experiment.conditions),
    )
    lines = [canonical(asdict(header))]
    for result in experiment.results:
        lines.append(RESULT.dump_json(result).decode())  # None is written: a score may be None
    write_whole(path, "\n".join(lines) + "\n")


def read_experiment(path: str | Path) -> tuple[dict[str, Any], tuple[TrialResult, ...]]:
    """The header and the results. Raises RecordError with the line that cannot be read."""
    lines = read_text(path).split("\n")
    if not lines[0].strip():
        raise RecordError("an experiment begins with a line of name and planned", str(path), 1)
    header = decode(Header, lines[0], str(path), 1)
    results = []
    for number, line in enumerate(lines[1:], 2):
        if line.strip():
            results.append(decode(TrialResult, line, str(path), number))
    return asdict(header), tuple(results)
