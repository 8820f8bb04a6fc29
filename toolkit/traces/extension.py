"""The extension field: what a form has no field for, so that a written trace comes back equal.

A writer reads back what it wrote, and adds what that lacks under ``fieldbook``. Other programs see
the form's own fields, and pass this one over.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from toolkit.records import RecordError, validate
from toolkit.traces.fields import without
from toolkit.traces.trace import Step, Trace

EXTENSION = "fieldbook"
"""The field in which a form holds the extension."""
NEAR = 50
"""How many steps further on a step is looked for."""


def difference(original: Trace, read: Trace) -> dict[str, Any]:
    """What `read` lacks of the trace that was written.

    Parameters
    ----------
    original
        The trace.
    read
        What the form's reader makes of it.

    Returns
    -------
    dict
        For each step of the original the place of the step that it was read as, and its fields
        that differ; in the same way the meta.
    """
    steps: list[Any] = []
    begin = 0
    for step in original.steps:
        place = _place(step, read.steps, begin)
        if place is None:
            steps.append(_whole(step))
            continue
        begin = place + 1
        changed = _changed_step(step, read.steps[place])
        if changed:
            steps.append({"at": place, **changed})
        else:
            steps.append(place)
    return {
        "n_read": len(read.steps),
        "id": original.id,
        "source": original.source,
        "steps": steps,
        "meta": _changed(original.meta, read.meta),
    }


def _whole(step: Step) -> dict[str, Any]:
    """All of a step that the form has no field for."""
    stated: dict[str, Any] = {}
    for name, value in asdict(step).items():
        if value is not None:
            stated[name] = value
    return stated


def _place(step: Step, steps: tuple[Step, ...], begin: int) -> int | None:
    """The first step from `begin` on that says the same; it is looked for nearby only."""
    for place in range(begin, min(begin + NEAR, len(steps))):
        candidate = steps[place]
        if (candidate.kind, candidate.content) == (step.kind, step.content):
            return place
    return None


def _changed_step(step: Step, read: Step) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for name in ("id", "actor", "time"):
        if getattr(step, name) != getattr(read, name):
            changed[name] = getattr(step, name)
    data = _changed(step.data, read.data)
    if data:
        changed["data"] = data
    return changed


def _changed(original: Mapping[str, Any], read: Mapping[str, Any]) -> dict[str, Any]:
    """The fields to set, and those to leave out."""
    changed: dict[str, Any] = {}
    fields = {
        n: value for n, value in original.items() if n not in read or not _same(read[n], value)
    }
    if fields:
        changed["set"] = fields
    gone = [name for name in read if name not in original]
    if gone:
        changed["drop"] = gone
    return changed


def _same(first: Any, second: Any) -> bool:
    """Whether two values are equal, and are so as JSON: True is not 1 there, and 1 not 1.0."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        if first.keys() != second.keys():
            return False
        return all(_same(value, second[name]) for name, value in first.items())
    if isinstance(first, list):
        if len(first) != len(second):
            return False
        return all(map(_same, first, second))
    return bool(first == second)


def restored(read: Trace) -> Trace:
    """`read` with what its extension says, which leaves the meta.

    An extension that does not fit, as that of a file which was changed by hand, stays in the meta.
    """
    extension = read.meta.get(EXTENSION)
    if not isinstance(extension, dict) or extension.get("n_read") != len(read.steps):
        return read
    meta = without(read.meta, EXTENSION)
    try:
        steps = [_restored_step(entry, read.steps) for entry in extension["steps"]]
        fields = {"id": extension["id"], "steps": steps, "source": extension["source"]}
        trace: Trace = validate(Trace, {**fields, "meta": _set(meta, extension["meta"])})
    except (RecordError, TypeError, ValueError, LookupError, AttributeError):
        return read
    return trace


def _restored_step(entry: Any, steps: tuple[Step, ...]) -> dict[str, Any]:
    if isinstance(entry, int):
        return asdict(steps[entry])
    if "at" not in entry:
        return dict(entry)
    step = steps[entry["at"]]
    changed = without(entry, "at", "data")
    return asdict(step) | changed | {"data": _set(step.data, entry.get("data", {}))}


def _set(fields: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with what is to be set, and without what is to be left out."""
    dropped = changed.get("drop", ())
    kept = without(fields, *dropped)
    return kept | dict(changed.get("set", {}))
