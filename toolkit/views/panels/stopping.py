"""StopQuestion: what a panel asks once before it stops an experiment."""

from collections.abc import Callable

from ipywidgets import HTML, Box

from toolkit import render
from toolkit.views.panels.page import button

__all__ = ["StopQuestion"]


class StopQuestion(Box):  # type: ignore[misc]
    """Whether to stop, and what is to become of the trials under way. It hides once answered.

    Parameters
    ----------
    on_stop : callable
        Begin no more trials; those under way go on to their results.
    on_cancel : callable
        Break off those under way, too.
    """

    def __init__(self, on_stop: Callable[[], None], on_cancel: Callable[[], None]):
        self.sentence = HTML()
        finish = "Trials under way go on to their results"
        self.let_end = button("Let them end", "stop", finish, lambda: self._answer(on_stop))
        cut = "Calls that are under way are possibly billed"
        self.break_off = button("Break them off", "bolt", cut, lambda: self._answer(on_cancel))
        self.go_on = button("Go on", "play", "Do not stop", self.hide)
        answers = [self.let_end, self.break_off, self.go_on]
        for answer in answers:
            answer.add_class("fieldbook-page-button")  # it goes, and the panel has the keys again
        super().__init__([self.sentence, *answers])
        self.add_class("fieldbook-row").add_class("fieldbook-tools")
        self.hide()

    def ask(self, n_running: int) -> None:
        """Show the question."""
        words = "Stop the experiment?"
        if n_running:
            words += f" {n_running:,} under way."
        self.sentence.value = render.block(render.tag("strong", words))
        self.layout.display = None

    def hide(self) -> None:
        """Put the question away."""
        self.layout.display = "none"

    def _answer(self, act: Callable[[], None]) -> None:
        self.hide()
        act()
