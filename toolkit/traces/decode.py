"""Decode a JSON value in a text, and say what is wrong with it.

What JSON has no word for, as NaN, becomes None.
"""

import json
import re
from math import isfinite
from typing import Any, NamedTuple

from toolkit.records import RecordError

SURROGATE = re.compile("[\ud800-\udfff]")
SURROGATE_PAIR = re.compile(
    r"(?<!\\)\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|(?P<half>\\u[dD][89a-fA-F])"
)
"""An escaped surrogate pair, or what may be half of one."""
TOO_DEEP = "nested too deeply"
MOST_LEVELS = 100
"""How deep a value may be nested that came in deeper than can be read or written."""
HOSTILE_LEVELS = 5000
"""How deep a value may be nested that is cut: what is deeper was made to break its reader."""
CUT = "[nested too deeply]"
"""What stands in the place of a value below that."""
MOST_DECODED = 3
"""How often a value may be JSON text inside of JSON text."""
JSON_BEGINNINGS = {"{", "[", '"'}
"""How the JSON text of an object, a list or a text begins."""
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A text in JSON, which may hold brackets and may be cut short, or a bracket."""


class TooDeep(RecordError):
    """A record is nested deeper than can be read, shown or written."""

    def __init__(self, why: str = TOO_DEEP) -> None:
        super().__init__(why)


class Decoded(NamedTuple):
    """The value at an offset of a text, or what is wrong with it."""

    value: Any
    end: int
    """The offset just past the value; where it begins if it cannot be read."""
    error: str | None = None
    error_at: int = 0
    not_finite: tuple[str, ...] = ()
    n_cut: int = 0
    """How many values in it were nested too deeply, and are not there."""


def readable(raw: str) -> str:
    """`raw`, decoded with surrogateescape, as text that can be shown."""
    return raw.encode(errors="surrogateescape").decode(errors="replace")


def unreadable(raw: str, begin: int = 0, end: int | None = None) -> str | None:
    """Why `raw` from `begin` to `end`, decoded with surrogateescape, is no text.

    None where it is.
    """
    if end is None:
        end = len(raw)
    if raw.isascii() or not SURROGATE.search(raw, begin, end):
        return None
    shown = ascii(raw[begin : min(end, begin + 60)])[1:60]
    return f"it has bytes that are not UTF-8 text: {shown}"


class _NotFinite(Exception):
    """A number that JSON has no word for stands in the text."""


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise _NotFinite
    return number


def _refuse(_constant: str) -> None:
    raise _NotFinite


# one for all records: to make a decoder takes longer than to decode a short record
FINITE_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def decode_at(text: str, at: int) -> Decoded:
    """Decode the JSON value that begins at the offset `at`.

    A number that is not finite becomes None.
    """
    not_finite: list[str] = []
    try:
        try:
            value, end = FINITE_DECODER.raw_decode(text, at)
        except _NotFinite:
            value, end = _noting_decoder(not_finite).raw_decode(text, at)
    except json.JSONDecodeError as error:
        why = unreadable(text, at, error.pos + 1)
        if not why:
            shown = readable(text[error.pos : error.pos + 20]) or "the end"
            why = f"not JSON: {error.msg}, at {shown!r}"
        return Decoded(None, at, why, error.pos)
    except RecursionError:
        return _decode_cut(text, at)
    except ValueError as error:  # an integer of more digits than Python reads
        return Decoded(None, at, f"not readable JSON: {error}", at)
    if _has_half_pair(text, at, end):
        value = _without_half_pairs(value)
    return Decoded(value, end, unreadable(text, at, end), end, tuple(not_finite))


def decoded(value: Any) -> Any:
    """`value`, or the object, the list or the words that it is the JSON text of.

    >>> decoded('{"role": "user"}'), decoded('"hi"'), decoded("3 a")
    ({'role': 'user'}, 'hi', '3 a')
    """
    n_decoded = 0
    while isinstance(value, str) and value.lstrip()[:1] in JSON_BEGINNINGS:
        n_decoded += 1
        if n_decoded > MOST_DECODED:
            break
        text = value.strip()
        result = decode_at(text, 0)
        if result.error or result.n_cut or result.end < len(text):
            break
        value = result.value
    return value


def _decode_cut(text: str, at: int) -> Decoded:
    """Decode the value at `at` without what is nested too deeply in it."""
    pieces: list[str] = []
    begin = at
    level = 0
    n_cut = 0
    for match in TOKEN.finditer(text, at):
        if match[0] in "[{":
            level += 1
            if level > HOSTILE_LEVELS:
                break
            if level == MOST_LEVELS + 1:
                pieces += [text[begin : match.start()], json.dumps(CUT)]
        elif match[0] in "]}":
            level -= 1
            if level == MOST_LEVELS:
                begin = match.end()
                n_cut += 1
        if level == 0:
            pieces.append(text[begin : match.end()])
            decoded = decode_at("".join(pieces), 0) if n_cut else Decoded(None, 0, TOO_DEEP)
            if decoded.error:
                break
            return decoded._replace(end=match.end(), n_cut=n_cut)
    return Decoded(None, at, TOO_DEEP, at)


def shallow(value: Any, levels: int = MOST_LEVELS) -> tuple[Any, int]:
    """A copy of a value without what is nested deeper, and how many values that were.

    >>> shallow([1, [2, [3]]], levels=2)
    ([1, [2, '[nested too deeply]']], 1)
    """
    if not isinstance(value, dict | list):
        return value, 0
    if not levels:
        return CUT, 1
    n_cut = 0
    copies: list[Any] = []
    for inner in value.values() if isinstance(value, dict) else value:
        copy, n_below = shallow(inner, levels - 1)
        copies.append(copy)
        n_cut += n_below
    if isinstance(value, dict):
        return dict(zip(value, copies, strict=True)), n_cut
    return copies, n_cut


def _has_half_pair(text: str, at: int, end: int) -> bool:
    """Whether half an escaped surrogate pair stands between the offsets."""
    if text.find("\\u", at, end) < 0:
        return False  # in most texts: to search by the pattern takes as long as to decode
    if text.find("\\ud", at, end) < 0 and text.find("\\uD", at, end) < 0:
        return False
    return any(match["half"] for match in SURROGATE_PAIR.finditer(text, at, end))


def _noting_decoder(not_finite: list[str]) -> json.JSONDecoder:
    """A decoder that puts None for each number that is not finite, and notes it."""

    def none_or_float(digits: str) -> float | None:
        try:
            return _finite(digits)
        except _NotFinite:
            not_finite.append(digits)
            return None

    # append returns None: the value of a constant
    return json.JSONDecoder(parse_constant=not_finite.append, parse_float=none_or_float)


def _without_half_pairs(value: Any) -> Any:
    """`value` with U+FFFD for half an escaped surrogate pair.

    Half a pair could be neither shown nor written.
    """
    pairs = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")
    return json.loads(pairs.decode("utf-16", "replace"))
