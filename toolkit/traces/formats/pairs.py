"""Rows of an input and an output as JSON: they are read as the rows of a table are."""

from collections.abc import Iterable
from typing import Any

from toolkit.traces.formats.form import Format
from toolkit.traces.formats.rows import ID_COLUMNS, INPUTS, OUTPUTS, row_format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.trace import Trace

INSTRUCTION = "instruction"
"""What is asked of a model in rows for training; the input, if any, is what it is asked about."""


def _columns(record: Record) -> tuple[str, str] | None:
    """The fields of input and output, where both are words or messages."""
    asked = next((name for name in (INSTRUCTION, *INPUTS) if _is_cell(record.get(name))), None)
    answer = next((name for name in OUTPUTS if _is_cell(record.get(name))), None)
    return (asked, answer) if asked and answer else None


def _is_cell(value: Any) -> bool:
    """Whether it is words, or a message or several."""
    if isinstance(value, str):
        return bool(value)
    messages = _listed(value)
    return bool(messages) and all(isinstance(part, dict) and "role" in part for part in messages)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return value["messages"] if isinstance(value.get("messages"), list) else [value]
    return value if isinstance(value, list) else []


def _knows(record: Record) -> bool:
    return _columns(record) is not None


def _read(record: Record, id_: str) -> Trace | Iterable[Trace]:
    asked, answer = _columns(record) or ("", "")
    cells = dict(record)
    id_column = next((name for name in ID_COLUMNS if first_id(record, name)), None)
    for name in (asked, answer):
        if not isinstance(record[name], str):
            cells[name] = _listed(record[name])
    about = cells.get("input") if asked == INSTRUCTION else None
    if isinstance(about, str):
        cells[asked] = f"{cells[asked]}\n\n{cells.pop('input')}".strip()
    return row_format(id_column, asked, answer).read(cells, id_)


FORMAT = Format("table", (INSTRUCTION, *INPUTS), _read, _knows)
