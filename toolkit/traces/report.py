"""What an import found: the traces, and a report of what was read, skipped and not understood."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from toolkit import render
from toolkit.traces.trace import Trace

TRACES_SHOWN = 10
SHOWN = 20
TITLE_CHARS = 60


class SkippedRecords(UserWarning):
    """Some records could not be read; the report names each."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that was skipped."""

    record: int
    """Its place among the records of the file, counted from 1 (rows of a table or frame too)."""
    line: int | None
    """The line of the file on which it begins; None in a frame."""
    id: str | None
    """Its id, where that could still be read."""
    field: str | None
    """The field at fault, as ``traj.3.role``; None where the text itself is broken."""
    why: str
    """What is wrong, in words."""

    def __str__(self) -> str:
        place = f"record {self.record}" + (f", line {self.line}" if self.line else "")
        named = f" ({self.id})" if self.id else ""
        return f"{place}{named}: {f'field {self.field}: ' if self.field else ''}{self.why}"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was read, and what was not."""

    path: str
    """The file, or ``DataFrame``."""
    format: str
    """The name of the format."""
    decided: str
    """Who chose the format, and why."""
    n_traces: int
    n_steps: int
    n_tool_calls: int
    problems: tuple[Problem, ...] = ()
    """The records that were skipped."""
    unknown_fields: tuple[str, ...] = ()
    """Fields that the format does not know, kept in `Trace.meta`, or (``steps.name``) in `Step.data`."""
    notes: tuple[str, ...] = ()
    """What was changed on the way in, as an id that stood twice."""

    @property
    def n_skipped(self) -> int:
        """How many records were skipped."""
        return len(self.problems)

    def lines(self) -> list[str]:
        """The report in words, without the records skipped."""
        lines = [
            f"{self.path}: {self.n_traces:,} traces, {self.n_steps:,} steps, "
            f"{self.n_tool_calls:,} tool calls; {self.n_skipped:,} records skipped",
            f"format: {self.format} ({self.decided})",
        ]
        if self.unknown_fields:
            more = len(self.unknown_fields) - SHOWN
            names = ", ".join(self.unknown_fields[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")
            lines.append(f"unknown fields, kept: {names}")
        return lines

    def __str__(self) -> str:
        return "\n".join([*self.lines(), *self.notes, *(f"skipped {problem}" for problem in self.problems)])

    def _repr_html_(self) -> str:
        return render.block(report_html(self))


class Traces(list[Trace]):
    """A list of traces that remembers how it was read."""

    def __init__(self, traces: Iterable[Trace], report: ImportReport):
        super().__init__(traces)
        self.report = report

    def _repr_html_(self) -> str:
        head = ("id", "source", "steps", "tool calls", "begins")
        rows = [(t.id, t.source, len(t.steps), len(t.calls), title(t)) for t in self[:TRACES_SHOWN]]
        more = len(self) - len(rows)
        tail = render.tag("p", f"and {more:,} more") if more > 0 else ""
        return render.block(report_html(self.report), render.table(rows, head), tail)


def title(trace: Trace, chars: int = TITLE_CHARS) -> str:
    """The first words of the first user message; empty where nobody spoke."""
    words = " ".join(next((s.content for s in trace.steps if s.actor == "user" and s.content.strip()), "").split())
    return words if len(words) <= chars else words[: chars - 1] + "…"


def report_html(report: ImportReport) -> render.Html:
    """The report as HTML; the skipped records fold open."""
    body = [render.tag("p", line) for line in (*report.lines(), *report.notes[:SHOWN])]
    if report.problems:
        rows = [(p.record, p.line or "", p.id or "", p.field or "", p.why) for p in report.problems]
        more = f", the first {SHOWN} shown" if len(rows) > SHOWN else ""
        shown = render.table(rows[:SHOWN], ("record", "line", "id", "field", "what is wrong"))
        body.append(render.details(f"{len(rows):,} skipped{more}", shown, open_=True))
    return render.fragment(*body)


def warn_of(report: ImportReport, stacklevel: int = 3) -> None:
    """Warn once where records were skipped, naming the first."""
    if report.problems:
        total = report.n_skipped + report.n_traces
        text = f"{report.path}: {report.n_skipped} of {total} records skipped; first {report.problems[0]}. "
        warnings.warn(text + "All are in .report.problems.", SkippedRecords, stacklevel=stacklevel)
