"""Rows of a table: an input and an output, and an id where there is one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Source, Trace

ID_COLUMNS = ("id", "trace_id")
INPUTS = ("input", "prompt", "question")
OUTPUTS = ("output", "response", "answer", "completion")


def find_columns(names: Sequence[str], file: str) -> tuple[str | None, str, str]:
    """The columns of id (None where there is none), input and output, by their usual names.

    Raises RecordError, with the columns and the call to use, where one is not found.
    """
    id_column = _first_column(names, ID_COLUMNS)
    input_column = _first_column(names, INPUTS)
    output_column = _first_column(names, OUTPUTS)
    if input_column is None or output_column is None:
        missing = "input" if input_column is None else "output"
        call = f"traces_from_frame(pandas.read_csv({file!r}), id=..., input=..., output=...)"
        raise RecordError(
            f"read as a table, it has no column that is known to be the {missing}; "
            f"its columns are: {', '.join(names)}. Name them: {call}",
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
    id_column: str | None, input_column: str, output_column: str, source: Source = "imported"
) -> Format:
    """The format of rows with these columns; the others go to meta."""

    def read(record: Record, id_: str) -> Trace:
        if id_column is not None and first_id(record, id_column) is None:
            raise RecordError("the id is missing", field=id_column)
        transcript = Transcript()
        transcript.read_all(_cell_messages(record[input_column], "user"))
        transcript.read_all(_cell_messages(record[output_column], "assistant"))
        if not transcript.steps:
            raise RecordError("the input and the output are both empty")
        trace = transcript.trace(id_, record, id_column, input_column, output_column)
        return replace(trace, source=source)

    def record_id(record: Record) -> str | None:
        return first_id(record, id_column or "")

    return Format("table", (input_column,), read, record_id=record_id)


def _cell_messages(cell: Any, role: str) -> list[Any]:
    """The messages in a cell, which holds a list of them, the words of one, or nothing."""
    if cell is None or cell == "":
        return []
    return cell if isinstance(cell, list) else [{"role": role, "content": str(cell)}]
