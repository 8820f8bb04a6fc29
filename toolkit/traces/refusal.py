"""Why a file has no traces: what it looks like, and what to do."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from shlex import quote
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.decode import TOO_DEEP, readable
from toolkit.traces.formats import Columns, Format, likely_columns
from toolkit.traces.scan import RawRecord, text_of

SHOWN_CHARS = 60
SHOWN_FIELDS = 12
MOST_COLUMNS = 40
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
    why = f"no traces found: it begins with {_beginning(content)}."
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
        looks = what_it_looks_like(path, objects)
        like = nearest(objects[0], formats)
        why += f" {looks}{like}"
    known = f"read_traces knows {len(formats)} forms (the README names them) and rows"
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
    names = list(first)[:SHOWN_FIELDS]
    fields = ", ".join(readable(str(name)) for name in names)
    is_flat = not any(isinstance(value, dict | list) for value in first.values())
    if len(objects) > 1 and is_flat and len(first) > 1:
        call = naming_call(path, likely_columns(first, objects))
        return f"These look like rows with the columns {fields}: name those you mean, as in {call}."
    return f"Its objects have the fields {fields}."


def nearest(record: Mapping[str, Any], formats: Mapping[str, Format]) -> str:
    """The forms that a record is like, and what it lacks to be of one; the likest first."""
    forms: dict[str, list[str]] = {}
    likeness: Counter[str] = Counter()
    names = [readable(str(name)) for name in list(record)[:SHOWN_FIELDS]]
    for form, format_ in formats.items():
        for field in format_.fields:
            for name in get_close_matches(field, names, n=1, cutoff=ALIKE):
                lack = f"it has {field} where this has {name}"
                if name == field:
                    lack = f"the field {field} is there, but not as it is written there"
                forms.setdefault(lack, []).append(form)
                likeness[lack] = round(100 * SequenceMatcher(None, field, name).ratio())
    shown: list[str] = []
    for lack, _ in likeness.most_common(MOST_NEAREST):
        listed = ", ".join(forms[lack][:MOST_NEAREST])
        shown.append(f"{listed} ({lack})")
    if not shown:
        return ""
    listed = "; ".join(shown)
    return f" Nearest: {listed}."
