"""Rows of a table: an input, an output, and an id where there is one."""

import json
import re
from ast import literal_eval
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from warnings import catch_warnings

from toolkit.records import RecordError
from toolkit.traces.brief import as_words
from toolkit.traces.contents import messages_in
from toolkit.traces.decode import decoded
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Source, Trace

ID_COLUMNS = ("id", "trace_id")
INPUTS = ("input", "prompt", "question")
ID_ENDINGS = ("id", "key")
"""How the name of a column ends that may be that of the ids."""
OUTPUTS = ("output", "response", "answer", "completion", "preferred_output")
PYTHON_VALUE = re.compile(r"\[?\s*\{\s*'")
"""How a list of objects begins, or an object, that Python wrote."""
PYTHON_CHARS = 500_000
"""The longest literal that is read: it takes many times its length in memory."""
NO_PYTHON_VALUE = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)
"""What is raised for a text that is no literal, or one of no JSON value."""


class Columns(NamedTuple):
    """The columns of a table that its traces stand in."""

    id: str | None
    """Where there is none, the ids are the rows' numbers."""
    input: str
    output: str | None


def find_columns(names: Iterable[str]) -> Columns | None:
    """The columns by their usual names; None where there is no input, or no output."""
    columns = [name for name in names if name.strip()]
    id_column = _first_column(columns, ID_COLUMNS)
    input_column = _first_column(columns, INPUTS)
    output_column = _first_column(columns, OUTPUTS)
    if input_column is None or output_column is None:
        return None
    return Columns(id_column, input_column, output_column)


def likely_columns(names: Iterable[str], rows: Sequence[Record]) -> Columns:
    """The columns that a stranger would name: by their usual names, else those with most words.

    >>> likely_columns(["key", "said", "n"], [{"key": "a", "said": "Is the shop open?", "n": "3"}])
    Columns(id='key', input='said', output=None)
    """
    columns = [name for name in names if name.strip()]
    by_words = sorted(columns, key=lambda name: -_n_words(name, rows))
    wordy = [name for name in by_words if _n_words(name, rows) > len(rows)]
    input_column = _first_column(columns, INPUTS)
    output_column = _first_column(columns, OUTPUTS)
    others = [name for name in wordy if name not in (input_column, output_column)]
    n_missing = [input_column, output_column].count(None)
    chosen = sorted(others[:n_missing], key=columns.index)
    if input_column is None:
        input_column = chosen.pop(0) if chosen else by_words[0]
    if output_column is None and chosen:
        output_column = chosen.pop(0)
    id_column = _first_column(columns, ID_COLUMNS)
    for name in columns:
        is_free = name not in (input_column, output_column)
        if id_column is None and is_free and name.lower().endswith(ID_ENDINGS):
            id_column = name
    return Columns(id_column, input_column, output_column)


def _n_words(name: str, rows: Sequence[Record]) -> int:
    """How many words stand in a column."""
    n_words = 0
    for row in rows:
        n_words += len(as_words(row.get(name)).split())
    return n_words


def _first_column(names: Sequence[str], usual: Sequence[str]) -> str | None:
    """The column with the first of the `usual` names that is there, in upper or lower case."""
    columns = {name.strip().lower(): name for name in reversed(names)}
    for name in usual:
        if name in columns:
            return columns[name]
    return None


def row_format(
    id_column: str | None,
    input_column: str,
    output_column: str | None,
    source: Source = "imported",
) -> Format:
    """The format of rows with these columns; the others go to meta."""

    def read(record: Record, id_: str) -> Trace:
        if id_column is not None and first_id(record, id_column) is None:
            raise RecordError("the id is missing", field=id_column)
        return read_row(record, id_, id_column, input_column, output_column, source)

    def record_id(record: Record) -> str | None:
        return first_id(record, id_column or "")

    return Format("table", (input_column,), read, record_id=record_id)


def read_row(
    record: Record,
    id_: str,
    id_column: str | None,
    input_column: str,
    output_column: str | None,
    source: Source = "imported",
) -> Trace:
    """The trace of a row: the messages of its input, then those of its output."""
    transcript = Transcript()
    meta = dict(record)
    for column, role in ((input_column, "user"), (output_column, "assistant")):
        if column is not None:
            content = messages_in(decoded_cell(record.get(column)), role)
            transcript.read_all(content.messages)
            meta[column] = content.beside
    if not transcript.steps:
        raise RecordError("the input and the output are both empty")
    empty = [column for column in (input_column, output_column) if meta.get(column or "") is None]
    trace = transcript.trace(id_, meta, id_column, *empty)
    return replace(trace, source=source)


def decoded_cell(cell: Any) -> Any:
    """What the JSON of a cell stands for; the cell itself where it is no JSON.

    A list or an object as Python writes it is read as well: a CSV file of pandas has them so.
    """
    value = decoded(cell)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if PYTHON_VALUE.match(text) and len(text) <= PYTHON_CHARS:
        python_value = _python_value(text)
        return value if python_value is None else python_value
    return value


def _python_value(text: str) -> Any:
    """What a literal of Python stands for, as JSON has it; None where it is none.

    >>> _python_value("[{'role': 'user', 'content': None}]")
    [{'role': 'user', 'content': None}]
    """
    # as numpy writes a list of objects: no line breaks inside a string of Python
    literal = text.replace("}\n {", "}, {")
    try:
        with catch_warnings(action="ignore"):  # a string may hold what only looks like an escape
            value = literal_eval(literal)
        return json.loads(json.dumps(value, allow_nan=False))
    except NO_PYTHON_VALUE:
        return None


def _read(record: Record, id_: str) -> Trace:
    columns = find_columns(record)
    if columns is None:
        raise RecordError("it has no input and output by their usual names")
    return read_row(record, id_, *columns)


def _has_both(record: Record) -> bool:
    """Whether it has an input and an output by their usual names."""
    return any(name in record for name in INPUTS) and any(name in record for name in OUTPUTS)


FORMAT = Format("table", INPUTS, _read, _has_both)
