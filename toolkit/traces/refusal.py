"""Why a file has no traces: what it looks like, and what to do."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from shlex import quote
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.decode import TOO_DEEP, readable
from toolkit.traces.foreign import looks_foreign
from toolkit.traces.formats import Columns, Format, likely_columns
from toolkit.traces.scan import RawRecord, text_of

SHOWN_CHARS = 60
"""How much of the begin of a file is shown."""
SHOWN_FIELDS = 12
"""How many of the fields of its first object are shown."""
MOST_COLUMNS = 40
"""How many of the columns of a table are shown."""
MOST_NEAREST = 3
"""How many forms are named that a record is like, and for how many reasons."""
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
    why = f"no traces found: it begins with {_beginning(content)}."
    objects = []
    broken = None
    deep = None
    for record in first:
        if isinstance(record.value, dict):
            objects.append(record.value)
        if record.error:
            broken = broken or record
        if record.n_cut:
            deep = deep or record
    foreign = looks_foreign(content, objects)
    if foreign is not None:
        return RecordError(f"no traces found. {foreign}", path)
    if broken is not None:
        why += f" Record {broken.number}, line {broken.line}: {broken.error}."
    if deep is not None and TOO_DEEP not in why:
        why += f" Record {deep.number} is {TOO_DEEP} to be read whole."
    if objects:
        looks = what_it_looks_like(path, objects)
        like = nearest(objects[0], formats)
        why += f" {looks}{like}"
    known = f"read_traces knows {len(formats)} forms (see notebooks/pages/exports.md), and rows"
    known += " with an input and an output; for other columns see --input (in Python: input=)"
    return RecordError(f"{why} {known}", path)


def refusal_of_table(path: str, names: Iterable[str], rows: Sequence[RawRecord]) -> RecordError:
    """The error of a table whose columns have no usual names: how they can be named.

    Parameters
    ----------
    path
        The file, or the archive that it is in; empty for a DataFrame.
    names
        Its columns.
    rows
        Its first rows.
    """
    columns = [readable(name) for name in names if name.strip()]
    records = [row.value for row in rows if isinstance(row.value, dict)]
    listed = ", ".join(columns[:MOST_COLUMNS])
    call = naming_call(path, likely_columns(columns, records))
    why = (
        "read as a table, it has no columns that are known to be the input and the output; "
        f"its columns are: {listed}. Name those that you mean, as in {call}"
    )
    return RecordError(why, path or "DataFrame")


def naming_call(path: str, columns: Columns) -> str:
    """How the columns of a table are named, at the command line and in Python."""
    options = ""
    arguments = ""
    for name, column in columns._asdict().items():
        if column is not None:
            options += f" --{name} {quote(column)}"
            arguments += f", {name}={column!r}"
    if not path:
        return f"traces_from_frame(df{arguments})"
    return f"fieldbook view {quote(path)}{options} (in Python: read_traces({path!r}{arguments}))"


def _beginning(content: bytes) -> str:
    """The first characters of a file that are no space, in quotes."""
    first = re.search(rb"\S", content)
    if first is None:
        return "nothing at all"
    begin = first.start()
    # a character of UTF-8 has four bytes at most
    end = begin + 4 * SHOWN_CHARS
    text = text_of(content[begin:end])
    shown = text[:SHOWN_CHARS].rstrip()
    return repr(readable(shown))


def what_it_looks_like(path: str, objects: list[dict[str, Any]]) -> str:
    """What a stranger sees in objects: their fields, and how rows of them can be read."""
    first = objects[0]
    fields = ", ".join(_names(first))
    if not _are_rows(objects):
        return f"Its objects have the fields {fields}."
    call = naming_call(path, likely_columns(first, objects))
    return f"These look like rows with the columns {fields}: name those you mean, as in {call}."


def _are_rows(objects: list[dict[str, Any]]) -> bool:
    """Whether objects are rows of a table: several, each of several texts or numbers."""
    first = objects[0]
    if len(objects) == 1 or len(first) == 1:
        return False
    return not any(isinstance(value, dict | list) for value in first.values())


def _names(record: Mapping[str, Any]) -> list[str]:
    """The names of the first fields of a record, as they can be shown."""
    return [readable(str(name)) for name in list(record)[:SHOWN_FIELDS]]


def nearest(record: Mapping[str, Any], formats: Mapping[str, Format]) -> str:
    """The forms that a record is like, and what it lacks to be of one; the likest first.

    Parameters
    ----------
    record
        Of no known form.
    formats
        The forms that were tried, by name.
    """
    forms: dict[str, list[str]] = {}
    likeness: Counter[str] = Counter()
    names = _names(record)
    for form, format_ in formats.items():
        for field in format_.fields:
            lack, percent = _lack(field, names)
            if lack:
                forms.setdefault(lack, []).append(form)
                likeness[lack] = percent
    shown: list[str] = []
    for lack, _ in likeness.most_common(MOST_NEAREST):
        listed = ", ".join(forms[lack][:MOST_NEAREST])
        shown.append(f"{listed} ({lack})")
    if not shown:
        return ""
    listed = "; ".join(shown)
    return f" Nearest: {listed}."


def _lack(field: str, names: list[str]) -> tuple[str, int]:
    """What a record with fields of these `names` lacks of a field of a form.

    Empty where none of them is like it; and how like the nearest is, in percent.
    """
    if field in names:
        return f"its field {field} holds something else there", 100
    for name in get_close_matches(field, names, n=1, cutoff=ALIKE):
        likeness = SequenceMatcher(None, field, name).ratio()
        return f"it has {field} where this has {name}", round(100 * likeness)
    return "", 0
