"""Read traces from a file in any known format, with a report of what was read, skipped and not understood."""

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolkit import render
from toolkit.records import RecordError, encode, write_whole
from toolkit.traces.conversation import unused
from toolkit.traces.formats import JSON_FORMATS, Format, find_columns, row_format, rows_of
from toolkit.traces.scan import Found, readable, scan
from toolkit.traces.trace import Trace, title

KNOWN = ("auto", *JSON_FORMATS, "table")
SEEN_CHARS = 60
SHOWN = 20
SCALAR_FIELD = re.compile(r'"(\w+)"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?\d+))')


class SkippedRecords(UserWarning):
    """Some records could not be read; the report names each."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that was skipped."""

    record: int
    """Its place among the records or rows, counted from 1."""
    line: int | None
    """The line on which it begins; None in a frame."""
    id: str | None
    field: str | None
    """The field at fault, as ``traj.3.role``; None where the text itself is broken."""
    why: str

    def __str__(self) -> str:
        line, id_ = f", line {self.line}" if self.line else "", f" ({self.id})" if self.id else ""
        return f"record {self.record}{line}{id_}: {f'field {self.field}: ' if self.field else ''}{self.why}"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was read, and what was not."""

    path: str
    format: str
    decided: str
    """Who chose the format, and why."""
    n_traces: int
    n_steps: int
    n_tool_calls: int
    problems: tuple[Problem, ...]
    unknown_fields: tuple[str, ...]
    """Fields of records that a Trace has no place for: they are kept in its meta."""
    notes: tuple[str, ...]
    """What was changed on the way in, as an id that stood twice."""

    def __str__(self) -> str:
        counts = f"{self.n_traces:,} traces, {self.n_steps:,} steps, {self.n_tool_calls:,} tool calls"
        head = f"{self.path}: {counts}; {len(self.problems):,} records skipped\nformat: {self.format} ({self.decided})"
        kept = f"fields kept in meta: {', '.join(self.unknown_fields) or 'none'}"
        lines = [*self.notes, *(f"skipped {problem}" for problem in self.problems)]
        more = [f"and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []
        return "\n".join([head, kept, *lines[:SHOWN], *more])

    def _repr_html_(self) -> str:
        return render.block(render.tag("pre", self))


class Traces(list[Trace]):
    """A list of traces that remembers how it was read."""

    def __init__(self, traces: Iterable[Trace], report: ImportReport):
        super().__init__(traces)
        self.report = report

    def _repr_html_(self) -> str:
        rows = [(t.id, t.source, len(t.steps), len(t.calls), title(t)) for t in self[:SHOWN]]
        table = render.table(rows, ("id", "source", "steps", "tool calls", "begins"))
        return render.block(render.tag("pre", self.report), table)


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
    votes = Counter(name for item in found if (name := _fits(item.value)))
    for name, n in votes.most_common(1):
        return name, f"decided from the content: {n:,} of {len(found):,} records fit"
    names, rows = rows_of(text)
    tabular = len(names) > 1 and rows and not rows[0].error and not text.lstrip().startswith(("[", "{"))
    return "table" if tabular else "", "decided from the content: a header, and rows below it that fit"


def _fits(record: Any) -> str:
    known = (name for name, format_ in JSON_FORMATS.items() if isinstance(record, dict) and format_.knows(record))
    return next(known, "")


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


def collect(found: Iterable[Found], format_: Format, path: str, decided: str, *notes: str) -> Traces:
    """Read each record; what cannot be read becomes a Problem, of which the caller's caller is warned once."""
    traces, problems, said = list[Trace](), list[Problem](), list(notes)
    unknown, taken = set[str](), set[str]()
    for item in found:
        record = item.value if isinstance(item.value, dict) else None
        wanted = format_.record_id(_remains(item.raw) if record is None else record)
        own = unused(wanted or f"{Path(path).stem}-{item.number}", taken)
        try:
            if item.error or record is None:
                raise RecordError(item.error or f"a record is an object, not {json.dumps(item.value)[:40]}")
            traces.append(format_.read(record, own))
        except RecordError as error:
            taken.discard(own)
            problems.append(Problem(item.number, item.line or None, wanted, error.field, error.why))
            continue
        if wanted and own != wanted:
            said.append(f"record {item.number}: the id {wanted} stands in an earlier one; this one is {own}")
        unknown |= record.keys() & traces[-1].meta.keys()
    counts = len(traces), sum(len(t.steps) for t in traces), sum(len(t.calls) for t in traces)
    lists = tuple(problems), tuple(sorted(unknown)), tuple(said)
    if problems:
        text = f"{path}: {len(problems)} of {len(problems) + len(traces)} records skipped; first {problems[0]}. "
        warnings.warn(text + "All are in .report.problems.", SkippedRecords, stacklevel=3)
    return Traces(traces, ImportReport(path, format_.name, decided, *counts, *lists))


def _remains(raw: str) -> dict[str, Any]:
    """Fields with an id that broken text still shows: those before its first list and after its last one."""
    head, _, rest = readable(raw).rstrip().removesuffix("]").partition("[")
    pairs = list(SCALAR_FIELD.finditer(head + rest.rpartition("]")[2]))
    return {m[1]: m[2] or m[3] for m in reversed(pairs)}


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
