"""The tally of a file while it is read: what its report is made of."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.amounts import quantity
from toolkit.traces.decode import TOO_DEEP, readable
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.report import ImportReport, Problem, Remarks
from toolkit.traces.trace import Trace

SCALAR_FIELD = re.compile(r'"(\w+)"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?\d+))')
NO_FORM = "it is of no known form"
BUGS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What a form raises on a record that it did not expect: that costs the record, and no other."""


def stated_id(format_: Format, record: Record) -> str | None:
    """The id of a record of a form; None where it has none, or none that the form can find."""
    try:
        return format_.record_id(record)
    except BUGS:
        return None


def answer_of(ask: Any, record: Record) -> Any:
    """What a form says of a record: a text, or the records in it.

    Raises RecordError where the form did not expect it.
    """
    try:
        answer = ask(record)
        return answer if isinstance(answer, str | None) else list(answer)
    except RecursionError:
        raise RecordError(TOO_DEEP) from None
    except RecordError:
        raise
    except BUGS as error:
        raise RecordError(f"its form cannot read it: {type(error).__name__}: {error}") from error


@dataclass(slots=True)
class Tally:
    """What has been read of a file so far."""

    path: str
    decided: str | None
    """Who chose the form; None where its content did."""
    place: int
    """Its place among the files."""
    notes: list[str] = field(default_factory=list)
    forms: Counter[str] = field(default_factory=Counter)
    """How many records are of each form."""
    formats: dict[str, Format] = field(default_factory=dict)
    """The forms by name."""
    n_records: int = 0
    n_traces: int = 0
    n_steps: int = 0
    n_tool_calls: int = 0
    n_merged: int = 0
    problems: list[Problem] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)
    passed_over: Remarks = field(default_factory=Remarks)
    warnings: Remarks = field(default_factory=Remarks)
    _unnamed: list[tuple[int, Record, Format | None]] = field(default_factory=list)
    """The problems without an id: the place of each, and the fields that may hold one."""

    def skip(self, problem: Problem, fields: Record, format_: Format | None) -> None:
        """Note a record that is of no known form, or of `format_` and broken."""
        self._unnamed.append((len(self.problems), fields, format_))
        self.problems.append(problem)

    def name_skipped(self) -> None:
        """Find the ids of records that are of no known form, and the field that they lack.

        Both are those of the form that most others are of.
        """
        most: Format | None = None
        for name, _ in self.forms.most_common(1):
            most = self.formats[name]
        for place, fields, format_ in self._unnamed:
            form = format_ or most
            id_ = stated_id(form, fields) if form else first_id(fields)
            lacks = form is not None and len(form.fields) == 1 and form.fields[0] not in fields
            is_object = bool(fields) and self.problems[place].why.startswith(NO_FORM)
            field = form.fields[0] if form and lacks and is_object else None
            self.problems[place] = replace(self.problems[place], id=id_, field=field)
        self._unnamed.clear()

    def holds_no_conversation(self) -> None:
        """Note that a file of which nothing was read is one that holds no conversation."""
        if self.n_records == 0:
            self.problems.clear()
            self.notes.append("it holds no conversation")

    def count(self, traces: Iterable[Trace]) -> None:
        """Count traces that were read."""
        for trace in traces:
            self.n_traces += 1
            self.n_steps += len(trace.steps)
            kinds = [step.kind for step in trace.steps]
            self.n_tool_calls += kinds.count("tool.call")

    def report(self) -> ImportReport:
        """The report of the file."""
        forms = dict(self.forms.most_common())
        n_fit = sum(forms.values())
        records = quantity(self.n_records, "record")
        by_content = f"decided from the content: {n_fit:,} of {records} fit"
        return ImportReport(
            path=self.path,
            format=", ".join(forms),
            decided=self.decided or by_content,
            n_records=self.n_records,
            n_traces=self.n_traces,
            n_steps=self.n_steps,
            n_tool_calls=self.n_tool_calls,
            n_merged=self.n_merged,
            forms=forms,
            problems=tuple(self.problems),
            unknown_fields=tuple(sorted(self.unknown_fields)),
            not_understood=self.passed_over.listed(),
            warnings=self.warnings.listed(),
            notes=tuple(self.notes),
        )


def name_all_skipped(tallies: Sequence[Tally]) -> None:
    """Find the ids of skipped records, and the files that hold no conversation by what they are."""
    beside: set[str] = set()
    for tally in tallies:
        folder = Path(tally.path).parent
        for format_ in tally.formats.values():
            beside.update(str(folder / name) for name in format_.beside)
    for tally in tallies:
        tally.name_skipped()
        if tally.path in beside:
            tally.holds_no_conversation()


def scalar_fields(broken: str) -> dict[str, Any]:
    """The fields that broken text still shows, before its first list and after its last one."""
    text = readable(broken).rstrip().removesuffix("]")
    head, _, rest = text.partition("[")
    _, _, tail = rest.rpartition("]")
    fields: dict[str, Any] = {}
    for match in SCALAR_FIELD.finditer(head + tail):
        name, string, number = match.groups()
        fields.setdefault(name, string or number)
    return fields
