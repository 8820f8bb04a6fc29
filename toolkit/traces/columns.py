"""Rows of a table become traces: by the names of their columns, or in the form that each fits."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from toolkit.records import RecordError
from toolkit.traces.collect import Import
from toolkit.traces.fields import without
from toolkit.traces.formats import Columns, Format, find_columns, row_format
from toolkit.traces.inputs import Input
from toolkit.traces.recognise import Recogniser, beginning
from toolkit.traces.refusal import refusal_of_table
from toolkit.traces.scan import RawRecord
from toolkit.traces.table import decoded_row

BY_COLUMNS = ("table", "rows")
"""The forms that go by the names of columns alone."""


@dataclass(frozen=True, slots=True)
class Request:
    """How files are to be read."""

    known: dict[str, Format]
    """The forms by name."""
    format: str
    """The name of one, or ``auto``."""
    columns: Columns | None
    """The columns of a table, where they were named."""


def read_named_columns(
    source: Input,
    names: list[str],
    records: Iterable[RawRecord],
    columns: Columns,
    importing: Import,
) -> None:
    """Read rows by the columns that were named.

    Raises RecordError where one of them is not there.
    """
    rows = iter(records)
    first = beginning(rows)
    there = dict.fromkeys(names)
    for row in first:
        if isinstance(row.value, dict):
            there.update(dict.fromkeys(row.value))
    for name in columns:
        if name is not None and name not in there:
            listed = ", ".join(there)
            raise RecordError(f"no column {name!r}; the columns are: {listed}", source.name)
    named = ", ".join(name for name in columns if name is not None)
    importing.begin(source.name, f"by the columns {named}")
    form = row_format(*columns)
    for row in chain(first, rows):
        importing.add(row, form)


def read_by_columns(
    source: Input,
    names: list[str],
    records: Iterable[RawRecord],
    request: Request,
    importing: Import,
) -> None:
    """Read each row in the form that it fits with its cells decoded, or by its columns.

    Raises RecordError where neither is possible.
    """
    if request.columns is not None:
        read_named_columns(source, names, records, request.columns, importing)
        return
    rows = iter(records)
    first = beginning(rows)
    format = request.format
    forms = {format: request.known[format]} if format != "auto" else {}
    if format == "auto":
        forms = without(request.known, *BY_COLUMNS)
    recogniser = Recogniser(forms)
    columns = find_columns(names) if format in ("auto", "table") else None
    if columns is not None:
        _read_usual_columns(source, chain(first, rows), columns, request, recogniser, importing)
        return
    if not any(recogniser.can_read(decoded_row(row).value) for row in first):
        raise refusal_of_table(source.path, names, first)
    importing.begin(source.name, "given" if format != "auto" else None)
    decoded_first = [decoded_row(row) for row in first]
    decoded_rest = map(decoded_row, rows)
    for reading, form in recogniser.all_readings(decoded_first, decoded_rest, importing.note):
        importing.add(reading, form)


def _read_usual_columns(
    source: Input,
    rows: Iterable[RawRecord],
    columns: Columns,
    request: Request,
    recogniser: Recogniser,
    importing: Import,
) -> None:
    """Read each row in the form that it fits, else by its columns, which have usual names."""
    notes = [] if columns.id else ["no column id or trace_id: the ids are the rows' numbers"]
    decided = "decided from the content: a header, and rows below it that fit"
    if request.format == "table":
        decided = "given"
    importing.begin(source.name, decided, *notes)
    by_columns = row_format(*columns)
    for row in rows:
        form = None
        if request.format == "auto" and not row.error:
            decoded = decoded_row(row)
            form = recogniser.form_of(decoded.value)
        if form is None:
            importing.add(row, by_columns)
        else:
            importing.add(decoded, form)
