"""OpenTelemetry's SDK: spans as its console exporter prints them (``span.to_json()``)."""

from toolkit.traces.fields import object_in
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.phoenix import PATHS, read_spans, trace_id
from toolkit.traces.ids import Record


def _is_printed(record: Record) -> bool:
    is_span = "trace_id" in object_in(record, "context")
    return is_span and str(record.get("kind")).startswith("SpanKind.")


FORMAT = Format(
    "opentelemetry-sdk",
    ("context",),
    read_spans,
    _is_printed,
    trace_id,
    group=trace_id,
    converted=PATHS,
)
