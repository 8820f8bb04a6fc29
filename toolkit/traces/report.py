"""Traces, the list, and the report of how it was read: what came in, what was skipped, and why."""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex, overload

from toolkit import render
from toolkit.shown import Shown
from toolkit.traces.amounts import quantity
from toolkit.traces.trace import Trace, title

SHOWN_ROWS = 20
MOST_ROWS = 1000
FILE_COLUMNS = ("file", "form", "records", "traces", "steps", "skipped", "warnings")
"""The heads of the table of files."""
TRACE_COLUMNS = ("id", "source", "steps", "tool calls", "begins")
"""The heads of the table of traces."""
COUNTS = ("n_records", "n_traces", "n_steps", "n_tool_calls", "n_merged")
"""The counts of a report, which add up over files."""
Line = tuple[str, str]
"""A line of a report: what it is about, and what is said of it."""


class SkippedRecords(UserWarning):
    """Records could not be read; the report names each."""


@dataclass(frozen=True, slots=True)
class Problem(Shown):
    """A record that was skipped."""

    record: int
    """Its place among the records or rows, counted from 1; 0 where it is the file itself."""
    line: int | None
    """The line on which it begins; None in a frame."""
    id: str | None
    field: str | None
    """The field at fault, as ``traj.3.role``; None where the text itself is broken."""
    why: str
    file: str | None = None
    """The file; None where there is one only."""

    def __str__(self) -> str:
        text = self._place()
        if self.field:
            text += f": field {self.field}"
        return f"{text}: {self.why}"

    def _place(self) -> str:
        """Where it stands, as ``record 3, line 3 (t3)``, behind the name of its file."""
        if self.file and not self.record:
            return self.file
        place = f"record {self.record}" if self.record else "file"
        if self.line:
            place += f", line {self.line}"
        if self.id:
            place += f" ({self.id})"
        return f"{self.file}, {place}" if self.file else place


@dataclass(frozen=True, slots=True)
class Remark:
    """What holds of several places of a file."""

    what: str
    """``messages without words``, or a field that was passed over, as ``messages.*.mood``."""
    n: int
    """How often."""
    first: str
    """The first place, as ``record 3, line 3 (t3)``."""

    def __str__(self) -> str:
        return f"{self.what}: {self.n:,}, first in {self.first}"


class Remarks:
    """Remarks by their words: how often each was made, and where first."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, what: str, place: str, n: int = 1) -> None:
        """Make a remark of a place, or of several of which that is the first."""
        self._counts[what] += n
        self._first.setdefault(what, place)

    def add_all(self, remarks: Iterable[Remark], file: str) -> None:
        """Add what was remarked of a file."""
        for remark in remarks:
            self.add(remark.what, f"{file}, {remark.first}", remark.n)

    def listed(self) -> tuple[Remark, ...]:
        """The remarks, the most frequent first."""
        ranked = self._counts.most_common()
        return tuple(Remark(what, n, self._first[what]) for what, n in ranked)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What came in, in which form, and what did not."""

    path: str
    format: str
    """The form; where there are several, the one of most records first."""
    decided: str
    """Who chose the form, and why."""
    n_records: int
    """How many records, lines or rows were met."""
    n_traces: int
    n_steps: int
    n_tool_calls: int
    n_merged: int
    """How many records became part of a trace that an earlier one had begun."""
    forms: Mapping[str, int]
    """How many records are of each form."""
    problems: tuple[Problem, ...]
    """The records that were skipped, each with its place and the reason."""
    unknown_fields: tuple[str, ...]
    """Fields of records that a Trace has no place for: they are kept in its meta."""
    not_understood: tuple[Remark, ...]
    """Fields that hold something which is in no trace. Nothing else is lost."""
    warnings: tuple[Remark, ...]
    """What a reader should look at, as messages without words."""
    notes: tuple[str, ...]
    """What was changed on the way in, as an id that stood twice."""
    files: tuple["ImportReport", ...] = ()
    """The report of each file, where there are several."""

    @classmethod
    def together(cls, path: str, reports: Sequence["ImportReport"]) -> "ImportReport":
        """The report of several files."""
        forms: Counter[str] = Counter()
        counts: Any = dict.fromkeys(COUNTS, 0)
        unknown_fields: set[str] = set()
        problems: list[Problem] = []
        notes: list[str] = []
        not_understood = Remarks()
        warnings = Remarks()
        for report in reports:
            file = report.path
            forms.update(report.forms)
            unknown_fields.update(report.unknown_fields)
            for name in COUNTS:
                counts[name] += getattr(report, name)
            for problem in report.problems:
                problems.append(replace(problem, file=file))
            for note in report.notes:
                notes.append(f"{file}: {note}")
            not_understood.add_all(report.not_understood, file)
            warnings.add_all(report.warnings, file)
        ranked_forms = dict(forms.most_common())
        return cls(
            path=path,
            format=", ".join(ranked_forms),
            decided="file by file",
            forms=ranked_forms,
            problems=tuple(problems),
            unknown_fields=tuple(sorted(unknown_fields)),
            not_understood=not_understood.listed(),
            warnings=warnings.listed(),
            notes=tuple(notes),
            files=tuple(reports),
            **counts,
        )

    def file_of_each_trace(self) -> list[str]:
        """The file of each trace, in their order; empty where there is one file only."""
        paths: list[str] = []
        for file in self.files:
            paths += [file.path] * file.n_traces
        return paths

    def __str__(self) -> str:
        shown, rest = self._remarks()
        lines = [f"{self.path}: {self._counts()}", f"form: {self._forms()}"]
        for about, text in shown:
            lines.append(f"{about}: {text}")
        if rest:
            lines.append(_and_more(rest))
        return "\n".join([render.printable(line) for line in lines])

    def _repr_html_(self) -> str:
        shown, rest = self._remarks()
        rows = [("came in", self._counts()), ("form", self._forms()), *shown]
        parts: list[object] = [render.tag("strong", self.path), render.table(rows)]
        if rest:
            more = render.table(rest[:MOST_ROWS])
            parts.append(render.details(_and_more(rest), more))
        if self.files:
            file_rows = [_file_row(report) for report in self.files[:MOST_ROWS]]
            table = render.table(file_rows, FILE_COLUMNS)
            n_files = quantity(len(self.files), "file")
            parts.append(render.details(n_files, table))
        return render.block(*parts)

    def _counts(self) -> str:
        """What came in and what it became, in a line."""
        traces = quantity(self.n_traces, "trace")
        steps = quantity(self.n_steps, "step")
        calls = quantity(self.n_tool_calls, "tool call")
        records = quantity(self.n_records, "record")
        n_skipped = len(self.problems)
        counts = f"{traces}, {steps}, {calls} from {records}; {n_skipped:,} skipped"
        if self.n_merged:
            counts += f"; {self.n_merged:,} joined the trace of an earlier one"
        return counts

    def _forms(self) -> str:
        """The forms, with the records of each where there are several, and who chose them."""
        forms = self.format or "none"
        if len(self.forms) > 1:
            shown = []
            for name, n_records in self.forms.items():
                records = quantity(n_records, "record")
                shown.append(f"{name} ({records})")
            forms = ", ".join(shown)
        return f"{forms} ({self.decided})"

    def _remarks(self) -> tuple[list[Line], list[Line]]:
        """What there is to say of the import, losses first: what is shown, and all the rest."""
        lines: list[Line] = []
        for about, remarks in (
            ("skipped", self.problems),
            ("not in the traces", self.not_understood),
            ("check", self.warnings),
            ("note", self.notes),
        ):
            for remark in remarks:
                lines.append((about, str(remark)))
        kept = ", ".join(self.unknown_fields)
        lines.append(("kept in meta", kept or "none"))
        return lines[:SHOWN_ROWS], lines[SHOWN_ROWS:]


def _and_more(lines: list[Line]) -> str:
    return f"and {len(lines):,} more"


def _file_row(report: ImportReport) -> tuple[object, ...]:
    n_warnings = 0
    for remark in (*report.not_understood, *report.warnings):
        n_warnings += remark.n
    return (
        report.path,
        report.format or "none",
        report.n_records,
        report.n_traces,
        report.n_steps,
        len(report.problems),
        n_warnings,
    )


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
        rows = []
        for trace in self[:SHOWN_ROWS]:
            begins = title(trace)
            row = (trace.id, trace.source, len(trace.steps), len(trace.calls), begins)
            rows.append(row)
        table = render.table(rows, TRACE_COLUMNS)
        report = render.Html(self.report._repr_html_())
        return render.block(report, table)


def warn_of_skipped(report: ImportReport) -> None:
    """Warn once of all the records that were skipped, in the name of the caller's caller."""
    n_skipped = len(report.problems)
    if n_skipped:
        warnings.warn(
            f"{report.path}: {n_skipped} of {report.n_records} records skipped; "
            f"first {report.problems[0]}. All are in .report.problems.",
            SkippedRecords,
            stacklevel=3,
        )
