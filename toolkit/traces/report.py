"""Traces, the list, and the report of how it was read: what came in, what was skipped, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import SupportsIndex, overload

from toolkit import render
from toolkit.traces.trace import Trace, title

SHOWN = 20


class SkippedRecords(UserWarning):
    """Some records could not be read; the report names each."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that was skipped."""

    record: int
    """Its place among the records or rows, counted from 1."""
    line: int | None
    """The line on which it begins; None in a frame."""
    id: str | None
    field: str | None
    """The field at fault, as ``traj.3.role``; None where the text itself is broken."""
    why: str

    def __str__(self) -> str:
        line, id_ = f", line {self.line}" if self.line else "", f" ({self.id})" if self.id else ""
        return f"record {self.record}{line}{id_}: {f'field {self.field}: ' if self.field else ''}{self.why}"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was read, and what was not."""

    path: str
    format: str
    decided: str
    """Who chose the format, and why."""
    n_traces: int
    n_steps: int
    n_tool_calls: int
    problems: tuple[Problem, ...]
    unknown_fields: tuple[str, ...]
    """Fields of records that a Trace has no place for: they are kept in its meta."""
    notes: tuple[str, ...]
    """What was changed on the way in, as an id that stood twice."""

    def __str__(self) -> str:
        counts = (
            f"{self.n_traces:,} traces, {self.n_steps:,} steps, {self.n_tool_calls:,} tool calls"
        )
        head = f"{self.path}: {counts}; {len(self.problems):,} records skipped\nformat: {self.format} ({self.decided})"
        kept = f"fields kept in meta: {', '.join(self.unknown_fields) or 'none'}"
        lines = [*self.notes, *(f"skipped {problem}" for problem in self.problems)]
        more = [f"and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []
        return "\n".join([head, kept, *lines[:SHOWN], *more])

    def _repr_html_(self) -> str:
        return render.block(render.tag("pre", self))


class Traces(list[Trace]):
    """A list of traces that remembers how it was read; a slice or a copy of it does so too."""

    def __init__(self, traces: Iterable[Trace], report: ImportReport):
        super().__init__(traces)
        self.report = report

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Trace: ...

    @overload
    def __getitem__(self, index: slice, /) -> "Traces": ...

    def __getitem__(self, index: SupportsIndex | slice, /) -> "Trace | Traces":
        if isinstance(index, slice):
            return Traces(super().__getitem__(index), self.report)
        return super().__getitem__(index)

    def copy(self) -> "Traces":
        """A shallow copy, with the same report."""
        return self[:]

    def _repr_html_(self) -> str:
        rows = [(t.id, t.source, len(t.steps), len(t.calls), title(t)) for t in self[:SHOWN]]
        table = render.table(rows, ("id", "source", "steps", "tool calls", "begins"))
        return render.block(render.tag("pre", self.report), table)
