"""Braintrust: the spans of its logs, as JSON lines or as CSV with cells of JSON."""

from collections.abc import Iterator
from typing import Any

from toolkit.traces.decode import decoded
from toolkit.traces.fields import object_in, objects_in, others
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.scores import score
from toolkit.traces.formats.vendor import read_content
from toolkit.traces.ids import Record, first_id, id_text
from toolkit.traces.spans import NOTES, Kind, Span, trace_of
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace
from toolkit.traces.usage import number_of, usage_of
from toolkit.traces.words import json_text

KINDS: dict[str, Kind] = {"llm": "model", "tool": "tool"}
"""The kinds of spans by their type; ``function`` may be a tool, and is told by its name."""
PAGES = ("events", "rows", "data")
MARKS = {"span_attributes", "root_span_id", "span_parents", "metrics", "scores"}
"""The fields beside ``span_id`` that a row has, at least one."""
CONVERTED = frozenset(("id", "span_id", "root_span_id", "span_parents", "is_root"))
HOMES = CONVERTED | {
    "input",
    "output",
    "error",
    "span_attributes",
    "scores",
    "created",
    "name",
    "tags",
}
"""The fields of a row that have a home in a `Span`, or in the trace's meta."""
SESSIONS = (
    "session_id",
    "thread_id",
    "conversation_id",
)
"""The names in the metadata of the conversation that a trace is of."""
CALL_COUNTS = (
    "llm_calls",
    "tool_calls",
)
"""The metrics of a root that count the spans below it."""
ONLY_ROOT = (
    "only the root of this trace is in the file: the export called Logs (spans) has the others"
)


def _is_row(record: Record) -> bool:
    rows = [record, *objects_in(record, *PAGES)]
    return any(isinstance(row.get("span_id"), str) and bool(MARKS & row.keys()) for row in rows[:2])


def _rows(record: Record) -> Iterator[Record]:
    """The rows of a page, with the JSON in their cells read."""
    listed = [] if "span_id" in record else objects_in(record, *PAGES)
    rows: list[Record] = [*listed] or [record]
    for row in rows:
        yield {name: decoded(value) for name, value in row.items()}


def _trace_id(row: Record) -> str | None:
    return first_id(row, "root_span_id", "span_id")


def _record_id(record: Record) -> str | None:
    """The id of the root's row."""
    root = _root(record.get("records") or [record])
    if _parents(root):
        return first_id(root, "root_span_id", "id")
    return first_id(root, "id", "root_span_id", "span_id")


def _parents(row: Record) -> list[Any]:
    parents = row.get("span_parents")
    return parents if isinstance(parents, list) else []


def _span(row: Record, number: int) -> Span:
    about = object_in(row, "span_attributes")
    metrics = object_in(row, "metrics")
    span = Span(first_id(row, "span_id", "id") or f"row-{number + 1}")
    parents = _parents(row)
    if parents:
        span.parent = id_text(parents[0])
    span.name = str(about.get("name") or row.get("name") or "")
    span.kind = KINDS.get(str(about.get("type")), "other")
    span.other_fields = others(row, HOMES)
    more = others(about, ("name", "type"))
    if more:
        span.other_fields["span_attributes"] = more
    _read_times(span, row, metrics)
    _read_error(span, row.get("error"))
    read_content(span, row, "input", "output")
    if span.kind != "tool":
        span.model = first_id(object_in(row, "metadata"), "model")
    span.usage = usage_of(metrics)
    return span


def _read_times(span: Span, row: Record, metrics: Record) -> None:
    """The start and the end; where only one is stated, the duration gives the other."""
    span.start = epoch_s(metrics.get("start"))
    if span.start is None:
        span.start = epoch_s(row.get("created"))
    span.end = epoch_s(metrics.get("end"))
    duration = number_of(metrics.get("duration"))
    if span.end is None and span.start is not None and duration is not None:
        span.end = span.start + duration


def _read_error(span: Span, error: Any) -> None:
    """Why it failed: words, or an object with a message in it."""
    if not error:
        return
    span.error = True
    if isinstance(error, str):
        span.why = error
        return
    span.other_fields["error"] = error
    message = error.get("message") if isinstance(error, dict) else None
    span.why = message if isinstance(message, str) else json_text(error)


def _read(record: Record, id_: str) -> Trace:
    rows = record["records"]
    spans = [_span(row, number) for number, row in enumerate(rows)]
    scores: list[dict[str, Any]] = []
    meta: dict[str, Any] = {}
    for row in rows:
        scores += _scores(row)
        if row.get("tags"):
            meta.setdefault("tags", row["tags"])
        session = first_id(object_in(row, "metadata"), *SESSIONS)
        if session is not None:
            meta.setdefault("session", session)
    if scores:
        meta["scores"] = scores
    metrics = object_in(_root(rows), "metrics")
    duration = number_of(metrics.get("duration"))
    if duration is not None:
        meta["duration_s"] = duration
    has_calls = any(metrics.get(name) for name in CALL_COUNTS)
    if len(rows) == 1 and has_calls:
        meta[NOTES] = [ONLY_ROOT]
    return trace_of(spans, id_, meta)


def _root(rows: list[Record]) -> Record:
    """The row that has no parent; the first one where each has."""
    for row in rows:
        if not _parents(row):
            return row
    return rows[0]


def _scores(row: Record) -> Iterator[dict[str, Any]]:
    """The scores of a row. Braintrust does not say whether a person or code gave them."""
    for name, value in object_in(row, "scores").items():
        if value is not None:
            yield score(name, value, None)


FORMAT = Format(
    "braintrust",
    ("span_id", *PAGES),
    _read,
    _is_row,
    _record_id,
    _rows,
    _trace_id,
    converted=CONVERTED | {"metrics.start", "metrics.end"},
)
