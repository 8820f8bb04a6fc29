"""OTLP as JSON: what OpenTelemetry's collector and exporters write to a file."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from toolkit.records import RecordError, canonical
from toolkit.traces.decode import decoded
from toolkit.traces.extension import EXTENSION, restored
from toolkit.traces.fields import object_in, objects_of, others, without
from toolkit.traces.formats.attributes import attributes_of
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.otel import Stated, error_of, trace_of_stated
from toolkit.traces.ids import Record, first_id
from toolkit.traces.spans import Span
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace

RESOURCES = ("resourceSpans", "resource_spans", "batches")
"""The fields that hold spans by their resource, the last as Grafana's Tempo answers."""
SCOPES = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans")
TRACE_ID = "fieldbook.trace.id"
"""The attribute in which our own writer keeps the id of a trace, which need not be a number."""
NO_PARENT = ("", "0000000000000000", None)
"""The ids of a parent that is none."""
CONVERTED = frozenset(
    (
        "span.attributes.key",
        "span.events.attributes.key",
        "**.resource.attributes.key",
        "**.scope.attributes.key",
        "**.kvlistValue.values.key",
        "span.status.code",
    )
)


def first_of(fields: Mapping[str, Any], *names: str) -> Any:
    """The value of the first of `names` that is there."""
    for name in names:
        if fields.get(name) not in (None, ""):
            return fields[name]
    return None


def _opened(document: Record) -> Record:
    """A document with its spans, also where it stands in an answer of Tempo or Grafana."""
    inner = object_in(document, "trace")
    return {**without(document, "trace"), **inner} if _has_resources(inner) else document


def _parts(document: Record) -> Iterator[Record]:
    """Each span of a document, with the resource and the scope that it stands in."""
    n_spans = 0
    document = _opened(document)
    beside = others(document, RESOURCES)
    for resource in objects_of(first_of(document, *RESOURCES)):
        about = object_in(resource, "resource")
        more = others(about, ("attributes",)) | others(resource, ("resource", *SCOPES))
        for scope in objects_of(first_of(resource, *SCOPES)):
            around = {
                "document": beside,
                "resource": attributes_of(about.get("attributes")) | more,
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
    attributes = attributes_of(about.get("attributes"))
    return others(about, ("attributes",)) | attributes | more


def _trace_id(part: Record) -> str | None:
    span = object_in(part, "span")
    return first_id(span, "traceId", "trace_id")


def read_document(document: Record, id_: str) -> Trace:
    """The trace of a document that holds one."""
    return _read({"records": list(_parts(document))}, id_)


def _read(record: Record, id_: str) -> Trace:
    meta = _around(record["records"])
    stated: list[Stated] = []
    for number, part in enumerate(record["records"]):
        written = part["span"]
        attributes = attributes_of(written.get("attributes"))
        if EXTENSION in attributes:
            meta[EXTENSION] = decoded(attributes.pop(EXTENSION))
        span = _span(written, number)
        stated.append(Stated(span, attributes, _events(written.get("events"))))
    return restored(trace_of_stated(stated, id_, meta))


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
    span.other_fields = {
        name: value for name, value in fields.items() if name not in READ and value
    }
    return span


READ = {
    "traceId",
    "spanId",
    "parentSpanId",
    "startTimeUnixNano",
    "endTimeUnixNano",
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
        about["attributes"] = attributes_of(event.get("attributes"))
        read.append(about)
    return read


def _around(parts: Iterable[Record]) -> dict[str, Any]:
    """The resources and the scopes of the spans, each once."""
    meta: dict[str, Any] = {}
    for name in ("document", "resource", "scope"):
        distinct: dict[str, Any] = {}
        for part in parts:
            value = part["resourceSpans"][name]
            if value:
                distinct.setdefault(canonical(value), value)
        values = list(distinct.values())
        if values:
            meta[name] = values[0] if len(values) == 1 else values
    return meta


def _is_otlp(document: Record) -> bool:
    return _has_resources(document) or _has_resources(object_in(document, "trace"))


def _has_resources(document: Record) -> bool:
    """Whether it holds spans by their resource; batches may be anybody's."""
    if any(isinstance(document.get(name), list) for name in RESOURCES[:2]):
        return True
    batches = objects_of(document.get("batches"))
    return any(first_of(batch, *SCOPES) for batch in batches)


def _record_id(record: Record) -> str | None:
    """The id that our own writer gave the trace, else the one that all its spans have."""
    parts = record.get("records") or [record]
    for part in parts:
        span = object_in(part, "span")
        pairs = span.get("attributes")
        if isinstance(pairs, list):
            pairs = [
                pair for pair in pairs if isinstance(pair, dict) and pair.get("key") == TRACE_ID
            ]
        own_id = first_id(attributes_of(pairs), TRACE_ID)
        if own_id is not None:
            return own_id
    return _trace_id(parts[0])


FORMAT = Format(
    "otlp",
    (*RESOURCES, "trace"),
    _read,
    _is_otlp,
    _record_id,
    _parts,
    _trace_id,
    converted=CONVERTED,
)
