"""Tables: a row is a trace, with a cell for what was asked and a cell for what was answered."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from toolkit.records import RecordError, validate
from toolkit.traces.formats.chat import Message, add_message
from toolkit.traces.formats.conversation import Conversation
from toolkit.traces.scan import Found, readable, unreadable
from toolkit.traces.trace import Source, Trace

LOOKS = "CSV with a header line: a column for the input, one for the output, better still one for the id"
IDS = ("id", "trace_id")
INPUTS = ("input", "prompt", "question")
OUTPUTS = ("output", "response", "answer", "completion")
DELIMITERS = ",;\t"
CELL_CHARS = 2**31 - 1


def find_columns(names: Iterable[str], file: str) -> tuple[str | None, str, str]:
    """The columns of id (None where there is none), input and output, by their usual names.

    Raises
    ------
    RecordError
        Lists the columns, and shows the call that names them.
    """
    names = list(names)
    columns = {name.strip().lower(): name for name in reversed(names)}
    found = [next((columns[n] for n in usual if n in columns), None) for usual in (IDS, INPUTS, OUTPUTS)]
    if found[1] is None or found[2] is None:
        missing = " and ".join(w for w, f in (("input", found[1]), ("output", found[2])) if f is None)
        raise RecordError(
            f"read as a table, it has no column that is known to be the {missing}; its columns are: "
            f"{', '.join(names)}. Name them: "
            f"traces_from_frame(pandas.read_csv({file!r}), id=..., input=..., output=...)",
            file,
        )
    return found[0], found[1], found[2]


def row_trace(id_: str, asked: Any, answered: Any, meta: dict[str, Any], source: Source = "imported") -> Trace:
    """The trace of one row; a cell is text, a message, a list of messages, or None.

    Raises
    ------
    RecordError
        Where both cells are empty, or hold something else.
    """
    talk = Conversation()
    for cell, role in ((asked, "user"), (answered, "assistant")):
        for message in _messages(cell, role):
            add_message(talk, message)
    if not talk.steps:
        raise RecordError("the input and the output are both empty")
    return Trace(id_, tuple(talk.steps), meta, source)


def _messages(cell: Any, role: str) -> list[Message]:
    if cell is None or cell == "":
        return []
    if isinstance(cell, dict):
        return [validate(Message, cell)]
    return validate(list[Message], cell) if isinstance(cell, list) else [Message(role=role, content=str(cell))]


def header(text: str) -> tuple[str, list[str]]:
    """The delimiter of a CSV text, and the names of its columns."""
    first = readable(text.lstrip("\r\n").split("\n", 1)[0])
    delimiter = max(DELIMITERS, key=first.count)
    return delimiter, next(csv.reader([first.strip("\r")], delimiter=delimiter), [])


def looks_tabular(text: str) -> bool:
    """Whether there are two columns or more, and the first row below the header has as many cells."""
    names, first = header(text)[1], next(scan_rows(text), None)
    return len(names) > 1 and first is not None and first.error is None


def scan_rows(text: str) -> Iterator[Found]:
    """Each row below the header as a dict. A row whose quotes are broken costs only its first line."""
    delimiter, names = header(text)
    lines = [line + "\n" for line in text.split("\n")]
    start = next(n for n, line in enumerate(lines) if line.strip()) + 1
    before = csv.field_size_limit(CELL_CHARS)
    try:
        rows = (row for row in _rows(lines, start, delimiter) if "".join(row[1]).strip())
        for number, (line, row, error) in enumerate(rows, 1):
            yield _found(number, line, row, names, error)
    finally:
        csv.field_size_limit(before)


def _rows(lines: list[str], start: int, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """The line (from 1), the cells and the error of each row. After an error it reads on at the next line."""
    while start < len(lines):
        reader, begun = csv.reader(lines[start:], delimiter=delimiter, strict=True), start
        try:
            for row in reader:
                yield start + 1, row, None
                start = begun + reader.line_num
        except csv.Error as error:
            yield start + 1, [lines[start]], f"not CSV: {error}"
            start += 1


def _found(number: int, line: int, row: list[str], names: list[str], error: str | None) -> Found:
    text = "".join(row)
    error = error or unreadable(text)
    if not error and len(row) != len(names):
        error = f"{len(row)} cells under {len(names)} columns"
    return Found(number, line, None if error else dict(zip(names, row, strict=True)), error, text if error else "")
