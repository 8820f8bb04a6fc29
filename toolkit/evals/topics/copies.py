"""Near-copies: texts that begin with the same message, as the trials of one case do."""

import re

import numpy as np

HAS_DIGIT = re.compile(r"\S*\d\S*")
WORD = re.compile(r"[^\W_]+")
OPENING_WORDS = 5
"""An opening that is shorter, such as a greeting, is shared by texts that differ."""


def first_alike(openings: list[str], texts: list[str]) -> np.ndarray:
    """For each text the position of the first one that is a near-copy of it: ``(n,) int``.

    Near-copies have the same opening, but for numbers, case and punctuation. Where the opening has
    fewer than five words, the whole texts are compared.
    """
    firsts: dict[str, int] = {}
    positions = []
    for position, (opening, text) in enumerate(zip(openings, texts, strict=True)):
        words = _words(opening)
        if len(words) < OPENING_WORDS:
            words = _words(text) or [text]
        positions.append(firsts.setdefault(" ".join(words), position))
    return np.array(positions)


def _words(text: str) -> list[str]:
    return WORD.findall(HAS_DIGIT.sub(" ", text.casefold()))
