"""Traces, the list, and the report of how it was read: what came in, what was skipped, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import SupportsIndex, overload

from toolkit import render
from toolkit.traces.trace import Trace, title

SHOWN_ROWS = 20


class SkippedRecords(UserWarning):
    """Records could not be read; the report names each."""


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
        text = f"record {self.record}"
        if self.line:
            text += f", line {self.line}"
        if self.id:
            text += f" ({self.id})"
        if self.field:
            return f"{text}: field {self.field}: {self.why}"
        return f"{text}: {self.why}"


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
        lines = [
            f"{self.path}: {self.n_traces:,} traces, {self.n_steps:,} steps, "
            f"{self.n_tool_calls:,} tool calls; {len(self.problems):,} records skipped",
            f"format: {self.format} ({self.decided})",
            f"fields kept in meta: {', '.join(self.unknown_fields) or 'none'}",
        ]
        remarks = [*self.notes, *(f"skipped {problem}" for problem in self.problems)]
        lines += remarks[:SHOWN_ROWS]
        if len(remarks) > SHOWN_ROWS:
            lines.append(f"and {len(remarks) - SHOWN_ROWS:,} more")
        return "\n".join(lines)

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
        rows = [
            (trace.id, trace.source, len(trace.steps), len(trace.calls), title(trace))
            for trace in self[:SHOWN_ROWS]
        ]
        table = render.table(rows, ("id", "source", "steps", "tool calls", "begins"))
        return render.block(render.tag("pre", self.report), table)
