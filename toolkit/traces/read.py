"""Read traces from a file in any known format, and write them in ours."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolkit.records import RecordError, encode, write_whole
from toolkit.traces.formats import JSON_FORMATS, find_columns, row_format, rows_of
from toolkit.traces.report import Traces, collect
from toolkit.traces.scan import Found, readable, scan
from toolkit.traces.trace import Trace

KNOWN = ("auto", *JSON_FORMATS, "table")
SEEN_CHARS = 60


def read_traces(path: str | Path, format: str = "auto") -> Traces:
    """Read a UTF-8 file of traces; broken records are skipped, and named in ``.report`` and a `SkippedRecords` warning.

    `format` is ``fieldbook``, ``chat``, ``anthropic``, ``tau-bench``, ``table``, or ``auto``: from the content. Raises
    ValueError for another, RecordError where the file is of no known format, or a table's columns have unknown names.
    """
    if format not in KNOWN:
        raise ValueError(f"no format {format!r}: read_traces knows {', '.join(KNOWN)}")
    text, decided, found = _text(path), "given", list[Found]()
    if format != "table":
        found = _one_conversation(list(scan(text)))
        format, decided = _decide(found, text) if format == "auto" else (format, decided)
    if format in JSON_FORMATS:
        return collect(found, JSON_FORMATS[format], str(path), decided)
    if not format or not text.strip():
        begins = readable(text.strip()[:SEEN_CHARS]) or "nothing at all"
        known = f"{', '.join(JSON_FORMATS)}, and CSV with a header; for others see traces_from_frame"
        raise RecordError(f"no traces found: it begins with {begins!r}. read_traces knows {known}", str(path))
    names, rows = rows_of(text)
    columns = find_columns(names, str(path))
    notes = () if columns[0] else ("no column id or trace_id: the ids are the rows' numbers",)
    return collect(rows, row_format(*columns), str(path), decided, *notes)


def _text(path: str | Path) -> str:
    data = Path(path).read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:16]:
        raise RecordError(f"not UTF-8 text: it begins with {data[:12]!r}; save it as UTF-8 text", str(path))
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def _decide(found: Sequence[Found], text: str) -> tuple[str, str]:
    """The format that most records fit, empty where there is none, and why."""
    votes = Counter(name for item in found if isinstance(item.value, dict) and (name := _fits(item.value)))
    for name, n in votes.most_common(1):
        return name, f"decided from the content: {n:,} of {len(found):,} records fit"
    names, rows = rows_of(text)
    tabular = len(names) > 1 and rows and not rows[0].error and not text.lstrip().startswith(("[", "{"))
    return "table" if tabular else "", "decided from the content: a header, and rows below it that fit"


def _fits(record: dict[str, Any]) -> str:
    return next((name for name, format_ in JSON_FORMATS.items() if format_.knows(record)), "")


def _one_conversation(found: list[Found]) -> list[Found]:
    """A bare list of messages is one record; what is no message in it is skipped, and counted."""
    said, skipped = list[Any](), list[Found]()
    for item in found:
        if isinstance(item.value, dict) and isinstance(item.value.get("role"), str) and not _fits(item.value):
            said.append(item.value)
        else:
            skipped.append(replace(item, error=item.error or "no message: it has no role"))
    whole = Found(1, 1, {"messages": said, "messages_skipped": len(skipped)})
    return [whole, *skipped] if len(said) > len(skipped) else found


def write_traces(path: str | Path, traces: Iterable[Trace]) -> None:
    """Write traces as JSONL, a line each; NaN and infinity become null. The file is replaced whole, or left as it was.

    Raises ValueError, which names the trace, where two have the same id, or one holds what is not JSON.
    """
    traces, lines = list(traces), list[str]()
    for id_, n in Counter(trace.id for trace in traces).most_common(1):
        if n > 1:
            raise ValueError(f"{path}: {n} traces have the id {id_!r}; rename all but one")
    for trace in traces:
        try:
            lines.append(encode(trace) + "\n")
        except ValueError as error:
            raise ValueError(f"trace {trace.id!r} cannot be written as JSON: {error}") from None
    write_whole(path, "".join(lines))
