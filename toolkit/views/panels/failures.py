"""Failures: the last trials that did not pass, with their reasons, and the trace of one to read."""

from collections.abc import Callable

from ipywidgets import HTML, Box, Button, VBox

from toolkit import render
from toolkit.evals.experiments.status import Failure
from toolkit.traces import trace_html
from toolkit.views.panels.page import button
from toolkit.views.words import with_step_numbers

__all__ = ["FailureList"]

WHY_CHARS = 240
ROWS = 5


class FailureList(VBox):  # type: ignore[misc]
    """A row for each failure, and the trace that a person has opened, which stays until it is
    closed. `on_turn` is told when one is opened, and when it is closed.
    """

    def __init__(self, on_turn: Callable[[bool], None]) -> None:
        self._on_turn = on_turn
        self._shown: tuple[Failure, ...] = ()
        self._opened: Failure | None = None
        title = render.tag("h2", "Did not pass, the last first", class_="fieldbook-heading")
        self._title = HTML(render.block(title))
        self._rows = [_Row(number, self.read) for number in range(ROWS)]
        super().__init__()
        self.add_class("fieldbook-failures-list")
        self.text = HTML()
        """The trace that is open."""
        shut = button("Close the trace", "times", "Back to the experiment alone", self.shut, "C")
        shut.add_class("fieldbook-page-button")  # it goes, and the panel has the keys again
        frame = Box([self.text]).add_class("fieldbook-frame")
        self.reader = VBox([shut, frame]).add_class("fieldbook-reader")
        """What the panel shows while a trace is open."""
        self.reader.layout.display = "none"
        self.show(())

    def show(self, failures: tuple[Failure, ...]) -> None:
        """Show these rows."""
        self._shown = failures
        self._title.layout.display = None if failures else "none"
        for row, failure in zip(self._rows, failures, strict=False):
            row.show(failure)
        self.children = [self._title, *self._rows[: len(failures)]]

    def read(self, number: int) -> None:
        """Open the trace of a row."""
        if number >= len(self._shown):
            return
        self._opened = self._shown[number]
        self.text.value = _trace_html(self._opened)
        self.reader.layout.display = None
        self._on_turn(True)

    def read_next(self) -> None:
        """Open the newest, and after it the one that came before."""
        keys = [failure.key for failure in self._shown]
        number = 0
        if self._opened and self._opened.key in keys:
            number = keys.index(self._opened.key) + 1
        self.read(number % max(1, len(keys)))

    def shut(self) -> None:
        """Close the trace."""
        self._opened = None
        self.text.value = ""
        self.reader.layout.display = "none"
        self._on_turn(False)


def _trace_html(failure: Failure) -> render.Html:
    """The trace of a trial, under what was wrong with it."""
    head = render.tag("p", render.spaced(_name(failure), f"{failure.word}:", _why_html(failure)))
    if failure.trace is None:
        body = render.tag("p", "The store has no trace of it that can be read.")
    else:
        body = trace_html(failure.trace)
    return render.block(head, body)


class _Row(Box):  # type: ignore[misc]
    """A failure, and the button that opens its trace."""

    def __init__(self, number: int, on_read: Callable[[int], None]):
        self.words = HTML()
        tooltip = "Read the trace of this trial"
        self.button: Button = button("Read", "file-text-o", tooltip, lambda: on_read(number))
        super().__init__([self.words, self.button])
        self.add_class("fieldbook-failure")

    def show(self, failure: Failure) -> None:
        """Say what failed, and why."""
        look = "verdict" if failure.word == "unscored" else "verdict fail"
        word = render.tag("span", failure.word, class_=look)
        why = _why_html(failure, WHY_CHARS)
        self.words.value = render.block(render.spaced(word, _name(failure), why))


def _why_html(failure: Failure, most_chars: int | None = None) -> render.Html:
    """The reasons, each after the name of its scorer; no more than `most_chars` of each."""
    reasons = []
    for name, why in failure.reasons:
        words = with_step_numbers(why, failure.trace)
        if most_chars is not None and len(words) > most_chars:
            words = f"{words[:most_chars]} …"
        parts: list[object] = [render.tag("code", name)] if name else []
        if name and words:
            parts.append(": ")
        reasons.append(render.fragment(*parts, words))
    return render.spaced(*reasons)


def _name(failure: Failure) -> render.Html:
    """The case and the number of the trial, counted from 1."""
    return render.tag("strong", f"{failure.result.case}, trial {failure.result.trial + 1}")
