"""OpenAI's Agents SDK: a trace and its spans, as its exporter sends them."""

from collections.abc import Iterable
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import fields_of, stated_only, without
from toolkit.traces.formats.exchange import first_record
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id, id_text
from toolkit.traces.spans import NOTES, Span, trace_of
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace
from toolkit.traces.usage import usage_of

MODEL_SPANS = ("generation", "response")
READ = ("type", "name", "input", "output", "model", "usage")
"""The fields of a span's data that become steps, or a field of one."""
"""The fields of a span that become a field of a `Span`."""
PLACE = ("object", "id", "trace_id", "parent_id", "started_at", "ended_at", "span_data", "error")
ONLY_IDS = "what was asked and answered is not in the file, only the ids of the replies: {}"


def _knows(record: Record) -> bool:
    if record.get("object") == "trace":
        return "workflow_name" in record or "group_id" in record
    if isinstance(record.get("spans"), list):
        return any(_is_span(span) for span in record["spans"])
    return _is_span(record)


def _is_span(record: Any) -> bool:
    is_object = isinstance(record, dict) and record.get("object") == "trace.span"
    return is_object and isinstance(record.get("span_data"), dict)


def _opened(record: Record) -> Iterable[Record]:
    """A trace and its spans, where both stand in one object."""
    if not isinstance(record.get("spans"), list):
        return [record]
    head = record.get("trace")
    if not isinstance(head, dict):
        others = without(record, "spans")
        head = {"object": "trace", **others}
    return [head, *record["spans"]]


def _trace_id(record: Record) -> str | None:
    return first_id(first_record(record), "trace_id", "id")


def _read(record: Record, id_: str) -> Trace:
    meta: dict[str, Any] = {}
    spans: list[Span] = []
    n_silent = 0
    for part in record["records"]:
        if _is_span(part):
            spans.append(_span(part))
            n_silent += _is_silent(part["span_data"])
        else:
            meta |= _about(part)
    if n_silent:
        meta[NOTES] = [ONLY_IDS.format(n_silent)]
    trace = trace_of(spans, id_, meta)
    if not trace.steps:
        why = ONLY_IDS.format(n_silent) if n_silent else "they are all empty"
        raise RecordError(f"no span holds words: {why}")
    return trace


def _about(head: Record) -> dict[str, Any]:
    """What a trace says of itself."""
    about = without(head, "object", "id")
    about["session"] = head.get("group_id")
    return {name: value for name, value in about.items() if value not in (None, {}, [])}


def _is_silent(data: Record) -> bool:
    """Whether a span of a response says neither what was asked nor what was answered."""
    if data.get("input") or data.get("output"):
        return False
    return data.get("type") == "response"


def _span(record: Record) -> Span:
    data = record["span_data"]
    type_ = str(data.get("type"))
    asked = data.get("input")
    answered = data.get("output")
    span = Span(
        id=str(record.get("id")),
        parent=id_text(record.get("parent_id")),
        name=str(data.get("name") or type_),
        start=epoch_s(record.get("started_at")),
        end=epoch_s(record.get("ended_at")),
        other_fields=without(data, *READ) | without(record, *PLACE),
        as_written=stated_only({"input": asked, "output": answered}),
    )
    if "error" in record:
        error = record["error"]
        span.error = bool(error)
        message = fields_of(error).get("message")
        span.why = str(message or error or "")
    if type_ == "agent":
        span.kind = "agent"
        span.agent = span.name
    elif type_ == "function":
        span.kind = "tool"
        span.arguments = asked
        span.result = answered
    elif type_ in MODEL_SPANS:
        span.kind = "model"
        span.model = data.get("model")
        usage = fields_of(data.get("usage"))
        span.usage = usage_of(usage)
        span.input = _messages(asked, "user")
        span.output = _messages(answered, "assistant")
    return span


def _messages(value: Any, role: str) -> list[Any]:
    """The messages that a span was given or gave: a list, or words alone."""
    if isinstance(value, list):
        return value
    if not value:
        return []
    return [{"role": role, "content": value}]


FORMAT = Format(
    "openai-agents",
    ("object", "spans"),
    _read,
    _knows,
    _trace_id,
    parts=_opened,
    group=_trace_id,
)
