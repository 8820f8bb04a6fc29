"""Spans of tools that have no form of their own here, by the usual names of their fields.

Weave's calls, Mastra's and Opik's spans are read so: each has a trace, a parent, an input and an
output.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from toolkit.traces.fields import fields_of, object_in, objects_in, others
from toolkit.traces.formats.exchange import first_record
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.vendor import read_content
from toolkit.traces.ids import Record, first_id, id_text
from toolkit.traces.spans import Kind, Span, trace_of
from toolkit.traces.spelling import spellings, stated
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace
from toolkit.traces.usage import usage_of

IDS = ("span_id", "id")
PARENTS = ("parent_span_id", "parent_id")
STARTS = ("start_time", "started_at")
ENDS = ("end_time", "ended_at")
GIVEN = ("input", "inputs")
ANSWERED = ("output", "outputs")
TYPES = ("span_type", "type", "kind")
NAMES = ("name", "display_name", "op_name")
ERRORS = ("error", "error_info", "exception")
USAGES = ("usage", "usage_metadata")
KINDS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile("chunk"), "other"),  # a piece of what a model's span holds as a whole
    (re.compile("llm|model|generation|chat|completion"), "model"),
    (re.compile("tool|retriever|retrieval"), "tool"),
    (re.compile("agent"), "agent"),
)
"""The words for what a span is of, in its type."""
OPERATION = re.compile(r"weave:///[^:]+/op/([^/:]+)(?::.*)?|[a-z ]+: '(.+)'", re.IGNORECASE)
"""How Weave names what was called, and how Mastra does; no part can end where another one may."""
MODEL_CALLS = re.compile(r"completions?$|(completions|messages|responses)\.create|generate_content")
"""The names of operations that call a model."""


def _spelled(names: Iterable[str]) -> list[str]:
    """The names of fields in each spelling."""
    spelled: list[str] = []
    for name in names:
        spelled += spellings(name)
    return spelled


TRACES = spellings("trace_id")
PLACES = _spelled(("trace_id", *IDS, *PARENTS, *STARTS, *ENDS))
HOMES = (*PLACES, *GIVEN, *ANSWERED, *_spelled(ERRORS))
"""The fields that have a home in a `Span`."""


def _spans(record: Record) -> list[Record]:
    """The spans of a document, or the record, which is then one."""
    spans: list[Record] = [*objects_in(record, "spans")]
    return spans or [record]


def _knows(record: Record) -> bool:
    return any(map(_is_span, _spans(record)))


def _is_span(record: Record) -> bool:
    """Whether it has a place in a trace, a name, a time, and what was given or answered."""
    for names in (("trace_id",), IDS, NAMES, STARTS):
        if stated(record, *names) is None:
            return False
    return _first(record, *GIVEN, *ANSWERED) is not None


def _first(record: Record, *names: str) -> str | None:
    """The first of the fields `names` that is there."""
    for name in names:
        if name in record:
            return name
    return None


def _trace_id(record: Record) -> str | None:
    return first_id(first_record(record), *TRACES)


def _read(record: Record, id_: str) -> Trace:
    spans = [_span(row, number) for number, row in enumerate(record["records"])]
    return trace_of(spans, id_, {})


def _span(row: Record, number: int) -> Span:
    span = Span(id_text(stated(row, *IDS)) or f"span-{number + 1}")
    span.parent = id_text(stated(row, *PARENTS))
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
    read_content(span, row, _first(row, *GIVEN) or "input", _first(row, *ANSWERED) or "output")
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
    """The usage of a span: its own, that among its attributes, or, in Weave, that of its models."""
    for owner in (row, object_in(row, "attributes")):
        usage = stated(owner, *USAGES)
        if isinstance(usage, dict):
            return usage_of(usage)
    total: Counter[str] = Counter()
    for usage in object_in(object_in(row, "summary"), "usage").values():
        total.update(usage_of(fields_of(usage)))
    return dict(total)


def _model(row: Record) -> str | None:
    answer = fields_of(stated(row, *ANSWERED))
    for owner in (row, object_in(row, "attributes"), answer, fields_of(stated(row, *GIVEN))):
        model = first_id(owner, "model", "model_name", "model_id")
        if model is not None:
            return model
    return None


IN_DOCUMENT = [f"spans.{name}" for name in PLACES]
FORMAT = Format(
    "spans",
    (*TRACES, "spans"),
    _read,
    _knows,
    _trace_id,
    parts=_spans,
    group=_trace_id,
    converted=frozenset([*PLACES, *IN_DOCUMENT]),
)
