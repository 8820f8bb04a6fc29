"""Records become traces, with a report of what was read, skipped and passed over."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.audit import (
    Values,
    passed_over,
    take_not_finite,
    unread_fields,
    values_of,
    values_of_parts,
    warnings_of,
)
from toolkit.traces.decode import CUT, TOO_DEEP, TooDeep, shallow
from toolkit.traces.formats.form import Format
from toolkit.traces.groups import Group, Groups
from toolkit.traces.ids import Record, Taken
from toolkit.traces.messages import UNREAD
from toolkit.traces.report import ImportReport, Problem, Traces
from toolkit.traces.scan import RawRecord
from toolkit.traces.spans import NOTES
from toolkit.traces.tally import (
    BUGS,
    NO_FORM,
    Tally,
    answer_of,
    name_all_skipped,
    scalar_fields,
    stated_id,
)
from toolkit.traces.trace import Trace

SHOWN_CHARS = 40
SHOWN_FIELDS = 10


class Import:
    """What has come in so far, from one file or several.

    Examples
    --------
    >>> from toolkit.traces.formats import known_formats
    >>> importing = Import()
    >>> importing.begin("talk.json", "given")
    >>> record = {"id": "a", "messages": [{"role": "user", "content": "Is the shop open?"}]}
    >>> importing.add(RawRecord(1, 1, record), known_formats()["chat"])
    >>> importing.finish()
    [Trace('a', 1 steps, imported, 'Is the shop open?')]
    """

    def __init__(self, path: str = "") -> None:
        self.path = path
        """What was given: a file, a folder, a pattern."""
        self.tallies: list[Tally] = []
        """One a file."""
        self._traces: list[tuple[int, int, list[Trace]]] = []
        """The traces, each with the place of its file and of its first record."""
        self._ids = Taken()
        self._groups = Groups()

    def begin(self, path: str, decided: str | None, *notes: str) -> None:
        """Begin a file."""
        self.tallies.append(Tally(path, decided, len(self.tallies), notes=list(notes)))
        self._groups.begin_file()

    @property
    def tally(self) -> Tally:
        """That of the file that is being read."""
        return self.tallies[-1]

    def note(self, text: str) -> None:
        """Note what was changed on the way in."""
        self.tally.notes.append(text)

    def warn(self, text: str) -> None:
        """Warn of what holds for the whole file."""
        self.tally.warnings.add(text, "line 1")

    def add(self, record: RawRecord, format_: Format | None) -> None:
        """Read a record, or keep it until the others of its trace are there.

        Where that fails, it becomes a problem.
        """
        self.tally.n_records += 1
        if format_ is None or record.error or not isinstance(record.value, dict):
            self._skip(record, format_)
            return
        self.tally.forms[format_.name] += 1
        self.tally.formats[format_.name] = format_
        if format_.parts is None and format_.group is None:
            self._read(record, format_, self.tally)
            return
        try:
            for part in self._parts(record, format_):
                if format_.group is None:
                    self._read(part, format_, self.tally)
                else:
                    self._groups.add(part, format_, self.tally)
        except RecordError as error:
            self.tally.problems.append(_problem(record, stated_id(format_, record.value), error))

    def accompany(self, path: str, records: Iterable[Record], format_: Format) -> None:
        """Keep the records of a file that stands beside those of traces.

        One without an id belongs to the trace that the file before it ended with; one that its form
        cannot read becomes a problem.
        """
        before = self._groups.last_id(format_)
        self.begin(path, f"it stands beside those of {format_.name}")
        self.tally.formats[format_.name] = format_
        for number, value in enumerate(records, 1):
            self.tally.n_records += 1
            self.tally.forms[format_.name] += 1
            record = RawRecord(number, 1, value)
            try:
                self._groups.accompany(record, format_, self.tally, before)
            except RecordError as error:
                self.tally.problems.append(_problem(record, stated_id(format_, value), error))

    def has_only_companions(self) -> bool:
        """Whether nothing was met but records that begin no trace."""
        n_records = sum(tally.n_records for tally in self.tallies)
        return 0 < n_records == self._groups.n_companions

    def fail(self, why: str) -> None:
        """Name a file, or a part of one, that cannot be read."""
        self.tally.problems.append(Problem(0, None, None, None, why, self.tally.path))

    def finish(self) -> Traces:
        """The traces, in the order in which they began in their files, and the report."""
        for group in self._groups.take():
            group.tally.n_merged += len(group.records) - 1
            self._read(group.envelope(), group.format, group.tally, group)
        name_all_skipped(self.tallies)
        self._traces.sort(key=lambda entry: entry[:2])
        traces: list[Trace] = []
        for _, _, traces_of_record in self._traces:
            traces += traces_of_record
        return Traces(traces, self.report())

    def report(self) -> ImportReport:
        """What was read so far, from all files together."""
        reports = [tally.report() for tally in self.tallies]
        if len(reports) == 1:
            return reports[0]
        return ImportReport.together(self.path, reports)

    def _skip(self, record: RawRecord, format_: Format | None) -> None:
        """Name a record that is broken, or of no known form."""
        value = record.value
        fields = value if isinstance(value, dict) else scalar_fields(record.raw)
        if record.error:
            why = record.error
        elif isinstance(value, dict):
            names = ", ".join(list(fields)[:SHOWN_FIELDS])
            why = f"{NO_FORM}: its fields are {names}"
        else:
            why = f"a record is an object, not {json.dumps(value)[:SHOWN_CHARS]}"
        scalars = {name: field for name, field in fields.items() if isinstance(field, str | int)}
        problem = _problem(record, None, RecordError(why))
        self.tally.skip(problem, scalars, format_)

    def _parts(self, record: RawRecord, format_: Format) -> list[RawRecord]:
        """The records inside a record, or the record itself."""
        if format_.parts is None:
            return [record]
        parts = answer_of(format_.parts, record.value)
        place = f"record {record.number}, line {record.line}"
        for field in passed_over([record.value], values_of_parts(parts), format_.converted):
            self.tally.passed_over.add(field, place)
        return [record.part(part) for part in parts]

    def _read(
        self, record: RawRecord, format_: Format, tally: Tally, group: Group | None = None
    ) -> None:
        """Read a record: one that stands by itself, or the envelope of a group."""
        own_id = stated_id(format_, record.value)
        if not own_id and group is not None:
            own_id = group.id
        number = record.number
        id_ = self._ids.unused(own_id or f"{Path(tally.path).stem}-{number}")
        try:
            try:
                traces, kept = _read_record(record, format_, id_)
            except TooDeep:
                record = _cut(record)
                traces, kept = _read_record(record, format_, id_)
        except RecordError as error:
            self._ids.discard(id_)
            if record.n_cut:
                error = RecordError(f"{error.why}; it is {TOO_DEEP}", field=error.field)
            tally.problems.append(_problem(record, own_id or None, error))
            return
        for at, trace in enumerate(traces):
            if at > 0 or trace.id != id_:
                traces[at] = self._renamed(trace)
        self._traces.append((tally.place, number, traces))
        if own_id and id_ != own_id:
            note = f"the id {own_id} stands in an earlier one; this one is {id_}"
            tally.notes.append(f"record {number}: {note}")
        # what is compared with the traces is what the members of a group hold, not its envelope
        values = [record.value] if group is None else record.value["records"]
        self._look_back(record, format_, tally, values, traces, kept)

    def _renamed(self, trace: Trace) -> Trace:
        """A trace under an id that no other one has."""
        id_ = self._ids.unused(trace.id)
        return trace if id_ == trace.id else replace(trace, id=id_)

    def _look_back(
        self,
        record: RawRecord,
        format_: Format,
        tally: Tally,
        values: list[Any],
        traces: list[Trace],
        kept: Values,
    ) -> None:
        """Compare the traces of a record with what stood in it."""
        place = place_of(record, traces[0].id)
        tally.count(traces)
        for value in values:
            for trace in traces:
                tally.unknown_fields |= value.keys() & trace.meta.keys()
        for field in passed_over(values, kept, format_.converted):
            tally.passed_over.add(field, place)
        for warning in _warnings(record, traces):
            tally.warnings.add(warning, place)
        for trace in traces:
            repairs = trace.meta.get(NOTES)
            if not isinstance(repairs, list):
                continue
            for repair in repairs:
                tally.notes.append(f"record {record.number} ({trace.id}): {repair}")


def _warnings(record: RawRecord, traces: list[Trace]) -> Iterator[str]:
    """What a reader should know of the traces of a record."""
    yield from warnings_of(traces)
    if record.n_cut:
        yield f"values {TOO_DEEP}: in their place stands {CUT!r}"
    for name in unread_fields(traces):
        yield f"the field {name} of a message is not understood: see data[{UNREAD!r}]"
    not_finite = {*record.not_finite, *take_not_finite(traces)}
    if not_finite:
        numbers = ", ".join(sorted(not_finite))
        yield f"{numbers} became null, as JSON has no word for it"


def collect(
    records: Iterable[RawRecord], format_: Format, path: str, decided: str, *notes: str
) -> Traces:
    """The traces of `records`, which are of one format. What cannot be read becomes a Problem."""
    importing = Import()
    importing.begin(path, decided, *notes)
    for record in records:
        importing.add(record, format_)
    return importing.finish()


def _read_record(record: RawRecord, format_: Format, id_: str) -> tuple[list[Trace], Values]:
    """The traces of a record, and the values that are in them.

    Raises RecordError, also where a trace could be neither shown nor written.
    """
    try:
        made = format_.read(record.value, id_)
        traces = [made] if isinstance(made, Trace) else list(made)
    except RecursionError:
        raise TooDeep from None
    except RecordError:
        raise
    except BUGS as error:
        shown = f"{type(error).__name__}: {error}"
        raise RecordError(f"the form {format_.name} cannot read it: {shown}") from error
    if not traces:
        raise RecordError("it holds no trace")
    return traces, values_of(traces)


def _cut(record: RawRecord) -> RawRecord:
    """A record without what is nested too deeply in it."""
    value, n_cut = shallow(record.value)
    return replace(record, value=value, n_cut=record.n_cut + n_cut)


def place_of(record: RawRecord, id_: str) -> str:
    """Where a record stands, as ``record 3, line 3 (t3)``."""
    line = f", line {record.line}" if record.line else ""
    return f"record {record.number}{line} ({id_})"


def _problem(record: RawRecord, id_: str | None, error: RecordError) -> Problem:
    return Problem(record.number, record.line or None, id_, error.field, error.why)
