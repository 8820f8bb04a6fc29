"""Read traces from a file in any known format, with a report of what was read, skipped and not
understood.
"""

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError
from toolkit.records import RecordError, encode, write_whole
from toolkit.traces.formats import JSON_FORMATS, Format, find_columns, row_format
from toolkit.traces.messages import NOT_FINITE, unused
from toolkit.traces.report import ImportReport, Problem, SkippedRecords, Traces
from toolkit.traces.scan import LOOKED_AT, TOO_DEEP, RawRecord, readable, scan
from toolkit.traces.table import read_table
from toolkit.traces.text import read_text
from toolkit.traces.trace import Trace

KNOWN = ("auto", *JSON_FORMATS, "table")
SEEN_CHARS = 60
HEADER_CHARS = 1_000_000
MOST_LOOKED_AT = 20_000
SCALAR_FIELD = re.compile(r'"(\w+)"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?\d+))')


def read_traces(path: str | Path, format: str = "auto") -> Traces:
    """Read a file of traces.

    Broken records are skipped, and named in ``.report`` and a `SkippedRecords` warning.

    The file is UTF-8 text, or UTF-16 with its byte-order mark. `format` is ``fieldbook``, ``chat``,
    ``anthropic``, ``tau-bench``, ``table``, or ``auto``: from the content. Raises ValueError for
    another, RecordError where the file is of no known format, or a table's columns have unknown
    names.
    """
    if format not in KNOWN:
        raise UsageError(f"no format {format!r}: read_traces knows {', '.join(KNOWN)}")
    text = read_text(path)
    if format != "table":
        scanned = scan(text)
        beginning = _beginning(scanned) if format != "auto" or _may_be_known(text) else []
        if format != "auto" or _any_fits(_one_conversation(beginning)):
            raw_records = _one_conversation([*beginning, *scanned])
            format, decided = _vote(raw_records) if format == "auto" else (format, "given")
            return collect(raw_records, JSON_FORMATS[format], str(path), decided)
        if not _is_table(text):
            raise _no_traces(path, text, beginning)
    if not text.strip():
        raise _no_traces(path, text, [])
    decided = (
        "decided from the content: a header, and rows below it that fit"
        if format == "auto"
        else "given"
    )
    names, rows = read_table(text)
    columns = find_columns(names, str(path))
    notes = () if columns[0] else ("no column id or trace_id: the ids are the rows' numbers",)
    return collect(rows, row_format(*columns), str(path), decided, *notes)


def _may_be_known(text: str) -> bool:
    """Whether the name of a field that some format wants stands anywhere in `text`.

    A look without decoding.
    """
    names = {"role", *(name for format_ in JSON_FORMATS.values() for name in format_.wants)}
    return any(f'"{name}"' in text for name in names)


def _beginning(raw_records: Iterator[RawRecord]) -> list[RawRecord]:
    """The first records, so many of them that can be read that they tell whether a format is known."""
    beginning: list[RawRecord] = []
    n_readable = 0
    for record in islice(raw_records, MOST_LOOKED_AT):
        beginning.append(record)
        n_readable += not record.error
        if n_readable == LOOKED_AT:
            break
    return beginning


def _vote(raw_records: list[RawRecord]) -> tuple[str, str]:
    """The format that most records fit, and why it was chosen.

    At least one record fits a format.
    """
    votes = Counter(name for record in raw_records if (name := _fits(record.value)))
    [(name, n_fit)] = votes.most_common(1)
    return name, f"decided from the content: {n_fit:,} of {len(raw_records):,} records fit"


def _no_traces(path: str | Path, text: str, beginning: list[RawRecord]) -> RecordError:
    """Why the file at `path` has no traces.

    What it begins with, and the first record that could not be read.
    """
    first = re.search(r"\S", text)
    begins = (
        readable(text[first.start() : first.start() + SEEN_CHARS].rstrip())
        if first
        else "nothing at all"
    )
    broken = next((record for record in beginning if record.error), None)
    why = f" Record {broken.number}, line {broken.line}: {broken.error}." if broken else ""
    known = f"{', '.join(JSON_FORMATS)}, and CSV with a header; for others see traces_from_frame"
    return RecordError(
        f"no traces found: it begins with {begins!r}.{why} read_traces knows {known}", str(path)
    )


def _is_table(text: str) -> bool:
    """Whether it has a header of some columns, and below it a row that fits."""
    first = re.search(r"\S", text)
    if (
        not first
        or first[0] in "[{"
        or text.find("\n", first.start(), first.start() + HEADER_CHARS) < 0
    ):
        return False
    names, rows = read_table(text)
    return len(names) > 1 and any(not row.error for row in islice(rows, LOOKED_AT))


def _any_fits(raw_records: Iterable[RawRecord]) -> bool:
    return any(_fits(record.value) for record in raw_records)


def _fits(record: Any) -> str:
    """The name of the format that `record` fits, empty where there is none."""
    known = (
        name
        for name, format_ in JSON_FORMATS.items()
        if isinstance(record, dict) and format_.knows(record)
    )
    return next(known, "")


def _one_conversation(raw_records: list[RawRecord]) -> list[RawRecord]:
    """A bare list of messages is one record; what is no message in it is skipped, and counted."""
    spoken = [record for record in raw_records if _is_message(record.value)]
    if 2 * len(spoken) <= len(raw_records):
        return raw_records
    skipped = [
        replace(record, error=record.error or "no message: it has no role")
        for record in raw_records
        if not _is_message(record.value)
    ]
    not_finite = tuple(number for record in spoken for number in record.not_finite)
    messages = [record.value for record in spoken]
    conversation = {"messages": messages, "messages_skipped": len(skipped)}
    return [RawRecord(1, 1, conversation, not_finite=not_finite), *skipped]


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and not _fits(value)


def collect(
    raw_records: Iterable[RawRecord], format_: Format, path: str, decided: str, *notes: str
) -> Traces:
    """Read each record.

    What cannot be read becomes a Problem, of which the caller's caller is warned once.
    """
    traces: list[Trace] = []
    problems: list[Problem] = []
    said = list(notes)
    unknown, taken = set[str](), set[str]()
    stem = Path(path).stem
    for item in raw_records:
        record = item.value if isinstance(item.value, dict) else None
        wanted = format_.record_id(_remains(item.raw) if record is None else record)
        own = unused(wanted or f"{stem}-{item.number}", taken)
        try:
            trace = _read_record(item, record, format_, own)
        except RecordError as error:
            taken.discard(own)
            problems.append(Problem(item.number, item.line or None, wanted, error.field, error.why))
            continue
        traces.append(trace)
        if wanted and own != wanted:
            said.append(
                f"record {item.number}: the id {wanted} stands in an earlier one; this one is {own}"
            )
        not_finite = {*item.not_finite, *_not_finite_arguments(trace)}
        if not_finite:
            said.append(
                f"record {item.number} ({own}): {', '.join(sorted(not_finite))} became null"
            )
        if record:
            unknown |= record.keys() & trace.meta.keys()
    counts = len(traces), sum(len(t.steps) for t in traces), sum(len(t.calls) for t in traces)
    lists = tuple(problems), tuple(sorted(unknown)), tuple(said)
    if problems:
        text = f"{path}: {len(problems)} of {len(problems) + len(traces)} records skipped; first {problems[0]}. "
        warnings.warn(text + "All are in .report.problems.", SkippedRecords, stacklevel=3)
    return Traces(traces, ImportReport(path, format_.name, decided, *counts, *lists))


def _read_record(
    item: RawRecord, record: dict[str, Any] | None, format_: Format, id_: str
) -> Trace:
    """The trace of a record.

    Raises RecordError, also where it could be neither shown nor written.
    """
    if item.error or record is None:
        raise RecordError(item.error or f"a record is an object, not {json.dumps(item.value)[:40]}")
    try:
        trace = format_.read(record, id_)
    except RecursionError:
        raise RecordError(TOO_DEEP) from None
    if not _can_be_written(trace):
        raise RecordError(f"{TOO_DEEP} to be written as JSON again")
    return trace


def _not_finite_arguments(trace: Trace) -> list[str]:
    """The numbers in the arguments of calls that became None, as a conversation notes them."""
    return [number for call in trace.calls for number in call.data.get(NOT_FINITE, ())]


def _can_be_written(trace: Trace) -> bool:
    """Whether the data of `trace` are nested no deeper than the JSON writer goes."""
    try:
        encode(trace)
    except ValueError as error:
        return "depth exceeded" not in str(error)
    return True


def _remains(raw: str) -> dict[str, Any]:
    """Fields with an id that broken text still shows.

    Those before its first list and after its last one.
    """
    head, _, rest = readable(raw).rstrip().removesuffix("]").partition("[")
    pairs = list(SCALAR_FIELD.finditer(head + rest.rpartition("]")[2]))
    return {m[1]: m[2] or m[3] for m in reversed(pairs)}


def write_traces(path: str | Path, traces: Iterable[Trace]) -> None:
    """Write traces as JSONL, a line each.

    NaN and infinity become null. The file is replaced whole, or left as it was.

    Raises ValueError, which names the trace, where two have the same id, or one holds what is not
    JSON.
    """
    traces, lines = list(traces), list[str]()
    for id_, n in Counter(trace.id for trace in traces).most_common(1):
        if n > 1:
            raise UsageError(f"{path}: {n} traces have the id {id_!r}; rename all but one")
    for trace in traces:
        try:
            lines.append(encode(trace) + "\n")
        except ValueError as error:
            raise UsageError(f"trace {trace.id!r} cannot be written as JSON: {error}") from None
    write_whole(path, "".join(lines))
