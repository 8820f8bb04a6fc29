"""Words and values as they look: one form for texts that differ in bytes alone, Python's own types
for scalars.
"""

import math
import unicodedata
from collections.abc import Iterable
from typing import Any

from toolkit.traces import Trace

APOSTROPHES = "‘’‛ʼ´＇"
QUOTES = "“”„‟＂"
HYPHENS = "\u2010\u2011"
INVISIBLE = (
    "\u00ad\u200b\u2060\ufeff"  # soft hyphen, zero-width space, word joiner, byte-order mark
)
LOOKS_LIKE = str.maketrans(
    dict.fromkeys(APOSTROPHES, "'")
    | dict.fromkeys(QUOTES, '"')
    | dict.fromkeys(HYPHENS, "-")
    | dict.fromkeys(INVISIBLE, None)
)

OWN_TYPES = {bool, int, str}


def same_form(text: str) -> str:
    r"""`text` in Unicode's NFC, with straight quotes and plain spaces, and without invisible
    characters.

    Every comparison of words in evals goes through here. The case of letters stays, and so does a
    break of line.

    >>> same_form("re\u0301ussi"), same_form("don’t"), same_form("10\u00a0EUR")
    ('réussi', "don't", '10 EUR')
    """
    composed = unicodedata.normalize("NFC", text).translate(LOOKS_LIKE)
    return "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in composed)


def spelling(value: Any) -> str:
    """What two spellings of one word share: neither case, nor blanks around it, nor the width of
    its letters.
    """
    return unicodedata.normalize("NFKC", same_form(str(value))).strip().casefold()


def python_value(value: Any) -> Any:
    """A numpy or pandas scalar as Python's own type; None for NaN, NaT and ``pandas.NA``. Others as
    they are.
    """
    if type(value) in OWN_TYPES:
        return value
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def first_few(items: Iterable[Any]) -> str:
    """The first five of the items, and how many more there are."""
    listed = [repr(item) for item in items]
    n_more = len(listed) - 5
    more = f" and {n_more} more" if n_more > 0 else ""
    return ", ".join(listed[:5]) + more


def user_messages(trace: Trace) -> list[str]:
    """What people said in `trace`: its messages, but for those of assistant, system and tools."""
    agents = ("assistant", "system", "tool")
    messages = []
    for step in trace.steps:
        if step.kind == "message" and step.actor not in agents:
            messages.append(step.content)
    return messages
