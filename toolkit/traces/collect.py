"""Records become traces, with a report of what was read, skipped and not understood."""

import json
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from toolkit.records import RecordError, encode
from toolkit.traces.decode import TOO_DEEP, readable
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import unused
from toolkit.traces.messages import NOT_FINITE, UNREAD
from toolkit.traces.report import ImportReport, Problem, SkippedRecords, Traces
from toolkit.traces.scan import RawRecord
from toolkit.traces.trace import Trace

SCALAR_FIELD = re.compile(r'"(\w+)"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?\d+))')
SHOWN_CHARS = 40


@dataclass
class _Import:
    """What has come in so far."""

    traces: list[Trace] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)

    def add(self, record: RawRecord, format_: Format, file_stem: str) -> None:
        """Read a record; where that fails, it becomes a problem."""
        is_object = isinstance(record.value, dict)
        fields = record.value if is_object else _scalar_fields(record.raw)
        stated_id = format_.record_id(fields)
        id_ = unused(stated_id or f"{file_stem}-{record.number}", self.ids)
        try:
            traces = _read_record(record, format_, id_)
        except RecordError as error:
            self.ids.discard(id_)
            line = record.line or None
            self.problems.append(Problem(record.number, line, stated_id, error.field, error.why))
            return
        for number, trace in enumerate(traces):
            if number or trace.id != id_:
                trace = replace(trace, id=unused(trace.id, self.ids))
            self.traces.append(trace)
            if is_object:
                self.unknown_fields |= fields.keys() & trace.meta.keys()
        if stated_id and id_ != stated_id:
            self.notes.append(
                f"record {record.number}: the id {stated_id} stands in an earlier one; "
                f"this one is {id_}"
            )
        not_finite = {*record.not_finite, *_not_finite_arguments(traces)}
        if not_finite:
            numbers = ", ".join(sorted(not_finite))
            self.notes.append(f"record {record.number} ({id_}): {numbers} became null")
        for trace in traces:
            for place in _unread_places(trace):
                self.notes.append(f"record {record.number} ({trace.id}): {place}")


def collect(
    records: Iterable[RawRecord], format_: Format, path: str, decided: str, *notes: str
) -> Traces:
    """The traces of `records`, which are of one format. What cannot be read becomes a Problem."""
    state = _Import(notes=list(notes))
    file_stem = Path(path).stem
    for record in whole_traces(records, format_):
        state.add(record, format_, file_stem)
    report = ImportReport(
        path,
        format_.name,
        decided,
        n_traces=len(state.traces),
        n_steps=sum(len(trace.steps) for trace in state.traces),
        n_tool_calls=sum(len(trace.calls) for trace in state.traces),
        problems=tuple(state.problems),
        unknown_fields=tuple(sorted(state.unknown_fields)),
        notes=tuple(state.notes),
    )
    return Traces(state.traces, report)


def whole_traces(records: Iterable[RawRecord], format_: Format) -> Iterator[RawRecord]:
    """The records, each of which holds all that its traces are made of.

    Those inside of a record come out, and those of one trace come together.
    """
    opened = (part for record in records for part in _parts(record, format_))
    if format_.group is None:
        yield from opened
        return
    groups: dict[str, list[RawRecord]] = {}
    id_ = ""
    for record in opened:
        if record.error or not isinstance(record.value, dict):
            yield record
            continue
        id_ = format_.group(record.value) or id_
        groups.setdefault(id_, []).append(record)
    before_any_id = groups.pop("", [])
    if before_any_id:
        first_id = next(iter(groups), "")
        groups[first_id] = before_any_id + groups.get(first_id, [])
    for group in groups.values():
        values = [record.value for record in group]
        not_finite = [name for record in group for name in record.not_finite]
        yield replace(group[0], value={"records": values}, not_finite=tuple(not_finite))


def _parts(record: RawRecord, format_: Format) -> Iterator[RawRecord]:
    if format_.parts is None or record.error or not isinstance(record.value, dict):
        yield record
        return
    for value in format_.parts(record.value):
        yield replace(record, value=value)


def warn_of_skipped(report: ImportReport) -> None:
    """Warn once of all the records that were skipped, in the name of the caller's caller."""
    n_skipped = len(report.problems)
    if n_skipped:
        n_records = n_skipped + report.n_traces
        warnings.warn(
            f"{report.path}: {n_skipped} of {n_records} records skipped; "
            f"first {report.problems[0]}. All are in .report.problems.",
            SkippedRecords,
            stacklevel=3,
        )


def _read_record(record: RawRecord, format_: Format, id_: str) -> list[Trace]:
    """The traces of a record.

    Raises RecordError, also where a trace could be neither shown nor written.
    """
    if record.error:
        raise RecordError(record.error)
    if not isinstance(record.value, dict):
        shown = json.dumps(record.value)[:SHOWN_CHARS]
        raise RecordError(f"a record is an object, not {shown}")
    try:
        made = format_.read(record.value, id_)
        traces = [made] if isinstance(made, Trace) else list(made)
    except RecursionError:
        raise RecordError(TOO_DEEP) from None
    if not traces:
        raise RecordError("it holds no trace")
    if not all(_can_be_written(trace) for trace in traces):
        raise RecordError(f"{TOO_DEEP} to be written as JSON again")
    return traces


def _not_finite_arguments(traces: Iterable[Trace]) -> list[str]:
    """The numbers in the arguments of calls that became None, as a transcript notes them."""
    numbers: list[str] = []
    for trace in traces:
        for call in trace.calls:
            numbers += call.data.get(NOT_FINITE, ())
    return numbers


def _unread_places(trace: Trace) -> Iterator[str]:
    """Where a message has a field that could not be read, as a transcript notes it."""
    for number, step in enumerate(trace.steps, 1):
        for name in step.data.get(UNREAD, ()):
            yield f"step {number}: field {name} could not be read; it is in data[{UNREAD!r}]"


def _can_be_written(trace: Trace) -> bool:
    """Whether the data of `trace` are nested no deeper than the JSON writer goes."""
    try:
        encode(trace)
    except ValueError as error:
        return "depth exceeded" not in str(error)
    return True


def _scalar_fields(broken: str) -> dict[str, Any]:
    """The fields that broken text still shows, before its first list and after its last one."""
    text = readable(broken).rstrip().removesuffix("]")
    head, _, rest = text.partition("[")
    _, _, tail = rest.rpartition("]")
    fields: dict[str, Any] = {}
    for match in SCALAR_FIELD.finditer(head + tail):
        name, string, number = match.groups()
        fields.setdefault(name, string or number)
    return fields
