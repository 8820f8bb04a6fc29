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

    One that has letters in UTF-8 is left as it is: a byte that is none is a broken one.
    """
    if content.isascii() or UTF8_LETTER.search(content):
        return InUtf8(content)
    is_likely = _n_of(HIGH, content) < MOST_ACCENTS * _n_of(LETTERS, content)
    try:
        return InUtf8(content.decode(WINDOWS).encode(), WINDOWS, is_likely)
    except UnicodeDecodeError:
        return InUtf8(content.decode(FALLBACK).encode(), FALLBACK, is_likely)


def _n_of(letters: bytes, content: bytes) -> int:
    """How many bytes of a content are among `letters`."""
    return len(content) - len(content.translate(None, letters))
