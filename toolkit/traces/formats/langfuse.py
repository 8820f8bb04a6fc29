"""Langfuse: traces of its API, rows of its tables, and observations of its blob export."""

import re
from collections.abc import Iterator
from typing import Any

from toolkit.traces.decode import decoded
from toolkit.traces.fields import objects_in, others
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.scores import score
from toolkit.traces.formats.vendor import read_content
from toolkit.traces.ids import Record, first_id
from toolkit.traces.spans import Kind, Span, trace_of
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace
from toolkit.traces.usage import number_of, usage_of

KINDS: dict[str, Kind] = {
    "GENERATION": "model",
    "TOOL": "tool",
    "RETRIEVER": "tool",
    "AGENT": "agent",
}
TYPES = KINDS.keys() | {
    "SPAN",
    "EVENT",
    "CHAIN",
    "EVALUATOR",
    "EMBEDDING",
    "GUARDRAIL",
}
TRACE_MARKS = {"sessionId", "userId", "environment", "release", "bookmarked", "htmlPath", "public"}
"""The fields that a row of the table of traces has beside its input, at least two."""
CONVERTED = frozenset(
    "id traceId parentObservationId type startTime endTime level trace_id "
    "parent_observation_id start_time end_time timestamp source usage usageDetails "
    "usage_details".split()
)
PATHS = CONVERTED | {f"observations.{name}" for name in CONVERTED} | {"scores.source"}
MODEL_FIELDS = {
    "model",
    "providedModelName",
    "usage",
    "usageDetails",
}
"""The fields that say something of a model, and stay as they are elsewhere."""
HOMES = CONVERTED | {"input", "output", "name", "model", "providedModelName", "statusMessage"}
TRACE_HOMES = {
    "id",
    "timestamp",
    "input",
    "output",
    "observations",
    "scores",
    "tags",
    "sessionId",
    "latency",
    "totalCost",
}
SCORE_HOMES = {"name", "value", "source", "comment", "authorUserId"}
UNDERSCORE = re.compile(r"_([a-z])")


def _camel(row: Record) -> dict[str, Any]:
    """A row in the API's spelling, with the JSON in its cells read; empty cells are left out."""
    fields: dict[str, Any] = {}
    for name, value in row.items():
        if value not in (None, ""):
            spelling = UNDERSCORE.sub(lambda match: match[1].upper(), name)
            fields[spelling] = decoded(value)
    return fields


def _opened(record: Record) -> Record:
    """A trace in one object, also where its page downloads it beside its observations."""
    trace = record.get("trace")
    if isinstance(trace, dict) and isinstance(record.get("observations"), list):
        return {**record, **trace, "observations": record["observations"]}
    return record


def _is_langfuse(record: Record) -> bool:
    rows = record.get("data")
    if isinstance(rows, list):
        return bool(rows) and isinstance(rows[0], dict) and _is_langfuse(rows[0])
    row = _camel(_opened(record))
    return _is_trace(row) or _is_observation(row)


def _is_trace(row: Record) -> bool:
    if "id" not in row or "timestamp" not in row or "messages" in row:
        return False
    if isinstance(row.get("observations"), list):
        return True
    return ("input" in row or "output" in row) and len(TRACE_MARKS & row.keys()) > 1


def _is_observation(row: Record) -> bool:
    return "traceId" in row and "startTime" in row and row.get("type") in TYPES


def _rows(record: Record) -> Iterator[Record]:
    rows = record.get("data")
    for row in rows if isinstance(rows, list) else [record]:
        if isinstance(row, dict):
            opened = dict(_opened(row))
            if isinstance(opened.get("observations"), list):
                opened.pop("trace", None)
            yield _camel(opened)


def _trace_id(row: Record) -> str | None:
    if "records" in row:
        row = row["records"][0]
    return first_id(row, "traceId", "trace_id", "id")


def _read(record: Record, id_: str) -> Trace:
    meta: dict[str, Any] = {}
    spans: list[Span] = []
    for row in record["records"]:
        observations = [row]
        if "traceId" not in row:
            meta |= _meta_of_trace(row)
            observations = [_camel(inner) for inner in objects_in(row, "observations")]
            spans.append(_root(row))
        spans += [_span(observation, len(spans)) for observation in observations]
    outermost = spans[0].id if spans and spans[0].other_fields.get("is_trace") else None
    for span in spans:
        if span.other_fields.pop("is_trace", False):
            continue
        if span.parent is None:
            span.parent = outermost
    for row in record["records"]:
        session = first_id(row, "sessionId")
        if session is not None:
            meta.setdefault("session", session)
    return trace_of(spans, id_, meta)


def _meta_of_trace(row: Record) -> dict[str, Any]:
    meta = others(row, TRACE_HOMES)
    duration = number_of(row.get("latency"))
    if duration is not None:
        meta["duration_s"] = duration
    cost = number_of(row.get("totalCost"))
    if cost is not None:
        meta["cost_usd"] = cost
    if row.get("tags"):
        meta["tags"] = row["tags"]
    scores = list(_scores(row.get("scores")))
    if scores:
        meta["scores"] = scores
    return meta


def _root(row: Record) -> Span:
    """The trace itself, as the span around its observations."""
    span = Span(f"trace {row.get('id')}", name=str(row.get("name", "")))
    span.start = epoch_s(row.get("timestamp"))
    latency = number_of(row.get("latency"))
    if span.start is not None and latency is not None:
        span.end = span.start + latency
    read_content(span, row, "input", "output")
    span.other_fields = {"is_trace": True}
    return span


def _span(row: Record, number: int) -> Span:
    span = Span(first_id(row, "id") or f"observation-{number + 1}")
    span.parent = first_id(row, "parentObservationId")
    span.name = str(row.get("name", ""))
    span.kind = KINDS.get(str(row.get("type")), "other")
    span.start = epoch_s(row.get("startTime"))
    span.end = epoch_s(row.get("endTime"))
    span.error = True if row.get("level") == "ERROR" else None
    span.why = str(row.get("statusMessage", ""))
    span.model = first_id(row, "model", "providedModelName")
    if span.kind == "agent":
        span.agent = span.name
    if span.kind == "model":
        span.usage = _usage(row)
    homes = HOMES if span.kind == "model" else HOMES - MODEL_FIELDS
    span.other_fields = others(row, homes)
    read_content(span, row, "input", "output")
    return span


def _usage(row: Record) -> dict[str, Any]:
    details = row.get("usageDetails") or row.get("usage")
    usage = usage_of(details) if isinstance(details, dict) else {}
    costs = row.get("costDetails")
    cost = costs.get("total") if isinstance(costs, dict) else None
    for stated in (cost, row.get("calculatedTotalCost"), row.get("totalCost")):
        number = number_of(stated)
        if number is not None:
            return usage | {"cost_usd": number}
    return usage


def _scores(scores: Any) -> Iterator[dict[str, Any]]:
    """The scores of a trace: objects of the API, or the values by name of the table."""
    if isinstance(scores, dict):
        scores = [{"name": name, "value": value} for name, value in scores.items()]
    for entry in scores if isinstance(scores, list) else ():
        if not isinstance(entry, dict):
            continue
        more = others(entry, SCORE_HOMES)
        value = entry.get("value")
        if value is None:
            value = more.pop("stringValue", None)
        rater = entry.get("authorUserId")
        source = entry.get("source")
        yield score(entry.get("name"), value, source, entry.get("comment"), rater, more)


FORMAT = Format(
    "langfuse",
    ("observations", "traceId", "trace_id", "timestamp", "data"),
    _read,
    _is_langfuse,
    _trace_id,
    _rows,
    _trace_id,
    converted=PATHS,
)
