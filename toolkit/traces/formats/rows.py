"""Rows of a table: an input, an output, and an id where there is one."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.decode import decode_at
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Source, Trace

ID_COLUMNS = ("id", "trace_id")
INPUTS = ("input", "prompt", "question")
OUTPUTS = ("output", "response", "answer", "completion", "preferred_output")


def find_columns(names: Iterable[str], file: str) -> tuple[str | None, str, str]:
    """The columns of id (None where there is none), input and output, by their usual names.

    Raises RecordError, with the columns and the call to use, where one is not found.
    """
    columns = [name for name in names if name.strip()]
    id_column = _first_column(columns, ID_COLUMNS)
    input_column = _first_column(columns, INPUTS)
    output_column = _first_column(columns, OUTPUTS)
    if input_column is None or output_column is None:
        missing = "input" if input_column is None else "output"
        call = f"traces_from_frame(pandas.read_csv({file!r}), id=..., input=..., output=...)"
        raise RecordError(
            f"read as a table, it has no column that is known to be the {missing}; "
            f"its columns are: {', '.join(columns)}. Name them: {call}",
            file,
        )
    return id_column, input_column, output_column


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
    transcript.read_all(_cell_messages(record.get(input_column), "user"))
    if output_column is not None:
        transcript.read_all(_cell_messages(record.get(output_column), "assistant"))
    if not transcript.steps:
        raise RecordError("the input and the output are both empty")
    trace = transcript.trace(id_, record, id_column, input_column, output_column)
    return replace(trace, source=source)


def _cell_messages(cell: Any, role: str) -> list[Any]:
    """The messages in a cell, which holds a list of them, the words of one, or nothing."""
    if cell is None or cell == "":
        return []
    messages = messages_in(cell)
    if messages is None:
        words = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
        messages = [{"role": role, "content": words}]
    return messages


def messages_in(cell: Any) -> list[Any] | None:
    """The chat messages that a cell holds, as objects or as their JSON; None where it has none.

    >>> messages_in('[{"role": "user", "content": "Is the shop open?"}]')
    [{'role': 'user', 'content': 'Is the shop open?'}]
    """
    value = decoded_cell(cell)
    if isinstance(value, dict):
        if isinstance(value.get("role"), str):
            return [value]
        inner = value.get("messages") or value.get("message")
        return messages_in(inner) if isinstance(inner, list | dict) else None
    if not isinstance(value, list) or not value:
        return None
    messages: list[Any] = []
    for element in value:
        element_messages = messages_in(element) if isinstance(element, dict) else None
        if element_messages is None:
            return None
        messages += element_messages
    return messages


def decoded_cell(cell: Any) -> Any:
    """What the JSON of a cell stands for; the cell itself where it is no list or object."""
    if not isinstance(cell, str) or not cell.lstrip().startswith(("[", "{")):
        return cell
    text = cell.strip()
    decoded = decode_at(text, 0)
    is_whole = decoded.end == len(text) and not decoded.error and not decoded.n_cut
    return decoded.value if is_whole else cell


def _read(record: Record, id_: str) -> Trace:
    _, input_column, output_column = find_columns(record, "")
    id_column = _first_column(list(record), ID_COLUMNS)
    return read_row(record, id_, id_column, input_column, output_column)


def _has_both(record: Record) -> bool:
    """Whether it has an input and an output by their usual names."""
    return any(name in record for name in INPUTS) and any(name in record for name in OUTPUTS)


FORMAT = Format("table", INPUTS, _read, _has_both)
