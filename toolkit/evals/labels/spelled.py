"""How the words of a label are spelled: names, quotes and tags that look the same are the same."""

import unicodedata
from collections.abc import Iterable
from typing import Any

QUOTE_CHARS = 1000
TAG_CHARS = 40
TAG_SEPARATOR = ", "


def tidy(name: str) -> str:
    """A rater's name, or a code, in Unicode's NFC and without blanks around it: what looks the same
    is the same.
    """
    return unicodedata.normalize("NFC", name).strip()


def tidy_quote(quote: Any) -> str | None:
    """A quote on one line. Raises ValueError where it is no text, or too long for one."""
    if quote is None:
        return None
    if not isinstance(quote, str) or not quote.strip():
        raise ValueError(f"a label's quote is words of a step, or None, not {quote!r}")
    line = " ".join(quote.split())
    if len(line) > QUOTE_CHARS:
        raise ValueError(f"a label's quote has at most {QUOTE_CHARS:,} characters: quote less")
    return line


def tidy_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Each tag once. Raises ValueError for one that is blank, long, or looks like several."""
    if isinstance(tags, str):
        raise ValueError(f"tags are a list of words, as ({tags!r},)")
    tidied = []
    for tag in tags:
        if not isinstance(tag, str) or not tag.strip():
            raise ValueError(f"a tag is a word or two, not {tag!r}")
        word = tidy(tag)
        if len(word) > TAG_CHARS or not word.isprintable() or "," in word:
            raise ValueError(
                f"a tag has at most {TAG_CHARS} characters on one line, and no comma: {word!r}"
            )
        tidied.append(word)
    return tuple(dict.fromkeys(tidied))
