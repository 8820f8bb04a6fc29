"""Traces, the list, and the report of how it was read: what came in, what was skipped, and why."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import SupportsIndex, overload

from toolkit import render
from toolkit.traces.amounts import quantity
from toolkit.traces.trace import Trace, title

SHOWN_ROWS = 20
MOST_ROWS = 1000
FILE_COLUMNS = ("file", "form", "records", "traces", "steps", "skipped", "warnings")
"""The heads of the table of files."""
TRACE_COLUMNS = ("id", "source", "steps", "tool calls", "begins")
"""The heads of the table of traces."""


class SkippedRecords(UserWarning):
    """Records could not be read; the report names each."""


@dataclass(frozen=True, slots=True)
class Problem:
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
        unknown_fields: set[str] = set()
        problems: list[Problem] = []
        notes: list[str] = []
        not_understood: list[tuple[str, tuple[Remark, ...]]] = []
        warnings: list[tuple[str, tuple[Remark, ...]]] = []
        for report in reports:
            forms.update(report.forms)
            unknown_fields.update(report.unknown_fields)
            problems += [replace(problem, file=report.path) for problem in report.problems]
            notes += [f"{report.path}: {note}" for note in report.notes]
            not_understood.append((report.path, report.not_understood))
            warnings.append((report.path, report.warnings))
        ranked_forms = dict(forms.most_common())
        return cls(
            path=path,
            format=", ".join(ranked_forms),
            decided="file by file",
            n_records=sum(report.n_records for report in reports),
            n_traces=sum(report.n_traces for report in reports),
            n_steps=sum(report.n_steps for report in reports),
            n_tool_calls=sum(report.n_tool_calls for report in reports),
            n_merged=sum(report.n_merged for report in reports),
            forms=ranked_forms,
            problems=tuple(problems),
            unknown_fields=tuple(sorted(unknown_fields)),
            not_understood=_added(not_understood),
            warnings=_added(warnings),
            notes=tuple(notes),
            files=tuple(reports),
        )

    def file_of_each_trace(self) -> list[str]:
        """The file of each trace, in their order; empty where there is one file only."""
        paths: list[str] = []
        for file in self.files:
            paths += [file.path] * file.n_traces
        return paths

    def __str__(self) -> str:
        remarks = self._remarks()
        lines = [f"{self.path}: {self._counts()}", f"form: {self._forms()}"]
        lines += [f"{about}: {text}" for about, text in remarks[:SHOWN_ROWS]]
        n_more = len(remarks) - SHOWN_ROWS
        if n_more > 0:
            lines.append(f"and {n_more:,} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        remarks = self._remarks()
        rows = [("came in", self._counts()), ("form", self._forms())]
        rows += remarks[:SHOWN_ROWS]
        shown: list[object] = [render.tag("strong", self.path), render.table(rows)]
        n_more = len(remarks) - SHOWN_ROWS
        if n_more > 0:
            rest = render.table(remarks[SHOWN_ROWS:MOST_ROWS])
            shown.append(render.details(f"and {n_more:,} more", rest))
        if self.files:
            file_rows = [_file_row(report) for report in self.files[:MOST_ROWS]]
            files = render.table(file_rows, FILE_COLUMNS)
            shown.append(render.details(f"{len(self.files):,} files", files))
        return render.block(*shown)

    def _counts(self) -> str:
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
            shown = [f"{name} ({quantity(n, 'record')})" for name, n in self.forms.items()]
            forms = ", ".join(shown)
        return f"{forms} ({self.decided})"

    def _remarks(self) -> list[tuple[str, str]]:
        """What there is to say of the import, each with what it is about; losses first."""
        remarks = [("skipped", str(problem)) for problem in self.problems]
        remarks += [("passed over", str(remark)) for remark in self.not_understood]
        remarks += [("look at", str(remark)) for remark in self.warnings]
        remarks += [("note", note) for note in self.notes]
        remarks.append(("kept in meta", ", ".join(self.unknown_fields) or "none"))
        return remarks


def _added(listed: Iterable[tuple[str, tuple[Remark, ...]]]) -> tuple[Remark, ...]:
    """The remarks of several files, each with its first place."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for path, remarks in listed:
        for remark in remarks:
            counts[remark.what] += remark.n
            first.setdefault(remark.what, f"{path}, {remark.first}")
    return tuple(Remark(what, n, first[what]) for what, n in counts.most_common())


def _file_row(report: ImportReport) -> tuple[object, ...]:
    n_warnings = sum(remark.n for remark in (*report.not_understood, *report.warnings))
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
            n_steps = len(trace.steps)
            n_calls = len(trace.calls)
            rows.append((trace.id, trace.source, n_steps, n_calls, title(trace)))
        table = render.table(rows, TRACE_COLUMNS)
        report = render.Html(self.report._repr_html_())
        return render.block(report, table)
