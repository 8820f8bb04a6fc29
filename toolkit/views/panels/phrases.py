"""Phrases: the words of earlier reasons, to be used again with a click."""

import re
from collections import Counter
from collections.abc import Iterable

from ipywidgets import Textarea, ToggleButtons

from toolkit.evals.labels.labels import Label
from toolkit.views.words import quantity

__all__ = ["PhraseChips", "add_phrase", "phrases_of"]

END = re.compile(r"[.;!?]+(?:\s+|$)|\n+")
"""Where a phrase ends."""
MOST_CHARS = 40
"""A longer phrase is said once, and is no word of a vocabulary."""
MOST_PHRASES = 8


def phrases_of(labels: Iterable[Label]) -> list[tuple[str, int]]:
    """The phrases of the reasons of `labels`, and how many labels have each.

    The phrase that most labels have comes first; among equals that of the newest label.

    >>> labels = [Label("t1", "ada", "fail", "Gives up early; rude."),
    ...           Label("t2", "ada", "fail", "gives up early")]
    >>> phrases_of(labels)
    [('gives up early', 2), ('rude', 1)]
    """
    counts: Counter[str] = Counter()
    spellings: dict[str, str] = {}
    for label in sorted(labels, key=lambda label: label.time, reverse=True):
        in_label = {}
        for part in END.split(label.why):
            phrase = part.strip()
            if 0 < len(phrase) <= MOST_CHARS:
                in_label[phrase.casefold()] = phrase
        counts.update(in_label.keys())
        spellings = in_label | spellings
    return [(spellings[key], n) for key, n in counts.most_common(MOST_PHRASES)]


def add_phrase(words: str, phrase: str) -> str:
    """The reason `words` with a `phrase` more, unless it is there already.

    >>> add_phrase("", "rude"), add_phrase("Too long", "rude"), add_phrase("Rude.", "rude")
    ('rude', 'Too long; rude', 'Rude.')
    """
    words = words.strip()
    if not words:
        return phrase
    if phrase.casefold() in words.casefold():
        return words
    separator = " " if END.search(words[-1]) else "; "
    return f"{words}{separator}{phrase}"


class PhraseChips(ToggleButtons):  # type: ignore[misc]
    """A button for each of `phrases`, with its count, that adds the phrase to the words in `box`.

    `phrases` is as `phrases_of` gives it.
    """

    def __init__(self, phrases: Iterable[tuple[str, int]], box: Textarea):
        self._box = box
        options = []
        tooltips = []
        for phrase, n in phrases:
            options.append((f"{phrase} · {n}", phrase))
            tooltips.append(f"Add it to your words; it is in {quantity(n, 'reason')} of yours")
        super().__init__(
            options=options,
            value=None,
            tooltips=tooltips,
            description="Words that you used before",
            style={"button_width": "auto", "description_width": "auto"},
        )
        self.layout.display = None if options else "none"
        self.add_class("fieldbook-chips")
        self.observe(self._add, "value")

    def _add(self, change: dict[str, str | None]) -> None:
        if change["new"] is not None:
            self._box.value = add_phrase(self._box.value, change["new"])
            self.value = None  # so that it can be pressed again
