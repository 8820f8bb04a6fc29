"""Our own JSONL: a line for each Trace, as `write_traces` writes it."""

from dataclasses import fields
from typing import Any

from toolkit.records import validate
from toolkit.traces.formats.format import Format, Record, first_id
from toolkit.traces.trace import Step, Trace

TRACE_FIELDS = {field.name for field in fields(Trace)}
STEP_FIELDS = {field.name for field in fields(Step)}


def _knows(record: Record) -> bool:
    return isinstance(record.get("steps"), list)


def _read(record: Record, id_: str) -> tuple[Trace, set[str]]:
    value, unknown = _sort_out({**record, "id": record.get("id", id_)}, TRACE_FIELDS, "meta")
    if isinstance(value.get("steps"), list):
        steps = [_sort_out(s, STEP_FIELDS, "data") if isinstance(s, dict) else (s, set()) for s in value["steps"]]
        value["steps"] = [step for step, _ in steps]
        unknown |= {f"steps.{name}" for _, names in steps for name in names}
    trace = validate(Trace, value)
    return Trace(id_, trace.steps, trace.meta, trace.source), unknown


def _sort_out(value: dict[str, Any], known: set[str], into: str) -> tuple[dict[str, Any], set[str]]:
    """Move unknown fields of `value` to its field `into`; what stands there already wins."""
    unknown = value.keys() - known
    rest = value.get(into, {})
    if not unknown or not isinstance(rest, dict):
        return value, set()
    kept = {name: value[name] for name in value if name in known}
    return kept | {into: {name: value[name] for name in value if name in unknown} | rest}, set(unknown)


FORMAT = Format("fieldbook", "Fieldbook's own: {id, steps, ...}", _knows, lambda r: first_id(r, "id"), _read)
