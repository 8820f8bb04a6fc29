"""OTLP as JSON: what OpenTelemetry's collector and exporters write to a file."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.decode import decoded
from toolkit.traces.extension import EXTENSION, restored
from toolkit.traces.fields import object_in, objects_of, others, without
from toolkit.traces.formats.attributes import Attributes
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.genai import read_genai
from toolkit.traces.formats.genai_events import scores_of
from toolkit.traces.formats.openinference import read_openinference
from toolkit.traces.ids import Record, first_id
from toolkit.traces.spans import Span, trace_of
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace

RESOURCES = ("resourceSpans", "resource_spans")
SCOPES = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans")
SESSIONS = ("gen_ai.conversation.id", "session.id", "langfuse.session.id")
"""The attributes that name the conversation that a trace is of."""
TRACE_ID = "fieldbook.trace.id"
"""The attribute in which our own writer keeps the id of a trace, which need not be a number."""
FAILED = (2, "2", "STATUS_CODE_ERROR", "ERROR", "StatusCode.ERROR")
WENT_WELL = (1, "1", "STATUS_CODE_OK", "OK", "StatusCode.OK")
NO_PARENT = ("", "0000000000000000", None)
"""The ids of a parent that is none."""
CONVERTED = frozenset(
    (
        "traceId",
        "spanId",
        "parentSpanId",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "timeUnixNano",
        "key",
        "stringValue",
        "intValue",
        "doubleValue",
        "boolValue",
        "code",
    )
)
MOST_LEVELS = 50


def value_of(value: Any, level: int = 0) -> Any:
    """The value that an ``AnyValue`` of OTLP holds; integers come as text.

    >>> value_of({"arrayValue": {"values": [{"intValue": "3"}, {"stringValue": "a"}]}})
    [3, 'a']
    """
    if not isinstance(value, dict) or level > MOST_LEVELS:
        return value
    for name, inner in value.items():
        match name:
            case "intValue" | "int_value":
                return _number(inner)
            case "arrayValue" | "array_value" if isinstance(inner, dict):
                items = inner.get("values")
                return [value_of(item, level + 1) for item in items or ()]
            case "kvlistValue" | "kvlist_value" if isinstance(inner, dict):
                return fields_of(inner.get("values"), level + 1)
            case _:
                return inner
    return None


def _number(text: Any) -> Any:
    try:
        return int(text)
    except (TypeError, ValueError, OverflowError):
        return text


def fields_of(pairs: Any, level: int = 0) -> dict[str, Any]:
    """Attributes by their names; some exporters write them as an object at once."""
    if isinstance(pairs, dict):
        return dict(pairs)
    fields: dict[str, Any] = {}
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, dict) and isinstance(pair.get("key"), str):
            key = pair["key"]
            fields[key] = value_of(pair.get("value"), level)
    return fields


def otel_span(
    span: Span, attributes: Mapping[str, Any], events: Iterable[Any]
) -> tuple[Span, list[dict[str, Any]]]:
    """`span` with what its attributes and events say, and the scores among them."""
    taken = Attributes(attributes)
    left = [dict(event) for event in events if isinstance(event, dict)]
    for event in left:
        if not isinstance(event.get("attributes"), dict):
            event["attributes"] = {}
    scores = scores_of(left)
    read_openinference(span, taken)
    read_genai(span, taken, left)
    if span.error and not span.why:
        error_type = str(taken.rest.get("error.type", ""))
        span.why = _exception(left) or error_type
    if taken.rest:
        span.rest["attributes"] = taken.rest
    if left:
        span.rest["events"] = left
    return span, scores


def _exception(events: Iterable[Mapping[str, Any]]) -> str:
    """What the first exception among events says; empty where there is none."""
    for event in events:
        message = event["attributes"].get("exception.message")
        if isinstance(message, str):
            return message
    return ""


def error_of(status: Any) -> bool | None:
    """Whether a span failed; None where its status is unset."""
    if status in FAILED:
        return True
    if status in WENT_WELL:
        return False
    return None


def first_of(fields: Mapping[str, Any], *names: str) -> Any:
    """The value of the first of `names` that is there."""
    for name in names:
        if fields.get(name) not in (None, ""):
            return fields[name]
    return None


def session_of(attributes: Iterable[Mapping[str, Any]]) -> str | None:
    """The conversation that the attributes of some span name."""
    for fields in attributes:
        session = first_id(fields, *SESSIONS)
        if session is not None:
            return session
    return None


def _parts(document: Record) -> Iterator[Record]:
    """Each span of a document, with the resource and the scope that it stands in."""
    n_spans = 0
    beside = others(document, RESOURCES)
    for resource in objects_of(first_of(document, *RESOURCES)):
        about = object_in(resource, "resource")
        more = others(about, ("attributes",)) | others(resource, ("resource", *SCOPES))
        for scope in objects_of(first_of(resource, *SCOPES)):
            around = {
                "document": beside,
                "resource": fields_of(about.get("attributes")) | more,
                "scope": _scope(scope),
            }
            for span in objects_of(scope.get("spans")):
                n_spans += 1
                yield {"resourceSpans": around, "span": span}
    if not n_spans:
        raise RecordError("it holds no spans", field="resourceSpans")


def _scope(scope: Record) -> dict[str, Any]:
    """What is said of the instrument that made the spans."""
    about = object_in(scope, "scope") or object_in(scope, "instrumentationLibrary")
    more = others(scope, ("scope", "instrumentationLibrary", "spans"))
    attributes = fields_of(about.get("attributes"))
    return others(about, ("attributes",)) | attributes | more


def _trace_id(part: Record) -> str | None:
    span = object_in(part, "span")
    return first_id(span, "traceId", "trace_id")


def read_document(document: Record, id_: str) -> Trace:
    """The trace of a document that holds one."""
    return _read({"records": list(_parts(document))}, id_)


def _read(record: Record, id_: str) -> Trace:
    spans: list[Span] = []
    scores: list[dict[str, Any]] = []
    attributes: list[dict[str, Any]] = []
    for number, part in enumerate(record["records"]):
        written = part["span"]
        fields = fields_of(written.get("attributes"))
        events = _events(written.get("events"))
        span, span_scores = otel_span(_span(written, number), fields, events)
        attributes.append(fields)
        span.rest.get("attributes", {}).pop(EXTENSION, None)
        spans.append(span)
        scores += span_scores
    meta = _around(record["records"])
    session = session_of(attributes)
    if session is not None:
        meta["session"] = session
    if scores:
        meta["scores"] = scores
    for fields in attributes:
        if EXTENSION in fields:
            meta[EXTENSION] = decoded(fields[EXTENSION])
    return restored(trace_of(spans, id_, meta))


def _span(fields: dict[str, Any], number: int) -> Span:
    """A span without its attributes."""
    id_ = first_id(fields, "spanId", "span_id")
    if id_ is None and "name" not in fields:
        raise RecordError("it has neither a spanId nor a name", field="spanId")
    span = Span(id_ or f"span-{number + 1}")
    parent = first_of(fields, "parentSpanId", "parent_span_id")
    if parent not in NO_PARENT:
        span.parent = str(parent)
    span.name = str(fields.get("name", ""))
    span.start = epoch_s(first_of(fields, "startTimeUnixNano", "start_time_unix_nano"))
    span.end = epoch_s(first_of(fields, "endTimeUnixNano", "end_time_unix_nano"))
    status = object_in(fields, "status")
    span.error = error_of(status.get("code"))
    span.why = str(status.get("message", ""))
    span.rest = {name: value for name, value in fields.items() if name not in READ and value}
    return span


READ = CONVERTED | {
    "trace_id",
    "span_id",
    "parent_span_id",
    "start_time_unix_nano",
    "end_time_unix_nano",
    "name",
    "attributes",
    "events",
    "status",
}
"""The fields of a span that have a home in a `Span`."""


def _events(events: Any) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = []
    for event in objects_of(events):
        about = without(event, "timeUnixNano")
        time = epoch_s(event.get("timeUnixNano"))
        if time is not None:
            about["time"] = time
        about["attributes"] = fields_of(event.get("attributes"))
        read.append(about)
    return read


def _around(parts: Iterable[Record]) -> dict[str, Any]:
    """The resources and the scopes of the spans, each once."""
    meta: dict[str, Any] = {}
    for name in ("document", "resource", "scope"):
        values: list[Any] = []
        for part in parts:
            value = part["resourceSpans"][name]
            if value and value not in values:
                values.append(value)
        if values:
            meta[name] = values[0] if len(values) == 1 else values
    return meta


def _is_otlp(document: Record) -> bool:
    return any(isinstance(document.get(name), list) for name in RESOURCES)


def _record_id(record: Record) -> str | None:
    """The id that our own writer gave the trace, else the one that all its spans have."""
    parts = record.get("records") or [record]
    for part in parts:
        span = object_in(part, "span")
        attributes = fields_of(span.get("attributes"))
        own_id = first_id(attributes, TRACE_ID)
        if own_id is not None:
            return own_id
    return _trace_id(parts[0])


FORMAT = Format(
    "otlp", RESOURCES, _read, _is_otlp, _record_id, _parts, _trace_id, converted=CONVERTED
)
