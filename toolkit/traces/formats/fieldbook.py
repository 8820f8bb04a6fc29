"""Fieldbook's own format: a Trace a line, as `write_traces` writes it."""

from dataclasses import fields, replace
from typing import Any

from toolkit.records import validate
from toolkit.traces.formats.form import Format
from toolkit.traces.messages import Record
from toolkit.traces.trace import Step, Trace

TRACE_FIELDS = {field.name for field in fields(Trace)}
STEP_FIELDS = {field.name for field in fields(Step)}


def _has_steps(record: Record) -> bool:
    return isinstance(record["steps"], list)


def _read(record: Record, id_: str) -> Trace:
    trace = validate(Trace, {"id": id_, **record})
    steps: list[Step] = []
    for step, fields_of_step in zip(trace.steps, record["steps"], strict=True):
        data = _others(fields_of_step, STEP_FIELDS) | step.data
        steps.append(replace(step, data=data))
    meta = _others(record, TRACE_FIELDS) | trace.meta
    return replace(trace, id=id_, steps=tuple(steps), meta=meta)


def _others(record: Record, known: set[str]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in known}


FORMAT = Format("fieldbook", ("steps",), _read, _has_steps)
