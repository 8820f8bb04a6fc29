"""StepField: the step where a trace goes wrong, by its number."""

from collections.abc import Callable

from ipywidgets import HTML, HBox, Layout, Text

from toolkit import render
from toolkit.traces import Trace
from toolkit.traces.brief import shortened
from toolkit.traces.outline import step_anchor, who_acts
from toolkit.views.panels.page import button

__all__ = ["StepField", "framed"]

ABOUT_CHARS = 40
"""How much of the step's words is shown beside its number."""
FRAME = "outline:2px solid var(--fb-accent);outline-offset:4px;border-radius:4px;box-shadow:none"
"""How the chosen step looks in the trace."""
HOW = "none: click the number of a step, or press S"


def framed(anchor: str) -> render.Html:
    """The style that frames the step with this id."""
    return render.tag("style", f"#{anchor}{{{FRAME}}}")


class StepField(HBox):  # type: ignore[misc]
    """A field for the number of a step of `trace`, a link to that step, and a button that unsets
    it. The step is framed in the trace.

    `step` is the id of the step that is chosen at first; one that the trace does not have is kept
    until another is chosen. A number that the trace does not have is told to `on_problem`.
    """

    def __init__(self, trace: Trace, step: str | None, on_problem: Callable[[str], None]):
        self._trace = trace
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
        super().__init__([self.number, self.unset, self._about])
        self.add_class("fieldbook-stepfield")
        self._stray = None if self.number.value else step
        """The id of the chosen step, where the trace does not have it."""
        self._show()

    @property
    def step(self) -> str | None:
        """The id of the chosen step; None where there is none."""
        number = self._typed()
        return self._trace.steps[number - 1].id if number else self._stray

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
        if text.strip() and not self._typed():
            self.number.value = ""
            last = len(self._trace.steps)
            self._on_problem(f"There is no step {text.strip()!r} in this trace: 1 to {last}.")
        self._show()

    def _clear(self) -> None:
        self._stray = None
        self.number.value = ""
        self._show()

    def _show(self) -> None:
        """Say which step is chosen, and frame it in the trace."""
        number = self._typed()
        self.unset.layout.display = None if self.step else "none"
        if not number:
            words = f"step {self._stray}, which this trace does not have" if self._stray else HOW
            self._about.value = render.block(render.tag("span", words, class_="soft"))
            return
        step = self._trace.steps[number - 1]
        anchor = step_anchor(self._trace, step)
        name = f"{who_acts(step)}: {shortened(step.content or step.kind, ABOUT_CHARS)}"
        self._about.value = render.block(framed(anchor), render.tag("a", name, href=f"#{anchor}"))
