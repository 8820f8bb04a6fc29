"""StepField: the step where a trace goes wrong, by its number, and its words."""

from collections.abc import Callable

from ipywidgets import HTML, HBox, Layout, Text

from toolkit import render
from toolkit.evals.labels.labels import Label
from toolkit.traces import Trace
from toolkit.traces.brief import shortened
from toolkit.traces.outline import step_anchor, who_acts
from toolkit.views.panels.page import button
from toolkit.views.panels.quotefield import QuoteField

__all__ = ["StepField", "framed"]

ABOUT_CHARS = 40
"""How much of the step's words is shown beside its number."""
FRAME = (
    "outline:2px solid var(--fb-accent);outline-offset:-1px;border-radius:4px;box-shadow:none;"
    "margin-inline:-8px;padding-inline:8px"
)
"""How the chosen step looks in the trace: the lines above and below keep clear of its frame."""
SELECTED = "fieldbook-quote"
"""What the browser calls the words that were selected last."""
HOW = "none: click the number of a step, or select its words, and press S"


def framed(anchor: str, quote: str | None = None) -> render.Html:
    """The style that frames the step with this id, and marks its words that are selected."""
    style = f"#{anchor}{{{FRAME}}}"
    if quote:
        style += (
            f"#{anchor} ::highlight({SELECTED}){{background:var(--fb-mark);color:var(--fb-ink)}}"
        )
    return render.tag("style", style)


class StepField(HBox):  # type: ignore[misc]
    """A field for the number of a step of `trace`, a link to that step, a chip of its words that
    are quoted, and a button that unsets both. The step is framed in the trace.

    What `filled` points at is chosen at first, and its quote is marked in the trace already; a step
    that the trace does not have is kept until another is chosen. A number that the trace does not
    have is told to `on_problem`.
    """

    def __init__(self, trace: Trace, filled: Label | None, on_problem: Callable[[str], None]):
        step = filled.step if filled else None
        quote = filled.quote if filled else None
        self._trace = trace
        self._marked = (step, quote)
        self._on_problem = on_problem
        self.number = Text(
            value=self._number_of(step),
            description="Goes wrong at step (S)",
            tooltip="The number of the step where it goes wrong; empty for the trace as a whole",
            continuous_update=False,
            layout=Layout(width="auto"),
            style={"description_width": "initial"},
        )
        self.number.add_class("fieldbook-step")
        self.number.observe(lambda _: self._check(), "value")
        self.unset = button("Unset", "times", "The label points at no step", self._clear)
        self._about = HTML()
        self.words = QuoteField(quote, on_problem, self._show)
        super().__init__([self.number, self.unset, self._about, self.words])
        self.add_class("fieldbook-stepfield")
        self._stray = None if self.number.value else step
        """The id of the chosen step, where the trace does not have it."""
        self._show()

    @property
    def step(self) -> str | None:
        """The id of the chosen step; None where there is none."""
        number = self._typed()
        return self._trace.steps[number - 1].id if number else self._stray

    @property
    def quote(self) -> str | None:
        """The words that are quoted; None where there are none."""
        return self.words.quote

    def _number_of(self, step: str | None) -> str:
        """The number of the step with this id; empty where the trace has none."""
        for number, candidate in enumerate(self._trace.steps, 1):
            if candidate.id == step:
                return str(number)
        return ""

    def _typed(self) -> int:
        """The number in the field; 0 where it is no step's."""
        text = self.number.value.strip()
        if not (text.isascii() and text.isdigit()) or len(text) > len(str(len(self._trace.steps))):
            return 0
        number = int(text)
        return number if number <= len(self._trace.steps) else 0

    def _check(self) -> None:
        text = self.number.value
        self._stray = None
        self.words.clear()
        if text.strip() and not self._typed():
            self.number.value = ""
            last = len(self._trace.steps)
            self._on_problem(f"There is no step {text.strip()!r} in this trace: 1 to {last}.")
        self._show()

    def _clear(self) -> None:
        self._stray = None
        self.words.clear()
        self.number.value = ""
        self._show()

    def _show(self) -> None:
        """Say which step is chosen, and frame it in the trace."""
        number = self._typed()
        self.unset.layout.display = None if self.step else "none"
        if not number:
            self.words.show(None)
            words = f"step {self._stray}, which this trace does not have" if self._stray else HOW
            about = render.tag("span", words, class_="soft")
            self._about.value = render.block(self._unmarked(), about)
            return
        step = self._trace.steps[number - 1]
        anchor = step_anchor(self._trace, step)
        self.words.show(anchor)
        name = f"{who_acts(step)}: {shortened(step.content or step.kind, ABOUT_CHARS)}"
        link = render.tag("a", name, href=f"#{anchor}")
        self._about.value = render.block(framed(anchor, self.quote), self._unmarked(), link)

    def _unmarked(self) -> render.Html:
        """The style that takes the mark off the words that were quoted at first, and are not any
        more; blank where they are.
        """
        step, quote = self._marked
        number = self._number_of(step)
        if not quote or not number or (step, quote) == (self.step, self.quote):
            return render.fragment()
        anchor = step_anchor(self._trace, self._trace.steps[int(number) - 1])
        return render.tag("style", f"#{anchor} mark.quote{{background:none;color:inherit}}")
