"""MLflow: a trace, whose spans have their input and output as JSON in attributes."""

from collections.abc import Iterator
from typing import Any

from toolkit.traces.decode import decoded
from toolkit.traces.fields import fields_of, object_in, objects_in, others, without
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.otel import error_of
from toolkit.traces.formats.scores import score
from toolkit.traces.formats.vendor import read_content
from toolkit.traces.ids import Record, first_id
from toolkit.traces.spans import Kind, Span, trace_of
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace
from toolkit.traces.usage import usage_of

GIVEN = "mlflow.spanInputs"
ANSWERED = "mlflow.spanOutputs"
TYPE = "mlflow.spanType"
USAGE = "mlflow.chat.tokenUsage"
MODELS = ("mlflow.llm.model", "model", "model_name")
SESSION = "mlflow.trace.session"
OWN_ID = "mlflow.traceRequestId"
KINDS: dict[str, Kind] = {
    "CHAT_MODEL": "model",
    "LLM": "model",
    "TOOL": "tool",
    "RETRIEVER": "tool",
    "AGENT": "agent",
}
HOMES = (
    "context",
    "trace_id",
    "otel_trace_id",
    "mlflow_span_dict_version",
    "span_id",
    "parent_id",
    "parent_span_id",
    "name",
    "start_time",
    "start_time_unix_nano",
    "end_time",
    "end_time_unix_nano",
    "status",
    "status_code",
    "status_message",
    "attributes",
)
"""The fields of a span that have a home in a `Span`, in the second and the third version."""
RATED = ("name", "assessment_name", "source", "feedback", "expectation", "rationale")


def _is_mlflow(record: Record) -> bool:
    spans = objects_in(object_in(record, "data"), "spans")
    return any(OWN_ID in object_in(span, "attributes") for span in spans)


def _id(record: Record) -> str | None:
    return first_id(object_in(record, "info"), "trace_id", "request_id")


def _read(record: Record, id_: str) -> Trace:
    info = object_in(record, "info")
    data = object_in(record, "data")
    spans = [_span(fields, number) for number, fields in enumerate(objects_in(data, "spans"))]
    meta = others(info, ("trace_id", "request_id", "assessments", "request_preview"))
    meta |= others(data, ("spans", "request", "response"))
    for name in ("trace_metadata", "request_metadata"):
        session = first_id(object_in(info, name), SESSION)
        if session is not None:
            meta["session"] = session
    scores = list(_scores(info))
    if scores:
        meta["scores"] = scores
    return trace_of(spans, id_, meta)


def _span(fields: Record, number: int) -> Span:
    attributes = {}
    for name, value in object_in(fields, "attributes").items():
        attributes[name] = decoded(value)
    context = object_in(fields, "context")
    status = object_in(fields, "status")
    own_id = first_id(fields, "span_id") or first_id(context, "span_id")
    span = Span(own_id or f"span-{number + 1}")
    span.parent = first_id(fields, "parent_span_id", "parent_id")
    span.name = str(fields.get("name", ""))
    span.kind = KINDS.get(str(attributes.get(TYPE)), "other")
    span.start = epoch_s(fields.get("start_time_unix_nano", fields.get("start_time")))
    span.end = epoch_s(fields.get("end_time_unix_nano", fields.get("end_time")))
    span.error = error_of(fields.get("status_code", status.get("code")))
    span.why = str(fields.get("status_message") or status.get("message") or "")
    if span.kind == "agent":
        span.agent = span.name
    read_content(span, attributes, GIVEN, ANSWERED)
    if span.kind == "model":
        span.usage = usage_of(fields_of(attributes.pop(USAGE, None)))
        span.model = _model(attributes)
    rest = without(attributes, GIVEN, ANSWERED, OWN_ID)
    span.other_fields = others(fields, HOMES) | {"attributes": rest}
    return span


def _model(attributes: Record) -> str | None:
    """The model of a call: as the span says it, or as its answer or its question does."""
    owners = (attributes, attributes.get(ANSWERED), attributes.get(GIVEN))
    for owner in owners:
        name = first_id(fields_of(owner), *MODELS)
        if name is not None:
            return name
    return None


def _scores(info: Record) -> Iterator[dict[str, Any]]:
    """What people, models and code said of the trace; an expectation is what was wanted of it."""
    for entry in objects_in(info, "assessments"):
        source = object_in(entry, "source")
        value = object_in(entry, "feedback").get("value")
        more = others(entry, RATED)
        if entry.get("expectation"):
            more["expectation"] = entry["expectation"]
        kind = str(source.get("source_type")).replace("_", " ")
        name = entry.get("assessment_name") or entry.get("name")
        rater = first_id(source, "source_id")
        yield score(name, value, kind, entry.get("rationale"), rater, more)


FORMAT = Format(
    "mlflow",
    ("data",),
    _read,
    _is_mlflow,
    _id,
    converted=frozenset(
        {
            "info.assessments.source.source_type",
            "data.spans.context.trace_id",
            "data.spans.trace_id",
            "data.spans.otel_trace_id",
            "data.spans.mlflow_span_dict_version",
            "data.spans.start_time_unix_nano",
            "data.spans.end_time_unix_nano",
            "data.spans.status_code",
            "data.spans.status.code",
        }
    ),
)
