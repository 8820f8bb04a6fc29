"""Why a file has no traces: what it looks like, and what to do."""

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.decode import TOO_DEEP, readable
from toolkit.traces.formats import Format
from toolkit.traces.scan import RawRecord, text_of

SHOWN_CHARS = 60
SHOWN_FIELDS = 12
MOST_NEAREST = 3
ALIKE = 0.75
"""How alike two names are, from 0 to 1, where one may be meant by the other."""


def refusal(
    path: str, content: bytes, first: Iterable[RawRecord], formats: Mapping[str, Format]
) -> RecordError:
    """The error of a file that is of no known form.

    Parameters
    ----------
    path, content
        The file.
    first
        Its first records.
    formats
        The forms that were tried.
    """
    shown = "nothing at all"
    begin = re.search(rb"\S", content)
    if begin:
        head = text_of(content[begin.start() : begin.start() + 4 * SHOWN_CHARS])
        shown = repr(readable(head[:SHOWN_CHARS].rstrip()))
    why = f"no traces found: it begins with {shown}."
    records = list(first)
    for record in records:
        if record.error:
            why += f" Record {record.number}, line {record.line}: {record.error}."
            break
    deep = [record.number for record in records if record.n_cut]
    if deep and TOO_DEEP not in why:
        why += f" Record {deep[0]} is {TOO_DEEP} to be read whole."
    objects = [record.value for record in records if isinstance(record.value, dict)]
    if objects:
        why += f" {what_it_looks_like(path, objects)}{nearest(objects[0], formats)}"
    known = f"read_traces knows {len(formats)} forms (the README names them) and CSV with a header"
    return RecordError(f"{why} {known}; for other columns see traces_from_frame", path)


def what_it_looks_like(path: str, objects: list[dict[str, Any]]) -> str:
    """What a stranger sees in objects: their fields, and how rows of them can be read."""
    fields = ", ".join(readable(str(name)) for name in list(objects[0])[:SHOWN_FIELDS])
    is_flat = not any(isinstance(value, dict | list) for value in objects[0].values())
    if len(objects) > 1 and is_flat and len(objects[0]) > 1:
        call = f"traces_from_frame(pandas.read_json({path!r}, lines=True), id=..., input=...)"
        return f"These look like rows with the columns {fields}: name the columns, as in {call}."
    return f"Its objects have the fields {fields}."


def nearest(record: Mapping[str, Any], formats: Mapping[str, Format]) -> str:
    """The forms that a record is like, and what it lacks to be of one."""
    near: dict[tuple[float, str], list[str]] = {}
    for name, format_ in formats.items():
        for field in format_.fields:
            likeness, lack = _likeness(field, record)
            if likeness >= ALIKE:
                near.setdefault((likeness, lack), []).append(name)
    ranked = sorted(near, reverse=True)[:MOST_NEAREST]
    shown = [f"{', '.join(near[key][:MOST_NEAREST])} ({key[1]})" for key in ranked]
    return f" Nearest: {'; '.join(shown)}." if shown else ""


def _likeness(field: str, record: Mapping[str, Any]) -> tuple[float, str]:
    """How much the name of a field is like one of a record, from 0 to 1, and what is amiss."""
    if field in record:
        return 1.0, f"the field {field} is there, but not as it is written there"
    likeness = 0.0
    nearest_name = ""
    for name in list(record)[:SHOWN_FIELDS]:
        ratio = SequenceMatcher(None, field, str(name)).ratio()
        if ratio > likeness:
            likeness = ratio
            nearest_name = readable(str(name))
    return likeness, f"it has {field} where this has {nearest_name}"
