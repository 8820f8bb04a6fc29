"""Read traces from a file in any known format, with a report of what was read and what was not."""

from collections.abc import Iterable
from pathlib import Path

from toolkit.errors import UsageError
from toolkit.records import RecordError, read_text
from toolkit.traces.archive import Archive, is_zip
from toolkit.traces.collect import collect, warn_of_skipped
from toolkit.traces.formats import Format, find_columns, known_formats, row_format
from toolkit.traces.recognise import (
    Formats,
    any_fits,
    as_conversation,
    beginning,
    is_table,
    log_in,
    may_be_known,
    no_traces,
    vote,
)
from toolkit.traces.report import Traces
from toolkit.traces.scan import scan
from toolkit.traces.table import read_table


def read_traces(path: str | Path, format: str = "auto", formats: Iterable[Format] = ()) -> Traces:
    """Read a file of traces.

    Parameters
    ----------
    path
        UTF-8 text, or UTF-16 or UTF-32 with its byte-order mark.
    format
        ``fieldbook``, ``chat``, ``anthropic``, ``tau-bench``, ``table``, the name of a format of
        yours, or ``auto``: from the content.
    formats
        Formats of yours, which are tried first; see `register_format` for all files.

    Returns
    -------
    Traces
        A list with a ``.report``. Broken records are skipped; the report and a `SkippedRecords`
        warning name them.

    Raises
    ------
    ValueError
        Where `format` is the name of none.
    RecordError
        Where the file is of no known format, or the columns of a table have unknown names.
    """
    known = known_formats(formats)
    names = ("auto", *known, "table")
    if format not in names:
        raise UsageError(f"no format {format!r}: read_traces knows {', '.join(names)}")
    if is_zip(path):
        traces = _read_archive(path, known)
        warn_of_skipped(traces.report)
        return traces
    text = read_text(path, errors="surrogateescape")
    if format == "auto":
        traces = _read_recognised(text, str(path), known)
    elif format == "table":
        traces = _read_rows(text, str(path), known, "given")
    else:
        records = as_conversation(list(scan(text)), known)
        traces = collect(records, known[format], str(path), "given")
    warn_of_skipped(traces.report)
    return traces


def _read_archive(path: str | Path, known: Formats) -> Traces:
    """The traces of a log that is a zip archive."""
    with Archive(path) as archive:
        log = log_in(archive, known)
    if log is None:
        raise RecordError("a zip archive of no known form: unpack it", str(path))
    name, records = log
    return collect(records, known[name], str(path), "decided from the members of the archive")


def _read_recognised(text: str, path: str, known: Formats) -> Traces:
    """The traces of a text of whatever format."""
    records = scan(text)
    first = beginning(records) if may_be_known(text, known) else []
    if any_fits(as_conversation(first, known), known):
        all_records = as_conversation([*first, *records], known)
        name, decided = vote(all_records, known)
        return collect(all_records, known[name], path, decided)
    if not is_table(text):
        raise no_traces(path, text, first, known)
    decided = "decided from the content: a header, and rows below it that fit"
    return _read_rows(text, path, known, decided)


def _read_rows(text: str, path: str, known: Formats, decided: str) -> Traces:
    """The traces of a table."""
    if not text.strip():
        raise no_traces(path, text, [], known)
    names, rows = read_table(text)
    columns = find_columns(names, path)
    has_ids = columns[0] is not None
    notes = [] if has_ids else ["no column id or trace_id: the ids are the rows' numbers"]
    return collect(rows, row_format(*columns), path, decided, *notes)
