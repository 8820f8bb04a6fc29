"""Verdict: what a judge said of one trace; and a store that keeps verdicts by judge and trace."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from toolkit.evals.judges.rubric import Finding
from toolkit.jsonl import JsonlFile
from toolkit.models import Usage
from toolkit.records import RecordError, validate
from toolkit.shown import Shown
from toolkit.traces import Source


@dataclass(frozen=True, slots=True)
class Verdict(Shown):
    """What a judge said of one trace."""

    trace_id: str
    verdict: Literal["pass", "fail"] | None
    """None is unscored: no pass, and counted."""
    critique: str
    why_unscored: str
    """Blank where there is a verdict."""
    source: Source
    """Of the reply."""
    judge: str
    """The judge's hash."""
    usage: Usage = field(default_factory=Usage)
    breakdown: dict[str, Finding] = field(default_factory=dict)
    """What was said of each criterion, by its id."""
    votes: tuple[str | None, ...] = ()
    """The verdict of each reading; None where it was unscored."""
    cost_usd: float | None = 0.0
    """Dollars for `usage`, as if none came from a tape: what was paid is in the Ledger. None
    without a price.
    """
    computed: bool = False
    """Whether code said it, and no model was asked."""
    trace_source: Source | None = None
    """Of the trace."""
    example: bool = False
    """Whether the trace, or its copy, is an example in the judge's prompt: it was told the answer.
    """

    @property
    def agreement(self) -> float | None:
        """Share of the readings that say the verdict; None where it is unscored."""
        if not self.verdict or not self.votes:
            return None
        return self.votes.count(self.verdict) / len(self.votes)


class VerdictStore(Mapping[tuple[str, str], Verdict]):
    """Verdicts by (judge hash, trace id): in memory, or with a path in an append-only JSONL file.

    With a path each verdict is fsynced before it is kept, and a new store on the path holds what
    the last one held: what was paid for is not paid twice. Of two verdicts of one judge on one
    trace the last counts. Lines that cannot be read are left in `problems`.

    >>> kept = VerdictStore()
    >>> kept.keep(Verdict("t1", "pass", "It is kind.", "", "imported", judge="ab12"))
    >>> kept["ab12", "t1"].verdict
    'pass'
    """

    def __init__(self, path: str | PathLike[str] | None = None):
        self._file = None if path is None else JsonlFile(Path(path).expanduser(), dict)
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        self.problems: tuple[RecordError, ...] = ()
        if self._file:
            self._load(self._file)

    def _load(self, file: JsonlFile) -> None:
        for number, record, error in file.lines():
            if error:
                self.problems += (error,)
                continue
            try:
                verdict = validate(Verdict, record, str(file.path), number)
            except RecordError as wrong:
                self.problems += (wrong,)
            else:
                self._verdicts[verdict.judge, verdict.trace_id] = verdict

    def keep(self, verdict: Verdict) -> None:
        """Keep `verdict`, unless it is there. With a path it is on disk when this returns."""
        key = (verdict.judge, verdict.trace_id)
        if self._verdicts.get(key) == verdict:
            return
        if self._file:
            # as a dict, in which None is written: an unscored verdict, and a price that is unknown
            self._file.append(TypeAdapter(Verdict).dump_python(verdict, mode="json"))
        self._verdicts[key] = verdict

    def __setitem__(self, key: tuple[str, str], verdict: Verdict) -> None:
        if key != (verdict.judge, verdict.trace_id):
            raise ValueError(f"a verdict is kept by its judge and its trace, and not by {key}")
        self.keep(verdict)

    def __getitem__(self, key: tuple[str, str]) -> Verdict:
        return self._verdicts[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._verdicts)

    def __len__(self) -> int:
        return len(self._verdicts)
