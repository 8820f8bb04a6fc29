"""Fieldbook's own format: a Trace a line, as `write_traces` writes it."""

from dataclasses import fields, replace
from typing import Any

from toolkit.records import validate
from toolkit.traces.fields import without
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record
from toolkit.traces.trace import Step, Trace

TRACE_FIELDS = {field.name for field in fields(Trace)}
STEP_FIELDS = {field.name for field in fields(Step)}


def _has_steps(record: Record) -> bool:
    """Whether it has steps as we write them; a list without any may be anybody's."""
    steps = record["steps"]
    if not isinstance(steps, list):
        return False
    return any(map(_is_step, steps)) or (not steps and record.keys() <= TRACE_FIELDS)


def _is_step(value: Any) -> bool:
    return isinstance(value, dict) and ("actor" in value or "kind" in value)


def _read(record: Record, id_: str) -> Trace:
    """The trace; fields that we did not write go to its meta, or to the data of their step."""
    trace = validate(Trace, {"id": id_, **record})
    steps: list[Step] = []
    for step, written in zip(trace.steps, record["steps"], strict=True):
        data = _others(written, STEP_FIELDS) | step.data
        steps.append(replace(step, data=data))
    meta = _others(record, TRACE_FIELDS) | trace.meta
    return Trace(id_, tuple(steps), meta, trace.source)


def _others(written: Record, known: set[str]) -> dict[str, Any]:
    return without(written, *known)


FORMAT = Format("fieldbook", ("steps",), _read, _has_steps, converted=frozenset({"source"}))
