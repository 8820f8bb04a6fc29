"""MarkedBox: the box of a text that is edited, with the lines marked that the edit changed."""

from difflib import SequenceMatcher

from ipywidgets import HTML, Box, Textarea

from toolkit import render
from toolkit.views.words import quantity

__all__ = ["MarkedBox", "edit_words"]


class MarkedBox(Box):  # type: ignore[misc]
    """A `box` over a copy of its text that nobody sees: the copy has the same lines in the same
    places, and those that an edit made are tinted. The tint goes while the box has the focus.
    """

    def __init__(self, box: Textarea):
        self._copy = HTML()
        super().__init__([self._copy, box])
        self.add_class("fieldbook-marked")

    def mark(self, saved: str, text: str) -> None:
        """Mark the lines of `text` that `saved` does not have, and where some of its own went."""
        new, gone = edited_lines(saved, text)
        rows = []
        for number, line in enumerate(text.splitlines() or [""]):
            look = "new" if number in new else None
            if number in gone:
                look = "gone"
            rows.append(render.tag("span", render.tag("span", line), class_=look))
        self._copy.value = render.tag("pre", *rows, class_="marks", aria_hidden="true")


def edited_lines(saved: str, text: str) -> tuple[set[int], set[int]]:
    r"""The places of the lines of `text` that are new or changed, and of those before which lines
    of `saved` were taken out.

    >>> edited_lines("a\nb\nc", "a\nB\nc"), edited_lines("a\nb\nc", "a\nc")
    (({1}, set()), (set(), {1}))
    """
    new: set[int] = set()
    gone: set[int] = set()
    before = saved.splitlines()
    after = text.splitlines()
    for change, _, _, begin, end in SequenceMatcher(None, before, after, False).get_opcodes():
        if change in ("insert", "replace"):
            new.update(range(begin, end))
        elif change == "delete":
            gone.add(min(begin, len(after) - 1))
    return new, gone


def edit_words(saved: str, text: str) -> str:
    r"""How much an edit changed, in words; blank where it changed nothing.

    >>> edit_words("a\nb", "a\nB\nc")
    '2 lines are new or changed, and tinted.'
    """
    new, gone = edited_lines(saved, text)
    words = []
    if new:
        are = "line is" if len(new) == 1 else "lines are"
        words.append(f"{len(new):,} {are} new or changed, and tinted.")
    if gone:
        words.append(f"Lines were taken out in {quantity(len(gone), 'place')}, marked in red.")
    return " ".join(words)
