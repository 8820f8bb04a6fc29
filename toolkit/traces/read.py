"""Read traces in any known form, with a report of what was read and what was not."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from toolkit.errors import UsageError
from toolkit.records import RecordError
from toolkit.traces.collect import Import, warn_of_skipped
from toolkit.traces.fields import without
from toolkit.traces.formats import Format, find_columns, known_formats, row_format
from toolkit.traces.inputs import SUFFIXES, Input, given_paths, inputs, is_frame
from toolkit.traces.recognise import Recogniser, are_messages, beginning, conversation
from toolkit.traces.refusal import refusal
from toolkit.traces.report import Traces
from toolkit.traces.scan import RawRecord, is_json, scan
from toolkit.traces.table import decoded_row, is_table, read_table

BY_COLUMNS = ("table", "rows")
"""The forms that go by the names of columns alone."""


def read_traces(path: Any, format: str = "auto", formats: Iterable[Format] = ()) -> Traces:
    """Read traces from wherever they are.

    Parameters
    ----------
    path
        A file, a folder (with all that is in it), a pattern as ``logs/*.jsonl``, a list of these,
        or a DataFrame. A file is text in UTF-8, or in UTF-16 or UTF-32 with its byte-order mark;
        gzip and zip are unpacked; Parquet is read where pyarrow is installed.
    format
        The name of a form, as ``chat`` or ``table``, or ``auto``: each record is read in the first
        form that it fits.
    formats
        Forms of yours, which are tried first; see `register_format` for all files.

    Returns
    -------
    Traces
        A list with a ``.report``. Broken records are skipped; the report and a `SkippedRecords`
        warning name them.

    Raises
    ------
    UsageError
        Where `format` is the name of none.
    RecordError
        Where nothing is of a known form, or the columns of a table have unknown names. Of several
        files, each that cannot be read is named in the report instead, unless it is all of them.
    """
    known = known_formats(formats)
    if format != "auto" and format not in known:
        raise UsageError(f"no format {format!r}: read_traces knows auto, {', '.join(known)}")
    given = given_paths(path)
    importing = Import(shown(given))
    errors: list[RecordError] = []
    with _garbage_uncollected():
        for source in inputs(given, known):
            try:
                _read_input(source, known, format, importing)
            except RecordError as error:
                importing.begin(source.name, "not read")
                importing.fail(error.why)
                errors.append(error)
        traces = importing.finish()
    if not importing.tallies:
        kinds = " ".join(sorted(SUFFIXES))
        raise RecordError(f"no files of traces found: it looks for {kinds}", importing.path)
    if errors and len(errors) == len(importing.tallies):
        raise _refusal_of_all(importing.path, errors)
    warn_of_skipped(traces.report)
    return traces


def shown(given: list[Any]) -> str:
    """What was given, as the report names it."""
    if len(given) != 1:
        return f"{len(given):,} paths"
    return "DataFrame" if is_frame(given[0]) else str(given[0])


def _refusal_of_all(path: str, errors: list[RecordError]) -> RecordError:
    """The error of what was given, where no file of it can be read."""
    first = errors[0]
    if len(errors) == 1:
        return first
    return RecordError(
        f"no traces found in {len(errors):,} files; the first is {first.file}: {first.why}", path
    )


@contextmanager
def _garbage_uncollected() -> Iterator[None]:
    """Leave garbage for later: to look for some among all that is read would double the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read_input(source: Input, known: dict[str, Format], format: str, importing: Import) -> None:
    """Read a file.

    Raises RecordError where nothing of it is of a known form.
    """
    if source.error is not None:
        raise RecordError(source.error, source.name)
    if source.form is not None:
        importing.begin(source.name, "decided from the members of the archive")
        _read_rows_of_log(source, importing)
        return
    if source.rows is not None:
        rows = [RawRecord(number, 0, row) for number, row in enumerate(source.rows, 1)]
        _read_table(source, list(rows[0].value) if rows else [], rows, known, format, importing)
        return
    if is_table(source.content) or (format == "table" and not is_json(source.content)):
        names, records = read_table(source.content)
        _read_table(source, names, records, known, format, importing)
        return
    if format == "auto":
        _read_recognised(source, known, importing)
    else:
        _read_given(source, known, format, importing)


def _read_rows_of_log(source: Input, importing: Import) -> None:
    """Read the records of a log that is an archive; a broken member costs what comes after it."""
    assert source.rows is not None
    try:
        for number, record in enumerate(source.rows, 1):
            importing.add(RawRecord(number, 0, record), source.form)
    except RecordError as error:
        importing.fail(error.why)


def _read_given(source: Input, known: dict[str, Format], format: str, importing: Import) -> None:
    """Read each record in the form that was given."""
    given = known[format]
    recogniser = Recogniser({format: given})
    importing.begin(source.name, "given")
    records = scan(source.content)
    first = beginning(records)
    if are_messages(first, recogniser):
        for record in conversation(chain(first, records), recogniser):
            importing.add(record, given)
        return
    for record in chain(first, records):
        for reading, _ in recogniser.readings(record, importing.note):
            importing.add(reading, given)


def _read_recognised(source: Input, known: dict[str, Format], importing: Import) -> None:
    """Read each record in the form that it fits.

    Raises RecordError where none of the first records fits one.
    """
    recogniser = Recogniser(known)
    records = scan(source.content)
    first = beginning(records)
    if are_messages(first, recogniser):
        importing.begin(source.name, None)
        for record in conversation(chain(first, records), recogniser):
            importing.add(record, recogniser.form_of(record.value))
        return
    if not any(recogniser.can_read(record.value) for record in first):
        raise refusal(source.name, source.content, first, known)
    importing.begin(source.name, None)
    _add_all(first, records, recogniser, importing)


def _add_all(
    first: list[RawRecord], rest: Iterable[RawRecord], recogniser: Recogniser, importing: Import
) -> None:
    """Add each record in its form.

    One of no form goes to that whose traces take several records, where there is one: it may stand
    between those of a trace, as a line about the session does.
    """
    gathering = recogniser.gathering_form(first)
    for record in chain(first, rest):
        for reading, format_ in recogniser.readings(record, importing.note):
            importing.add(reading, format_ or gathering)


def _read_table(
    source: Input,
    names: list[str],
    records: Iterable[RawRecord],
    known: dict[str, Format],
    format: str,
    importing: Import,
) -> None:
    """Read each row in the form that it fits with its cells decoded, or by its usual columns.

    Raises RecordError where neither is possible.
    """
    rows = iter(records)
    first = beginning(rows)
    forms = without(known, *BY_COLUMNS)
    recogniser = Recogniser(forms if format == "auto" else {format: known[format]})
    by_content = any(recogniser.can_read(decoded_row(row).value) for row in first)
    columns = None
    if format in ("auto", "table"):
        try:
            columns = find_columns(names, source.name)
        except RecordError:
            if not by_content:
                raise
    if columns is None:
        importing.begin(source.name, "given" if format != "auto" else None)
        _add_all([*map(decoded_row, first)], map(decoded_row, rows), recogniser, importing)
        return
    notes = [] if columns[0] else ["no column id or trace_id: the ids are the rows' numbers"]
    decided = "decided from the content: a header, and rows below it that fit"
    importing.begin(source.name, "given" if format == "table" else decided, *notes)
    by_columns = row_format(*columns)
    for row in chain(first, rows):
        decoded = decoded_row(row)
        form = recogniser.form_of(decoded.value) if format == "auto" and not row.error else None
        importing.add(decoded if form else row, form or by_columns)
