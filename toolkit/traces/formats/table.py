"""Tables: a row is a trace, with a cell for what was asked and a cell for what was answered."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from toolkit.records import RecordError, validate
from toolkit.traces.formats.chat import Message, add_message
from toolkit.traces.formats.format import Conversation, Format, Record, first_id
from toolkit.traces.scan import Found, readable, unreadable
from toolkit.traces.trace import Source, Trace

IDS = ("id", "trace_id")
INPUTS = ("input", "prompt", "question")
OUTPUTS = ("output", "response", "answer", "completion")
DELIMITERS = ",;\t"


def find_columns(names: Sequence[str], file: str) -> tuple[str | None, str, str]:
    """The columns of id (None where there is none), input and output, by their usual names. Raises RecordError."""
    columns = {name.strip().lower(): name for name in reversed(names)}
    id_, asked, answered = (next((columns[n] for n in usual if n in columns), None) for usual in (IDS, INPUTS, OUTPUTS))
    if asked is None or answered is None:
        missing = "input" if asked is None else "output"
        why = f"read as a table, it has no column that is known to be the {missing}; its columns are: "
        call = f"traces_from_frame(pandas.read_csv({file!r}), id=..., input=..., output=...)"
        raise RecordError(f"{why}{', '.join(names)}. Name them: {call}", file)
    return id_, asked, answered


def row_format(id_: str | None, asked: str, answered: str, source: Source = "imported") -> Format:
    """The format of rows with these columns; the others go to meta. A cell is text, messages, or None."""

    def read(record: Record, own: str) -> Trace:
        if id_ is not None and first_id(record, id_) is None:
            raise RecordError("the id is missing", field=id_)
        talk = Conversation()
        for role, cell in (("user", record[asked]), ("assistant", record[answered])):
            said = cell if isinstance(cell, list) else [{"role": role, "content": str(cell)}]
            for message in validate(list[Message], said if cell not in (None, "") else []):
                add_message(talk, message)
        if not talk.steps:
            raise RecordError("the input and the output are both empty")
        return replace(talk.trace(own, record, id_, asked, answered), source=source)

    return Format("table", lambda _: True, read, lambda record: first_id(record, id_ or ""))


def rows_of(text: str) -> tuple[list[str], list[Found]]:
    """The names of the columns, and each row as a dict. A row whose quotes are broken costs only its first line."""
    lines = [line + "\n" for line in text.split("\n")]
    at = next((n for n, line in enumerate(lines) if line.strip()), 0)
    first = readable(lines[at].strip("\r\n"))
    delimiter = max(DELIMITERS, key=first.count)
    names, rows = next(csv.reader([first], delimiter=delimiter), []), list[Found]()
    while (at := at + 1) < len(lines):
        reader, begun = csv.reader(islice(lines, at, None), delimiter=delimiter, strict=True), at
        try:
            for row in reader:
                if any(row):
                    wrong = unreadable("".join(row))
                    if not wrong and len(row) != len(names):
                        wrong = f"{len(row)} cells under {len(names)} columns"
                    cells = dict(zip(names, map(readable, row), strict=False))
                    rows.append(Found(len(rows) + 1, at + 1, cells, wrong))
                at = begun + reader.line_num
        except csv.Error as error:
            rows.append(Found(len(rows) + 1, at + 1, None, f"not CSV: {error}", lines[at]))
    return names, rows
