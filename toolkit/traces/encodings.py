"""The encoding of a table that is no UTF-8, as spreadsheets on Windows write it."""

import re
from string import ascii_letters
from typing import NamedTuple

WINDOWS = "cp1252"
FALLBACK = "latin-1"
"""What has a letter for the five bytes too that Windows-1252 has none for."""
HIGH = bytes(range(0x80, 0x100))
LETTERS = ascii_letters.encode() + HIGH
UTF8_LETTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
MOST_ACCENTS = 0.25
"""The share of letters outside of ASCII in the languages of Western Europe, with room to spare."""


class InUtf8(NamedTuple):
    """A text in UTF-8."""

    content: bytes
    guessed: str | None = None
    """The encoding that was guessed for it; None where it was in UTF-8 already."""
    is_likely: bool = True


def in_utf8(content: bytes) -> InUtf8:
    """A text in UTF-8, also where it came in the encoding of Windows in Western Europe.

    One whose letters are in UTF-8, most of them, is left as it is: a byte that is none is a broken
    one. Letters of another encoding are letters in UTF-8 by chance, as a sharp s before a quote.
    """
    if content.isascii() or _is_utf8(content):
        return InUtf8(content)
    is_likely = _n_of(HIGH, content) < MOST_ACCENTS * _n_of(LETTERS, content)
    try:
        return InUtf8(content.decode(WINDOWS).encode(), WINDOWS, is_likely)
    except UnicodeDecodeError:
        return InUtf8(content.decode(FALLBACK).encode(), FALLBACK, is_likely)


def _is_utf8(content: bytes) -> bool:
    """Whether most bytes outside of ASCII are of letters in UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        others = UTF8_LETTER.sub(b"", content)
        return 2 * _n_of(HIGH, others) < _n_of(HIGH, content)
    return True


def _n_of(letters: bytes, content: bytes) -> int:
    """How many bytes of a content are among `letters`."""
    return len(content) - len(content.translate(None, letters))
