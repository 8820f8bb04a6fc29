"""Read traces from a file in any known format, and write them in ours."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from toolkit.records import RecordError, encode
from toolkit.traces.collect import collect, decide, one_conversation, row_format
from toolkit.traces.formats import JSON_FORMATS, KNOWN, table
from toolkit.traces.report import Traces, warn_of
from toolkit.traces.scan import layout, scan
from toolkit.traces.trace import Trace

SEEN_CHARS = 60


def read_traces(path: str | Path, format: str = "auto") -> Traces:
    """Read a file of traces; broken records are skipped, and named in ``.report``.

    Parameters
    ----------
    path : str or Path
        UTF-8, with or without a byte order mark.
    format : str
        ``fieldbook``, ``chat``, ``anthropic``, ``tau-bench``, ``table``; ``auto`` decides from the content.

    Returns
    -------
    Traces
        A list of Trace, with ``.report``: what was read, skipped (with record, line, id, field) and unknown.

    Raises
    ------
    RecordError
        The file is empty or of no known format, or a table's columns are not known by their names.
    ValueError
        There is no format of that name.
    FileNotFoundError
        There is no such file.

    Warns
    -----
    SkippedRecords
        Once, where records were skipped.
    """
    if format not in ("auto", *KNOWN):
        raise ValueError(f"no format {format!r}: read_traces knows auto, {', '.join(KNOWN)}")
    path = Path(path)
    text = _text(path)
    if not text.strip() and format in ("auto", "table"):
        raise _unknown(path, text)
    if format == "table" or (format == "auto" and layout(text) == "other"):
        traces = _read_table(path, text, format == "table")
    else:
        traces = _read_json(path, text, format)
    warn_of(traces.report)
    return traces


def _read_table(path: Path, text: str, given: bool) -> Traces:
    if not given and not table.looks_tabular(text):
        raise _unknown(path, text)
    id_, asked, answered = table.find_columns(table.header(text)[1], str(path))
    notes = [] if id_ else ["no column id or trace_id: the ids are the rows' numbers"]
    decided = "given" if given else "decided from the content: a header, and rows below it that fit"
    return collect(list(table.scan_rows(text)), row_format(id_, asked, answered), path, decided, notes=notes)


def _read_json(path: Path, text: str, wanted: str) -> Traces:
    found = list(scan(text, layout(text)))
    name, decided = (wanted, "given") if wanted != "auto" else decide(found)
    if name is None:
        raise _unknown(path, text)
    found, problems = one_conversation(found, name)
    return collect(found, JSON_FORMATS[name], path, decided, problems)


def write_traces(path: str | Path, traces: Iterable[Trace]) -> None:
    """Write traces as JSONL, a line each. The file is replaced whole, or left as it was.

    What is in ``meta`` and ``data`` must be JSON; NaN and infinity become null.

    Raises
    ------
    ValueError
        Two traces have the same id, or one holds what is not JSON; it is named.
    """
    traces, path = list(traces), Path(path)
    twice = [id_ for id_, n in Counter(trace.id for trace in traces).items() if n > 1]
    if twice:
        raise ValueError(f"{path}: {len(twice)} ids stand twice, the first is {twice[0]!r}; rename one of the two")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with draft.open("xb") as file:
            file.writelines(_line(trace) for trace in traces)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _line(trace: Trace) -> bytes:
    try:
        return (encode(trace) + "\n").encode()
    except ValueError as error:
        raise ValueError(f"trace {trace.id!r} cannot be written as JSON: {error}") from None


def _text(path: Path) -> str:
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:16]:
        raise RecordError(f"not UTF-8 text: it begins with {data[:12]!r}; save it as UTF-8 text", str(path))
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def _unknown(path: Path, text: str) -> RecordError:
    begins = text.strip()[:SEEN_CHARS].encode(errors="replace").decode()
    saw = f"it begins with {begins!r}" if begins else "the file is empty"
    known = "; ".join(f"{name} ({looks})" for name, looks in KNOWN.items())
    return RecordError(f"no traces found: {saw}. read_traces knows {known}", str(path))
