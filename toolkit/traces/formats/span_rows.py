"""Spans of tools that have no form of their own here, by the usual names of their fields.

Weave's calls, Mastra's and Opik's spans are read so: each has a trace, a parent, an input and an
output.
"""

import re
from typing import Any

from toolkit.traces.fields import fields_of, object_in, objects_in, others
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.vendor import read_content
from toolkit.traces.ids import Record, first_id
from toolkit.traces.spans import Kind, Span, trace_of
from toolkit.traces.spelling import spellings, stated
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace
from toolkit.traces.usage import usage_of

TRACES = spellings("trace_id")
IDS = (*spellings("span_id"), "id")
PARENTS = (*spellings("parent_span_id"), *spellings("parent_id"))
STARTS = (*spellings("start_time"), *spellings("started_at"))
ENDS = (*spellings("end_time"), *spellings("ended_at"))
GIVEN = ("input", "inputs")
ANSWERED = ("output", "outputs")
TYPES = (*spellings("span_type"), "type", "kind")
NAMES = ("name", *spellings("display_name"), *spellings("op_name"))
ERRORS = ("error", *spellings("error_info"), "exception")
USAGES = ("usage", *spellings("usage_metadata"))
KINDS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile("chunk"), "other"),  # a piece of what a model's span holds as a whole
    (re.compile("llm|model|generation|chat|completion"), "model"),
    (re.compile("tool|retriever|retrieval"), "tool"),
    (re.compile("agent"), "agent"),
)
"""The words for what a span is of, in its type."""
OPERATION = re.compile(r"weave:///.+/op/([^:]+)(?::.*)?|[a-z ]+: '(.+)'", re.IGNORECASE)
"""How Weave names what was called, and how Mastra does."""
MODEL_CALLS = re.compile(r"completions?$|(completions|messages|responses)\.create|generate_content")
"""The names of operations that call a model."""
HOMES = (*TRACES, *IDS, *PARENTS, *STARTS, *ENDS, *GIVEN, *ANSWERED, *ERRORS)
CONVERTED = (*TRACES, *IDS, *PARENTS, *STARTS, *ENDS)


def _first(record: Record, names: tuple[str, ...]) -> str | None:
    """The first of the fields `names` that is there."""
    for name in names:
        if name in record:
            return name
    return None


def _spans(record: Record) -> list[Record]:
    """The spans of a document, or the record, which is then one."""
    spans: list[Record] = [*objects_in(record, "spans")]
    return spans or [record]


def _knows(record: Record) -> bool:
    return _is_span(_spans(record)[0])


def _is_span(record: Record) -> bool:
    """Whether it has a place in a trace, a time, and what was given or answered."""
    for names in (TRACES, IDS, NAMES, STARTS):
        if _first(record, names) is None:
            return False
    return _first(record, (*GIVEN, *ANSWERED)) is not None


def _trace_id(record: Record) -> str | None:
    if "records" in record:
        record = record["records"][0]
    return first_id(record, *TRACES)


def _read(record: Record, id_: str) -> Trace:
    spans = [_span(row, number) for number, row in enumerate(record["records"])]
    return trace_of(spans, id_, {})


def _span(row: Record, number: int) -> Span:
    span = Span(first_id(row, *IDS) or f"span-{number + 1}")
    span.parent = first_id(row, *PARENTS)
    span.name = _name(row)
    span.start = epoch_s(stated(row, *STARTS))
    span.end = epoch_s(stated(row, *ENDS))
    span.kind = _kind(row)
    error = stated(row, *ERRORS)
    if error:
        span.error = True
        span.why = str(fields_of(error).get("message") or error)
    if span.kind == "agent":
        span.agent = span.name
    read_content(span, row, _first(row, GIVEN) or "input", _first(row, ANSWERED) or "output")
    if span.kind == "model":
        span.usage = _usage(row)
        span.model = _model(row)
    span.other_fields = others(row, HOMES)
    return span


def _name(row: Record) -> str:
    name = str(stated(row, *NAMES) or "")
    operation = OPERATION.fullmatch(name)
    return operation[1] or operation[2] if operation else name


def _kind(row: Record) -> Kind:
    type_ = str(stated(row, *TYPES)).lower()
    if MODEL_CALLS.search(_name(row)):
        return "model"
    for words, kind in KINDS:
        if words.search(type_):
            return kind
    return "other"


def _usage(row: Record) -> dict[str, Any]:
    """The usage of a span: its own, that among its attributes, or, in Weave, that of each model."""
    for owner in (row, object_in(row, "attributes")):
        usage = stated(owner, *USAGES)
        if isinstance(usage, dict):
            return usage_of(usage)
    by_model = object_in(object_in(row, "summary"), "usage")
    for usage in by_model.values():
        return usage_of(fields_of(usage))
    return {}


def _model(row: Record) -> str | None:
    answer = fields_of(stated(row, *ANSWERED))
    for owner in (row, object_in(row, "attributes"), answer, fields_of(stated(row, *GIVEN))):
        model = first_id(owner, "model", "model_name", "model_id")
        if model is not None:
            return model
    return None


FORMAT = Format(
    "spans",
    (*TRACES, "spans"),
    _read,
    _knows,
    _trace_id,
    parts=_spans,
    group=_trace_id,
    converted=frozenset({*CONVERTED, *(f"spans.{name}" for name in CONVERTED)}),
)
