"""Find the records in a JSON text, one by one, so that a broken record costs only itself."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

DECODER = json.JSONDecoder(parse_constant=lambda _: None)
OPENING = re.compile(r'(\{\s*"[^"\\]*"\s*:)(?:[^{\[]*?("[^"\\]*")\s*:)?')
NEXT = re.compile(r"[^\s,]")
ENDED = re.compile(r"\s*(?:[,\]{]|\Z)")
OPENINGS_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """A record as it stands in the file, or the reason why there is none."""

    number: int
    line: int
    """The line on which it begins, counted from 1; 0 in a frame."""
    value: Any
    error: str | None = None
    raw: str = ""
    """The text of a broken record, in which its id may still be read."""


def scan(text: str) -> Iterator[Found]:
    """Each record of `text`, broken ones too: of a JSON array, of JSON lines, or objects one after the other."""
    good = (_line(1, 1, line).error is None for line in text.split("\n") if line.startswith("{"))
    if text.lstrip().startswith("[") or not any(good):
        return _elements(text)
    lines = ((line, raw) for line, raw in enumerate(text.split("\n"), 1) if raw.strip())
    return (_line(number, line, raw) for number, (line, raw) in enumerate(lines, 1))


def readable(raw: str) -> str:
    """`raw`, decoded with surrogateescape, as text that can be shown."""
    return raw.encode(errors="surrogateescape").decode(errors="replace")


def unreadable(raw: str) -> str | None:
    """Why `raw`, decoded with surrogateescape, is no text; None where it is."""
    return None if readable(raw) == raw else f"it has bytes that are not UTF-8 text: {ascii(raw)[1:60]}"


def decode_at(text: str, at: int) -> tuple[Any, int, str | None]:
    """The value at `at`, its end, and what is wrong with it."""
    try:
        value, end = DECODER.raw_decode(text, at)
        if "\\u" in text[at:end]:  # half an escaped surrogate pair could be neither shown nor written
            pairs = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")
            value = json.loads(pairs.decode("utf-16", "replace"))
        return value, end, unreadable(text[at:end])
    except json.JSONDecodeError as error:
        where = f"column {error.colno}" if "\n" not in text else f"line {error.lineno}, column {error.colno}"
        return None, at, unreadable(text[at : error.pos + 1]) or f"not JSON: {error.msg} ({where})"
    except (ValueError, RecursionError) as error:
        return None, at, f"not readable JSON: {error}"


def _line(number: int, line: int, raw: str) -> Found:
    raw = raw.strip()
    value, end, error = decode_at(raw, 0)
    if end < len(raw) and not error:
        error = f"text after the record, at column {end + 1}"
    return Found(number, line, None if error else value, error, raw)


def _elements(text: str) -> Iterator[Found]:
    """The elements of an array, or of a stream. After broken text it goes on where a record opens."""
    in_array = text.lstrip().startswith("[")
    at, number, line, counted, error = text.find("[") + 1 if in_array else 0, 0, 1, 0, None
    opening: re.Pattern[str] | None = None
    while begins := NEXT.search(text, at):
        at = begins.start()
        if in_array and text[at] == "]" and not text[at + 1 :].strip():
            return
        number, line, counted = number + 1, line + text.count("\n", counted, at), at
        value, end, error = decode_at(text, at)
        if end == at or not ENDED.match(text, end):
            error = error or f"the record is followed by {text[end : end + 20]!r}, not by a comma"
            opening = opening or _opening(text)
            opens = opening.search(text, max(end, at + 1))
            end = text.index("{", opens.start()) if opens else len(text)
        yield Found(number, line, None if error else value, error, text[at:end] if error else "")
        at = end
    if in_array and not error:
        yield Found(number + 1, line, None, "the file ends before its array is closed: it may be cut short")


def _opening(text: str) -> re.Pattern[str]:
    """How records open, judged from the longest object that can be read: its indent and first key, and its second
    key before the first comes again, for an inner object may open with the same key.
    """
    heads = islice(OPENING.finditer(text), OPENINGS_LOOKED_AT)
    opens = max(heads, key=lambda head: decode_at(text, head.start())[1] - head.start(), default=None)
    if not opens:
        return re.compile("(?!)")
    before = text[max(0, text.rfind("\n", 0, opens.start())) : opens.start()]
    head = re.escape(("" if before.strip() else before) + opens[1])
    return re.compile(f"{head}(?:(?!{head}).)*?{re.escape(opens[2])}" if opens[2] else head, re.DOTALL)
