"""The rows of a CSV file or a DataFrame, one by one.

A row of CSV whose quotes are broken costs its own lines.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from toolkit.traces.decode import readable, unreadable
from toolkit.traces.formats import decoded_cell
from toolkit.traces.ids import Taken
from toolkit.traces.scan import FIRST_BYTE, LOOKED_AT, RawRecord, lines_of, text_of

DELIMITERS = ",;\t"
STATED_DELIMITER = re.compile(rb'"?sep=([\x20-\x7e\t])"?(?=\n)')
"""The first line in which Excel states the delimiter."""
HEADER_CHARS = 1_000_000
HEADER_LINES = 100
"""A header may have line breaks in its quotes, but it does not go on for ever."""


class Row(NamedTuple):
    """The cells of a row and the line on which it begins, or what is wrong with its text."""

    line: int
    cells: list[str]
    error: str | None = None
    raw: str = ""


class Lines:
    """The lines of UTF-8, each with its newline, as a `csv.reader` takes them.

    The last one can be given back.
    """

    def __init__(self, content: bytes):
        self._ahead = lines_of(content)
        self._given_back: list[str] = []
        self.number = 0
        """The number of the line that was taken last."""
        self.taken: list[str] = []
        """The lines of the row that is being read."""

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._given_back.pop() if self._given_back else text_of(next(self._ahead)) + "\n"
        self.number += 1
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """Give the last line back: it is taken again."""
        self._given_back.append(self.taken.pop())
        self.number -= 1


def is_table(content: bytes) -> bool:
    """Whether `content` has a header of several columns, and below it a row that fits."""
    first = FIRST_BYTE.search(content)
    if not first or first[0] in (b"[", b"{"):
        return False
    if content.find(b"\n", first.start(), first.start() + HEADER_CHARS) < 0:
        return False
    names, rows = read_table(content)
    return len(names) > 1 and any(not row.error for row in islice(rows, LOOKED_AT))


def read_table(content: bytes) -> tuple[list[str], Iterator[RawRecord]]:
    """The names of the columns, and each row as a dict.

    A row whose quotes are broken swallows the lines up to the next quote. Each of these is then
    read as a row of its own, so that only those are lost that are none, and no line is read more
    than three times.
    """
    stated = STATED_DELIMITER.match(content)
    if stated is None:
        delimiter = max(DELIMITERS, key=lambda candidate: len(_header(Lines(content), candidate)))
    else:
        delimiter = stated[1].decode()
        content = content[stated.end(1) :].lstrip(b'"')  # the line stays, as a blank one
    lines = Lines(content)
    taken = Taken()  # two columns of one name are two fields
    names = [taken.unused(readable(name)) for name in _header(lines, delimiter)]
    return names, _records(lines, names, delimiter)


def decoded_row(row: RawRecord) -> RawRecord:
    """A row whose cells of JSON are decoded."""
    if row.error:
        return row
    cells = {name: decoded_cell(cell) for name, cell in row.value.items()}
    return replace(row, value=cells)


def _header(lines: Lines, delimiter: str) -> list[str]:
    """The first row that is not blank."""
    reader = csv.reader(islice(lines, HEADER_LINES), delimiter=delimiter)
    while (cells := _next_row(reader)) is not None:
        if "".join(cells).strip():
            return cells
    return []


def _next_row(reader: Iterator[list[str]]) -> list[str] | None:
    """The next row, or None at the end.

    A cell may have any length: csv keeps one bound for all of its readers.
    """
    bound = csv.field_size_limit(2**31 - 1)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(bound)


def _records(lines: Lines, names: list[str], delimiter: str) -> Iterator[RawRecord]:
    number = 0
    for row in _rows(lines, delimiter):
        if not any(row.cells) and not row.error:
            continue  # a blank line
        number += 1
        error = row.error or unreadable("".join(row.cells))
        if not error and len(row.cells) != len(names):
            error = f"{len(row.cells)} cells under {len(names)} columns"
        cells = [readable(cell) for cell in row.cells]
        fields = dict(zip(names, cells, strict=False))
        yield RawRecord(number, row.line, fields, error, row.raw)


def _rows(lines: Lines, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.taken = []
        first = lines.number + 1
        try:
            cells = _next_row(reader)
        except csv.Error as error:
            yield Row(first, [], f"not CSV: {error}", lines.taken[0])
            swallowed = lines.taken[1:-1]
            if len(lines.taken) > 1:
                lines.give_back()  # a row of several lines may begin here
            yield from _single_lines(swallowed, first + 1, delimiter)
            continue
        if cells is None:
            return
        yield Row(first, cells)


def _single_lines(lines: Iterable[str], first: int, delimiter: str) -> Iterator[Row]:
    """Each line as a row of its own."""
    for number, line in enumerate(lines, first):
        reader = csv.reader([line], delimiter=delimiter, strict=True)
        try:
            cells = _next_row(reader)
        except csv.Error as error:
            yield Row(number, [], f"not CSV: {error}", line)
        else:
            yield Row(number, cells or [])
