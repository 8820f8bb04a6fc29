"""Find the records in a JSON text, one by one, so that a broken record costs only itself."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import Any, Literal

Layout = Literal["array", "lines", "stream", "other"]
"""A JSON array; one record a line; one object after the other, or just one; no JSON."""

DECODER = json.JSONDecoder(parse_constant=lambda _: None)
OPENING = re.compile(r'\{\s*"((?:[^"\\]|\\.)*)"\s*:')
GAP = re.compile(r"[\s,]*")
ENDED = re.compile(r"\s*(?:[,\]{]|\Z)")
ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
LINES_LOOKED_AT = 20
TRIES = 8
INDENT_CHARS = 200


@dataclass(frozen=True, slots=True)
class Found:
    """A record as it stands in the file, or the reason why there is none."""

    number: int
    """Its place among the records, counted from 1."""
    line: int
    """The line on which it begins, counted from 1."""
    value: Any
    """The JSON value; None where `error` says why."""
    error: str | None = None
    """What is wrong with its text."""
    raw: str = ""
    """The text of a broken record, in which its id may still be read."""


def layout(text: str) -> Layout:
    """How the records of `text` lie, judged from its first lines."""
    head = text.lstrip()
    first, _, rest = head.partition("\n")
    if head.startswith("[") and not (rest.strip() and isinstance(_try(first), list)):
        return "array"
    lines = islice((line for line in text.split("\n") if line.strip()), LINES_LOOKED_AT)
    if any(isinstance(_try(line), dict | list) for line in lines if line[0] in "{["):
        return "lines"
    return "stream" if head.startswith("{") else "other"


def scan(text: str, how: Layout) -> Iterator[Found]:
    """Each record of `text` in order, the broken ones too."""
    if how == "lines":
        return _lines(text)
    return _elements(text, len(text) - len(text.lstrip()) + (how == "array"), how == "array")


def unreadable(raw: str) -> str | None:
    """Why `raw`, decoded with surrogateescape, is no text; None where it is."""
    try:
        raw.encode()
    except UnicodeEncodeError as error:
        return f"byte 0x{ord(raw[error.start]) - 0xDC00:02x} (character {error.start + 1}) is not UTF-8"
    return None


def readable(raw: str) -> str:
    """`raw`, decoded with surrogateescape, as text that can be shown."""
    return raw.encode(errors="surrogateescape").decode(errors="replace")


def _try(text: str) -> Any:
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _lines(text: str) -> Iterator[Found]:
    lines = ((line, raw) for line, raw in enumerate(text.split("\n"), 1) if raw.strip())
    for number, (line, raw) in enumerate(lines, 1):
        start = len(raw) - len(raw.lstrip())
        value, end, error = _decode(raw, start)
        if not error and raw[end:].strip():
            error = f"text after the record, at column {end + 1}"
        yield Found(number, line, None if error else value, error, raw if error else "")


def _decode(text: str, at: int) -> tuple[Any, int, str | None]:
    """The value at `at`, its end, and what is wrong with it."""
    try:
        value, end = DECODER.raw_decode(text, at)
        raw = text[at:end]
        if ESCAPED_SURROGATE.search(raw):
            value = _mend(value)
    except json.JSONDecodeError as error:
        where = f"column {error.colno}" if "\n" not in text else f"line {error.lineno}, column {error.colno}"
        return None, at, unreadable(text[at : error.pos + 1]) or f"not JSON: {error.msg} ({where})"
    except (ValueError, RecursionError) as error:
        return None, at, f"not readable JSON: {error}"
    return value, end, unreadable(raw)


def _mend(value: Any) -> Any:
    """Half of a surrogate pair, as a log cuts it off, becomes U+FFFD: it could be neither shown nor written."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend(item) for item in value]
    return {_mend(key): _mend(item) for key, item in value.items()} if isinstance(value, dict) else value


def _elements(text: str, at: int, in_array: bool) -> Iterator[Found]:
    """The elements from `at` on. After broken text it goes on at the next place that opens as a record does."""
    openings: dict[str, str | None] = {}
    number, line, counted, cut, closed = 0, 1, 0, False, False
    error: str | None
    at = _gap(text, at)
    while at < len(text):
        number, line, counted = number + 1, line + text.count("\n", counted, at), at
        if text[at] == "]" and in_array:
            closed = True
            if not text[at + 1 :].strip():
                return
            value, end, error = None, at, "text after the end of the array"
        else:
            value, end, error = _decode(text, at)
            if error is None and not ENDED.match(text, end):
                error = f"the record is followed by {text[end : end + 20]!r}, not by a comma"
        if error and (end == at or not ENDED.match(text, end)):
            openings = openings or _learn(text, at)
            end = _next_opening(text, max(end, at + 1), openings)
            cut = end == len(text)
        elif isinstance(value, dict):
            openings.setdefault(*_opening(text, at, value))
        yield Found(number, line, None if error else value, error, text[at:end] if error else "")
        at = _gap(text, end)
    if in_array and not closed and not cut:
        line += text.count("\n", counted)
        yield Found(number + 1, line, None, "the file ends before its array is closed: it may be cut short")


def _gap(text: str, at: int) -> int:
    gap = GAP.match(text, at)
    return gap.end() if gap else at


def _opening(text: str, at: int, value: dict[str, Any]) -> tuple[str, str | None]:
    """How the record at `at` opens (its indent and first key), and its second key."""
    head = OPENING.match(text, at)
    start = text.rfind("\n", max(0, at - INDENT_CHARS), at)
    indent = text[start:at] if start >= 0 and not text[start:at].strip() else ""
    second = next(islice(value, 1, None), None)
    return indent + (head.group() if head else "{"), second and json.dumps(second)


def _learn(text: str, at: int) -> dict[str, str | None]:
    """How records open, where no good one has been seen: the longest object that can be read is a record."""
    tried: dict[str, int] = {}
    longest, best = 0, {}
    for head in OPENING.finditer(text, at):
        tried[head.group()] = tried.get(head.group(), 0) + 1
        if tried[head.group()] > TRIES:
            continue
        value, end, error = _decode(text, head.start())
        if not error and end - head.start() > longest:
            longest, best = end - head.start(), dict([_opening(text, head.start(), value)])
    return best


def _next_opening(text: str, at: int, openings: dict[str, str | None]) -> int:
    """Where the next record opens. An inner object may open alike: a record's second key must follow as well."""
    if not openings:
        return len(text)
    heads = re.compile("|".join(map(re.escape, openings))).finditer(text, at)
    for head, following in pairwise(chain(heads, [None])):
        second = head and openings[head.group()]
        until = following.start() if following else len(text)
        if head and (second is None or text.find(second, head.end(), until) >= 0):
            return text.index("{", head.start())
    return len(text)
