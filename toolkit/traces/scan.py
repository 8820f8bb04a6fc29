"""Find the records in a JSON text, one by one, so that a broken record costs only itself."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from toolkit.traces.decode import Decoded, decode_at

LOOKED_AT = 1000
"""How many lines, records or objects decide what a text is."""
FIRST_BYTE = re.compile(rb"[^\s,]")
OBJECT = re.compile(r'\{\s*"')
NEXT_VALUE = re.compile(r"[^\s,]")
AFTER_VALUE = re.compile(r"\s*(?:[,\]{]|\Z)")
END_OF_ARRAY = re.compile(r"\]\s*\Z")
NEXT_OPENINGS = (1, 8)
"""A record ends before the next opening.

Where an inner object looks like one, it ends before a later opening.
"""


@dataclass(slots=True)
class RawRecord:
    """A record as it stands in the file, or the reason why there is none."""

    number: int
    line: int
    """The line on which it begins, counted from 1; 0 in a frame."""
    value: Any
    error: str | None = None
    raw: str = ""
    """The text of a broken record, in which its id may still be read."""
    not_finite: tuple[str, ...] = ()
    """The numbers that became None, as ``NaN`` or ``1e999``: JSON has no word for them."""
    n_cut: int = 0
    """How many values in it were nested too deeply, and are not there."""

    def part(self, value: Any) -> "RawRecord":
        """A record that stands in this one."""
        return RawRecord(
            self.number, self.line, value, not_finite=self.not_finite, n_cut=self.n_cut
        )


def scan(content: bytes) -> Iterator[RawRecord]:
    """Each record of `content`, broken ones too.

    Of a JSON array, of JSON lines, or objects one after the other.

    Parameters
    ----------
    content
        UTF-8, with newlines. Lines are decoded one by one: the text of a whole file would take up
        to four times as much memory.
    """
    return _read_lines(content) if _is_json_lines(content) else _read_values(text_of(content))


def is_json(content: bytes) -> bool:
    """Whether `content` begins as a JSON array or object does."""
    first = FIRST_BYTE.search(content)
    return first is not None and first[0] in (b"[", b"{")


def text_of(content: bytes) -> str:
    """The text of UTF-8; bytes that are none become lone surrogates."""
    return content.decode("utf-8", "surrogateescape")


def lines_of(content: bytes) -> Iterator[bytes]:
    """The lines of `content` one by one: a list of them would take as much memory again."""
    begin = 0
    while (end := content.find(b"\n", begin)) >= 0:
        yield content[begin:end]
        begin = end + 1
    yield content[begin:]


def _is_json_lines(content: bytes) -> bool:
    """Whether a line that opens an object, or a first line that opens a list, is a record."""
    first = FIRST_BYTE.search(content)
    if not first:
        return False
    line_end = content.find(b"\n", first.end())
    if line_end < 0 or not FIRST_BYTE.search(content, line_end):
        return False  # a single line
    if first[0] == b"[":
        next_line = FIRST_BYTE.search(content, line_end)
        is_list = next_line is not None and next_line[0] == b"["
        return is_list and _read_line(1, 1, content[first.start() : line_end]).error is None
    opening_lines = (line for line in lines_of(content) if line.startswith(b"{"))
    records = (_read_line(1, 1, line) for line in islice(opening_lines, LOOKED_AT))
    return any(record.error is None for record in records)


def _read_lines(content: bytes) -> Iterator[RawRecord]:
    """The records of JSON lines; a blank line is none."""
    number = 0
    for line_number, line in enumerate(lines_of(content), 1):
        stripped = line.strip()
        if stripped:
            number += 1
            yield _read_line(number, line_number, stripped)


def _read_line(number: int, line_number: int, content: bytes) -> RawRecord:
    """The record on a line, or why the line is none."""
    line = text_of(content)
    decoded = decode_at(line, 0)
    error = decoded.error
    if not error and decoded.end < len(line):
        error = f"text after the record, at column {decoded.end + 1}"
    if error:
        return RawRecord(number, line_number, None, error, line)
    return _record(number, line_number, decoded)


def _record(number: int, line: int, decoded: Decoded) -> RawRecord:
    return RawRecord(
        number, line, decoded.value, not_finite=decoded.not_finite, n_cut=decoded.n_cut
    )


def _read_values(text: str) -> Iterator[RawRecord]:
    """The elements of an array, or of a stream.

    After broken text it goes on where a record opens.
    """
    first = NEXT_VALUE.search(text)
    in_array = first is not None and first[0] == "["
    at = first.end() if first and in_array else 0
    number = 0
    line = 1
    counted_to = 0
    openings: list[int] | None = None  # looked for where the first broken record stands
    error: str | None = None
    while begin := NEXT_VALUE.search(text, at):
        at = begin.start()
        if in_array and END_OF_ARRAY.match(text, at):
            return
        number += 1
        line += text.count("\n", counted_to, at)
        counted_to = at
        decoded = decode_at(text, at) if openings is None else _decode_up_to(openings, text, at)
        end = decoded.end
        error = decoded.error
        # a value that reads well may still be the first half of a broken record
        is_separated = end > at and AFTER_VALUE.match(text, end)
        if not is_separated:
            error = error or f"the record is followed by {text[end : end + 20]!r}, not by a comma"
            if openings is None:
                openings = find_openings(text)
            end = _next_opening(openings, max(end - 1, at), len(text))
        if error:
            yield RawRecord(number, line, None, error, text[at:end])
        else:
            yield _record(number, line, decoded)
        at = end
    if in_array and not error:
        cut = "the file ends before its array is closed: it may be cut short"
        yield RawRecord(number + 1, line, None, cut)


def _next_opening(openings: list[int], after: int, end: int, skip: int = 0) -> int:
    """The opening after an offset, or a later one where some are to be skipped; else the end."""
    index = bisect_right(openings, after) + skip
    return openings[index] if index < len(openings) else end


def _decode_up_to(openings: list[int], text: str, at: int) -> Decoded:
    """Decode the value at `at` from a piece of `text` that ends where another record opens.

    An error costs a walk to it from the top of the text that is decoded, to count its lines. Over
    the file with many broken records that would be quadratic.
    """
    decoded = Decoded(None, at)
    for nth in NEXT_OPENINGS:
        stop = _next_opening(openings, at, len(text), skip=nth - 1)
        piece = text[at:stop]
        decoded = decode_at(piece, 0)
        error_at_end = decoded.error_at >= len(piece.rstrip()) - 1
        is_cut_short = error_at_end or "Unterminated" in (decoded.error or "")
        if decoded.end or not is_cut_short:
            break
    return decoded._replace(end=at + decoded.end, error_at=at + decoded.error_at)


def find_openings(text: str) -> list[int]:
    """The offsets at which a record opens, judged by the longest object that can be read.

    A record opens with the same first key, and has its second key before the first comes again: an
    inner object may open with the same key. Where records begin on lines of their own, they begin
    with the same indent.

    Parameters
    ----------
    text
        JSON, of which any part may be broken.

    Returns
    -------
    list of int
        In ascending order; empty where no object can be read.

    Examples
    --------
    >>> array = '[{"id": 1, "steps": [{"id": 7}]}, {"id": 2, "steps": ]}, {"id": 3, "steps": []}]'
    >>> find_openings(array)
    [1, 34, 57]
    """
    begin, record = _longest_object(text)
    if not record:
        return []
    first_key, *other_keys = record
    indent = text[text.rfind("\n", 0, begin) + 1 : begin]
    own_line = f"^{indent}" if begin and not indent.strip() else ""
    pattern = own_line + r"\{\s*" + re.escape(_quoted(first_key)) + r"\s*:"
    heads = [match.span() for match in re.finditer(pattern, text, re.MULTILINE)]
    # where the first value has objects in it, these may stand between the two keys
    has_inner = isinstance(record[first_key], dict | list)
    second_key = _quoted(other_keys[0]) if other_keys and not has_inner else ""
    openings: list[int] = []
    next_starts = [start for start, _ in heads[1:]] + [len(text)]
    for (start, end), next_start in zip(heads, next_starts, strict=False):
        if text.find(second_key, end, next_start) >= 0:
            openings.append(text.index("{", start))
    return openings


def _quoted(key: str) -> str:
    """A key as it stands in JSON text."""
    return json.dumps(key, ensure_ascii=False)


def _longest_object(text: str) -> tuple[int, dict[str, Any]]:
    """The longest of the first objects that can be read, and where it begins.

    Those inside of it are not looked at.
    """
    longest = Decoded({}, 0)
    begin = 0
    at = 0
    for _ in range(LOOKED_AT):
        match = OBJECT.search(text, at)
        if not match:
            break
        start = match.start()
        decoded = decode_at(text, start)
        if decoded.end - start > longest.end - begin:
            longest = decoded
            begin = start
        at = max(decoded.end, match.end())
    return begin, longest.value
