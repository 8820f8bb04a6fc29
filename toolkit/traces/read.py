"""Read traces in any known form, with a report of what was read and what was not."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from toolkit.errors import UsageError
from toolkit.records import RecordError
from toolkit.traces.amounts import quantity
from toolkit.traces.collect import Import
from toolkit.traces.columns import Request, read_by_columns, read_named_columns
from toolkit.traces.encodings import in_utf8
from toolkit.traces.formats import Columns, Format, known_formats
from toolkit.traces.garbage import uncollected_garbage
from toolkit.traces.inputs import Input, given_paths, inputs, is_frame
from toolkit.traces.large import unknown_document
from toolkit.traces.listing import SUFFIXES
from toolkit.traces.recognise import Recogniser, are_messages, beginning, conversation
from toolkit.traces.refusal import refusal
from toolkit.traces.relaxed import NOTE, proper_json
from toolkit.traces.report import Traces, warn_of_skipped
from toolkit.traces.scan import LOOKED_AT, RawRecord, is_json, scan
from toolkit.traces.table import is_table, read_table


def read_traces(
    path: Any,
    format: str = "auto",
    formats: Iterable[Format] = (),
    *,
    id: str | None = None,
    input: str | None = None,
    output: str | None = None,
) -> Traces:
    """Read traces from wherever they are.

    Parameters
    ----------
    path
        A file, a folder (with all that is in it), a pattern as ``logs/*.jsonl``, a list of these,
        or a DataFrame; ``-`` is standard input. A file is text in UTF-8, or in UTF-16 or UTF-32
        with its byte-order mark; gzip and zip are unpacked; Parquet is read where pyarrow is
        installed.
    format
        The name of a form, as ``chat`` or ``table``, or ``auto``: each record is read in the first
        form that it fits.
    formats
        Forms of yours, which are tried first; see `register_format` for all files.
    id, input, output
        The columns of a table, or the fields of rows of JSON, where they have other names than the
        usual ones. Without an `output`, all is in the `input`; without an `id`, the ids are the
        rows' numbers.

    Returns
    -------
    Traces
        A list with a ``.report``. Broken records are skipped; the report and a `SkippedRecords`
        warning name them.

    Raises
    ------
    UsageError
        Where `format` is the name of none, or an `input` is not named with the other columns.
    RecordError
        Where nothing is of a known form, or the columns of a table have unknown names. Of several
        files, each that cannot be read is named in the report instead, unless it is all of them.
    """
    known = known_formats(formats)
    if format != "auto" and format not in known:
        raise UsageError(f"no format {format!r}: read_traces knows auto, {', '.join(known)}")
    request = Request(known, format, _named_columns(id, input, output))
    given = given_paths(path)
    importing = Import(shown(given))
    with uncollected_garbage():
        errors = _read_all(inputs(given, known), request, importing)
        traces = importing.finish()
    if not importing.tallies:
        kinds = " ".join(sorted(SUFFIXES))
        raise RecordError(f"no files of traces found: it looks for {kinds}", importing.path)
    is_beside = not traces and importing.has_only_companions()
    if is_beside and not errors:
        raise RecordError(
            "it only says something of sessions: give the folder that they are in", importing.path
        )
    if is_beside or (not traces and errors and len(errors) == len(importing.tallies)):
        raise _refusal_of_all(importing.path, errors)
    warn_of_skipped(traces.report)
    return traces


def _named_columns(id: str | None, input: str | None, output: str | None) -> Columns | None:
    """The columns that were named, if any were."""
    if input is not None:
        return Columns(id, input, output)
    if id is None and output is None:
        return None
    raise UsageError("name the column of the input too, as with input= or --input")


def shown(given: list[Any]) -> str:
    """What was given, as the report names it."""
    if len(given) != 1:
        return quantity(len(given), "path")
    return "DataFrame" if is_frame(given[0]) else str(given[0])


def _refusal_of_all(path: str, errors: list[RecordError]) -> RecordError:
    """The error of what was given, where no file of it can be read."""
    first = errors[0]
    if len(errors) == 1:
        return first
    return RecordError(
        f"no traces found in {len(errors):,} files; the first is {first.file}: {first.why}", path
    )


def _read_all(sources: Iterable[Input], request: Request, importing: Import) -> list[RecordError]:
    """Read each file. Returns the errors of those that failed; each file has one tally."""
    errors: list[RecordError] = []
    for source in sources:
        n_files = len(importing.tallies)
        try:
            _read_input(source, request, importing)
            if source.error is not None:
                importing.fail(source.error)
        except RecordError as error:
            if source.error is not None and source.error != error.why:
                error = RecordError(f"{source.error}; {error.why}", source.name)
            elif error.file is None:
                error = RecordError(error.why, source.name, field=error.field)
            if len(importing.tallies) == n_files:  # it failed before it had begun
                importing.begin(source.name, "not read")
            importing.fail(error.why)
            errors.append(error)
    return errors


def _read_input(source: Input, request: Request, importing: Import) -> None:
    """Read a file.

    Raises RecordError where nothing of it is of a known form.
    """
    if source.error is not None and not _holds_records(source.content):
        raise RecordError(source.error, source.name)
    if source.form is not None:
        importing.begin(source.name, "decided from the members of the archive")
        _read_rows_of_log(source, importing)
    elif source.rows is not None:
        rows = [RawRecord(number, 0, row) for number, row in enumerate(source.rows, 1)]
        names = list(rows[0].value) if rows else []
        read_by_columns(source, names, rows, request, importing)
    elif not is_json(source.content) and _read_as_table(source, request, importing):
        return
    elif request.columns is not None:
        read_named_columns(source, [], scan(source.content), request.columns, importing)
    elif request.format == "auto":
        _read_recognised(source, request.known, importing)
    else:
        _read_given(source, request.known, request.format, importing)


def _holds_records(begin: bytes) -> bool:
    """Whether a file that is cut off holds a record before the cut."""
    if is_table(begin):
        return True
    first = islice(scan(begin), LOOKED_AT)
    return any(record.error is None for record in first)


def _read_as_table(source: Input, request: Request, importing: Import) -> bool:
    """Read a text that is a table, or that is to be read as one; whether it is.

    Raises RecordError where its encoding cannot be guessed.
    """
    text = in_utf8(source.content)
    is_wanted = request.format == "table" or request.columns is not None
    if not is_wanted and not is_table(text.content):
        return False
    if not text.is_likely:
        raise RecordError(
            "this table is not in UTF-8, and its encoding cannot be guessed: save it as UTF-8 "
            "(in Excel: Save As, CSV UTF-8)"
        )
    names, records = read_table(text.content)
    read_by_columns(source, names, records, request, importing)
    if text.guessed is not None:
        importing.warn(f"not in UTF-8, and read as {text.guessed}: look at letters with accents")
    return True


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
    records = scan(source.content)
    first = beginning(records)
    if _kept_as_companion(first, source.name, [given], importing):
        return
    recogniser = Recogniser({format: given})
    importing.begin(source.name, "given")
    if are_messages(first, recogniser):
        for record in conversation(chain(first, records), recogniser):
            importing.add(record, given)
        return
    for record in chain(first, records):
        for reading, _ in recogniser.readings(record, importing.note):
            importing.add(reading, given)


def _read_recognised(
    source: Input, known: dict[str, Format], importing: Import, is_proper: bool = False
) -> None:
    """Read each record in the form that it fits; what is not `is_proper` JSON is made so.

    Raises RecordError where none of the first records fits one.
    """
    recogniser = Recogniser(known)
    unknown = unknown_document(source.content, recogniser.can_begin_with)
    if unknown is not None:
        raise refusal(source.name, source.content, [RawRecord(1, 1, unknown)], known)
    records = scan(source.content)
    first = beginning(records)
    if _kept_as_companion(first, source.name, known.values(), importing):
        return
    if are_messages(first, recogniser):
        importing.begin(source.name, None)
        for record in conversation(chain(first, records), recogniser):
            importing.add(record, recogniser.form_of(record.value))
        return
    if not any(recogniser.can_read(record.value) for record in first):
        if not is_proper and is_json(source.content) and any(record.error for record in first):
            proper = replace(source, content=proper_json(source.content))
            _read_recognised(proper, known, importing, is_proper=True)
            importing.note(NOTE)
            return
        raise refusal(source.name, source.content, first, known)
    importing.begin(source.name, None)
    for reading, form in recogniser.all_readings(first, records, importing.note):
        importing.add(reading, form)


def _kept_as_companion(
    first: list[RawRecord], name: str, forms: Iterable[Format], importing: Import
) -> bool:
    """Keep the records of a file that stands beside those of traces; whether it is such a file."""
    if len(first) != 1 or not isinstance(first[0].value, dict):
        return False
    for form in forms:
        records = form.companions(name, first[0].value) if form.companions else None
        if records is not None:
            importing.accompany(name, records, form)
            return True
    return False
