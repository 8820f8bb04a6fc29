"""Phoenix: spans of its API, and rows of its DataFrame."""

import ast
from collections.abc import Iterator
from typing import Any

from toolkit.traces.decode import decoded
from toolkit.traces.fields import object_in, objects_in, others
from toolkit.traces.formats.attributes import flattened
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.otel import Stated, error_of, trace_of_stated
from toolkit.traces.formats.scores import score
from toolkit.traces.ids import Record, first_id
from toolkit.traces.spans import Span
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace

CONTEXT = ("context.span_id", "context.trace_id")
"""The columns that a row of the DataFrame has."""
ANNOTATIONS = ("annotations", "span_annotations")
"""The fields of a span that may hold its annotations."""
RESULT_HOMES = ("score", "label", "explanation")
ANNOTATION_HOMES = ("name", "annotation_name", "annotator_kind", "result", "user_id", *RESULT_HOMES)
CONVERTED = frozenset(
    "context span_id trace_id parent_id span_kind kind start_time end_time status_code "
    "status".split()
).union(CONTEXT)
PATHS = CONVERTED | {
    "annotations.annotator_kind",
    "span_annotations.annotator_kind",
    "status.status_code",
}
HOMES = CONVERTED | {"name", "status_message", "attributes", "events", "id", *ANNOTATIONS}
"""The fields of a span that have a home in a `Span`."""
MOST_REPR_CHARS = 1_000_000


def _is_span(record: Record) -> bool:
    """Whether it is a span of the API, or a row of the DataFrame."""
    page = objects_in(record, "data", "spans")
    if page:
        return _is_span(page[0])
    if all(isinstance(record.get(name), str) for name in CONTEXT):
        return True
    context = record.get("context")
    is_span = isinstance(context, dict) and "span_id" in context and "trace_id" in context
    is_printed = str(record.get("kind")).startswith("SpanKind.")  # by OpenTelemetry's SDK
    return is_span and "start_time" in record and not is_printed


def _spans(record: Record) -> Iterator[Record]:
    """The spans of a page, with the columns of a row under the fields of the API."""
    spans: list[Record] = [*objects_in(record, "data", "spans")]
    if not spans:
        spans.append(record)
    for span in spans:
        yield span if "context" in span else _from_row(span)


def _from_row(row: Record) -> Record:
    """A row of the DataFrame, whose cells may be JSON or what Python prints."""
    stated = others(row, ())
    cells = {name: _cell(value) for name, value in stated.items()}
    return dict(_fields(cells))


def _fields(row: Record) -> Iterator[tuple[str, Any]]:
    """The columns by their fields: ``context.span_id`` stands in ``context``."""
    for group in ("context", "attributes"):
        inner = object_in(row, group)
        for name, value in row.items():
            head, dot, tail = name.partition(".")
            if dot and head == group:
                inner = inner | {tail: value}
        yield group, inner
    for name, value in row.items():
        head, _, _ = name.partition(".")
        if head not in ("context", "attributes"):
            yield name, value


def _cell(value: Any) -> Any:
    """A cell's value, also where pandas wrote a list as Python prints it: literals, nothing run."""
    value = decoded(value)
    is_repr = isinstance(value, str) and value[:1] in "[{" and len(value) < MOST_REPR_CHARS
    if not is_repr:
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value


def trace_id(span: Record) -> str | None:
    """The id of the trace that a span is of."""
    if "records" in span:
        span = span["records"][0]
    own_id = first_id(object_in(span, "context"), "trace_id")
    return own_id or first_id(span, "context.trace_id")


def _attributes(span: Record) -> dict[str, Any]:
    """The attributes under dotted names; some versions write them nested."""
    fields = dict(flattened(object_in(span, "attributes")))
    kind = span.get("span_kind")
    if isinstance(kind, str) and kind != "UNKNOWN":
        fields.setdefault("openinference.span.kind", kind)
    return fields


def _span(record: Record, number: int) -> Span:
    status = object_in(record, "status")
    own_id = first_id(object_in(record, "context"), "span_id")
    span = Span(own_id or f"span-{number + 1}")
    span.parent = first_id(record, "parent_id")
    span.name = str(record.get("name", ""))
    span.start = epoch_s(record.get("start_time"))
    span.end = epoch_s(record.get("end_time"))
    status_code = record.get("status_code") or status.get("status_code")
    span.error = error_of(status_code)
    why = record.get("status_message") or status.get("description")
    span.why = str(why or "")
    span.other_fields = others(record, HOMES)
    return span


def read_spans(record: Record, id_: str) -> Trace:
    """The trace of spans under the names of OpenTelemetry's SDK, whatever their vocabulary."""
    stated: list[Stated] = []
    meta: dict[str, Any] = {"scores": []}
    for number, fields in enumerate(record["records"]):
        attributes = _attributes(fields)
        stated.append(Stated(_span(fields, number), attributes, objects_in(fields, "events")))
        meta["scores"] += _scores(fields)
        if attributes.get("tag.tags"):
            meta.setdefault("tags", attributes["tag.tags"])
    return trace_of_stated(stated, id_, meta)


def _scores(span: Record) -> Iterator[dict[str, Any]]:
    """The annotations of a span, with who gave them."""
    for annotation in objects_in(span, *ANNOTATIONS):
        result = object_in(annotation, "result") or annotation
        value = result.get("score")
        label = result.get("label")
        more = others(result, RESULT_HOMES) | others(annotation, ANNOTATION_HOMES)
        if value is None:
            value = label
        elif label is not None:
            more["label"] = label
        name = first_id(annotation, "name", "annotation_name")
        kind = annotation.get("annotator_kind")
        rater = annotation.get("user_id")
        yield score(name, value, kind, result.get("explanation"), rater, more)


FORMAT = Format(
    "phoenix",
    ("context", "context.span_id", "data", "spans"),
    read_spans,
    _is_span,
    trace_id,
    _spans,
    trace_id,
    converted=PATHS,
)
