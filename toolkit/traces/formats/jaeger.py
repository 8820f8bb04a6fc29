"""Jaeger: traces of its API and its page, whose spans have their attributes as tags."""

from collections.abc import Mapping
from typing import Any

from toolkit.traces.fields import fields_of, object_in, objects_in, objects_of, others
from toolkit.traces.formats.attributes import attributes_of
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.jaeger_links import CHILD_OF, follow
from toolkit.traces.formats.otel import Stated, error_of, trace_of_stated
from toolkit.traces.ids import Record, first_id
from toolkit.traces.spans import NOTES, Span
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace
from toolkit.traces.usage import number_of

MICROSECONDS = 1_000_000
HOMES = (
    "traceID",
    "spanID",
    "parentSpanID",
    "operationName",
    "references",
    "startTime",
    "duration",
    "tags",
    "logs",
    "processID",
)
"""The fields of a span that have a home in a `Span`."""


def _read(record: Record, id_: str) -> Trace:
    processes = object_in(record, "processes")
    stated: list[Stated] = []
    resources: dict[str, Any] = {}
    for name, process in processes.items():
        resources[name] = _resource(fields_of(process))
    spans = objects_in(record, "spans")
    for number, written in enumerate(spans):
        attributes = attributes_of(written.get("tags"))
        events = [_event(log) for log in objects_in(written, "logs")]
        span = _span(written, attributes, f"span-{number + 1}")
        _add_process(span, written, resources)
        stated.append(Stated(span, attributes, events))
    notes = follow([entry.span for entry in stated], spans)
    meta = others(record, ("traceID", "spans", "processes"))
    described = list(resources.values())
    if described:
        meta["resource"] = described if len(described) > 1 else described[0]
    if notes:
        meta[NOTES] = notes
    return trace_of_stated(stated, id_, meta)


def _span(written: Record, attributes: dict[str, Any], own_id: str) -> Span:
    """A span without its tags; what says whether it failed is taken out of them."""
    span = Span(first_id(written, "spanID") or own_id)
    span.parent = first_id(written, "parentSpanID")
    for reference in objects_of(written.get("references")):
        if reference.get("refType", CHILD_OF) == CHILD_OF:
            span.parent = first_id(reference, "spanID")
    span.name = str(written.get("operationName", ""))
    span.start = epoch_s(written.get("startTime"))
    duration = number_of(written.get("duration"))
    if span.start is not None and duration is not None:
        span.end = span.start + duration / MICROSECONDS
    span.error = error_of(attributes.get("otel.status_code"))
    if span.error is None and attributes.get("error") in (True, "true"):
        span.error = True
    span.why = str(attributes.pop("otel.status_description", ""))
    span.other_fields = others(written, HOMES)
    return span


def _add_process(span: Span, written: Record, resources: Mapping[str, Any]) -> None:
    """Keep in which process a span ran, where there are several or the one is not described."""
    process = first_id(written, "processID")
    if process is None or (process in resources and len(resources) == 1):
        return
    span.other_fields["process"] = resources.get(process) or process


def _event(log: Record) -> dict[str, Any]:
    """An event of a span, under the names of OpenTelemetry."""
    attributes = attributes_of(log.get("fields"))
    name = attributes.pop("event", None)
    return {"name": name, "attributes": attributes, "time": epoch_s(log.get("timestamp"))}


def _resource(process: Record) -> dict[str, Any]:
    return others(process, ("tags",)) | attributes_of(process.get("tags"))


def _is_trace(record: Record) -> bool:
    spans = objects_in(record, "spans")
    return bool(spans) and "spanID" in spans[0] and "operationName" in spans[0]


def _id(record: Record) -> str | None:
    return first_id(record, "traceID")


FORMAT = Format(
    "jaeger",
    ("traceID", "processes"),
    _read,
    _is_trace,
    _id,
    converted=frozenset(
        {
            "spans.startTime",
            "spans.duration",
            "spans.references.refType",
            "spans.processID",
            "spans.tags.key",
            "spans.logs.fields.key",
            "processes.*.tags.key",
        }
    ),
)
