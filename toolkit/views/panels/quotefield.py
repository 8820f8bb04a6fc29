"""QuoteField: the words of a step that a label is about, as a chip."""

from collections.abc import Callable

from ipywidgets import HTML, Box, Text

from toolkit import render
from toolkit.evals.labels.labels import Label
from toolkit.evals.labels.spelled import QUOTE_CHARS
from toolkit.traces import Trace
from toolkit.traces.brief import shortened
from toolkit.traces.outline import step_anchor
from toolkit.views.panels.page import button

__all__ = ["QuoteField", "pointer_html", "quote_html"]

CHIP_CHARS = 80
TOO_LONG = f"A quote has at most {QUOTE_CHARS:,} characters: select less."


def quote_html(quote: str, anchor: str | None) -> render.Html:
    """A quote as a chip, which leads to the step with this id."""
    words = f"“{shortened(quote, CHIP_CHARS)}”"
    if anchor is None:
        return render.tag("span", words, class_="fieldbook-quoted", title=quote)
    return render.tag("a", words, class_="fieldbook-quoted", title=quote, href=f"#{anchor}")


def pointer_html(trace: Trace | None, label: Label) -> render.Html:
    """What a label points at: a link to the step, and a chip of the words; blank where it points at
    nothing. A step that the trace does not have is left out.
    """
    parts = []
    anchor = None
    for number, step in enumerate(trace.steps if trace else (), 1):
        if trace and step.id == label.step and anchor is None:
            anchor = step_anchor(trace, step)
            parts.append(render.tag("a", f"step {number}", href=f"#{anchor}"))
    if label.quote:
        parts.append(quote_html(label.quote, anchor))
    return render.spaced(*parts)


class QuoteField(Box):  # type: ignore[misc]
    """A chip of the quoted words, with a button that drops them; nothing where there are none.

    The browser writes the words that are selected into a field that nobody sees. Words that are too
    long are told to `on_problem`; `on_change` is called after each change.
    """

    def __init__(
        self,
        quote: str | None,
        on_problem: Callable[[str], None],
        on_change: Callable[[], None],
    ):
        self._on_problem = on_problem
        self._on_change = on_change
        self.words = Text(value=quote or "", continuous_update=False)
        self.words.layout.display = "none"
        self.words.add_class("fieldbook-quote")
        self.words.observe(lambda _: self._check(), "value")
        self._chip = HTML()
        self.drop = button("", "times", "The label quotes no words", self.clear)
        super().__init__([self.words, self._chip, self.drop])
        self.add_class("fieldbook-row")

    @property
    def quote(self) -> str | None:
        """The quoted words on one line; None where there are none."""
        return " ".join(self.words.value.split()) or None

    def clear(self) -> None:
        """Quote nothing."""
        self.words.value = ""

    def show(self, anchor: str | None) -> None:
        """Show the chip, which leads to the step with this id."""
        self.layout.display = None if self.quote else "none"
        self._chip.value = render.block(quote_html(self.quote or "", anchor))

    def _check(self) -> None:
        if self.quote and len(self.quote) > QUOTE_CHARS:
            self.clear()
            self._on_problem(TOO_LONG)
            return
        self._on_change()
