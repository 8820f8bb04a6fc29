"""Our own JSONL: a line for each Trace, as `write_traces` writes it."""

from dataclasses import fields, replace

from toolkit.records import validate
from toolkit.traces.formats.format import Format, Record
from toolkit.traces.trace import Step, Trace


def _read(record: Record, id_: str) -> Trace:
    trace = validate(Trace, {"id": id_, **record})
    pairs = zip(trace.steps, record["steps"], strict=True)
    steps = tuple(replace(step, data=_others(raw, Step) | step.data) for step, raw in pairs)
    return replace(trace, id=id_, steps=steps, meta=_others(record, Trace) | trace.meta)


def _others(record: Record, kind: type[Step | Trace]) -> dict[str, object]:
    known = {field.name for field in fields(kind)}
    return {name: value for name, value in record.items() if name not in known}


FORMAT = Format("fieldbook", lambda record: isinstance(record.get("steps"), list), _read)
