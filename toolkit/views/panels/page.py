"""Page: one trace on display, with the box and the buttons that were made for it and go with it."""

from collections.abc import Callable, Iterable
from functools import partial
from getpass import getuser
from typing import NamedTuple

from ipywidgets import HTML, Box, Button, HBox, Layout, Textarea, VBox, Widget

from toolkit import render
from toolkit.evals.labels.labels import Judgement, Label
from toolkit.traces import Trace, trace_html
from toolkit.views.panels.keys import CAPS

__all__ = ["Page", "button", "by_id", "close_tree", "user_name"]


class Look(NamedTuple):
    """How the button of a verdict looks; the word and the icon carry it, the colour only helps."""

    word: str
    icon: str
    colour: str
    tooltip: str


LOOKS: dict[Judgement, Look] = {
    "pass": Look(
        "Pass", "check", "#cdebdf", "Good enough: save this reason, then show the next trace"
    ),
    "fail": Look(
        "Fail", "times", "#f8d5c2", "Not good enough: save this reason, then show the next trace"
    ),
    "defer": Look(
        "Defer",
        "pause",
        "#e6e2d6",
        "Not sure yet: save what holds you up, then show the next trace",
    ),
}
INK = "#1c1c1c"


class Page(VBox):  # type: ignore[misc]
    """One trace and a place for its verdict. `aside` stands between the two; `number` is how the
    browser names it.

    `why` is what the box says first; None takes the reason on disk.
    """

    def __init__(
        self,
        trace: Trace | None,
        earlier: Label | None,
        on_verdict: Callable[["Page", Judgement], None],
        height: str,
        aside: object = "",
        number: int = 0,
        why: str | None = None,
    ):
        self.filled = (earlier.why if earlier else "") if why is None else why
        self.trace, self.earlier, self.message, self.number = trace, earlier, "", number
        self._note = HTML(layout=Layout(flex="1 1 20rem", margin="2px 12px"))
        self.reason = Textarea(
            value=self.filled,
            description="Why",
            placeholder="In your own words: what makes it good or bad?",
            tooltip="The reason for your verdict; a verdict without one is not saved",
            # One message when the box is left, so that the words arrive ahead of the click that
            # follows.
            continuous_update=False,
            rows=3,
            disabled=trace is None,
            layout=Layout(width="auto"),
            style={"description_width": "initial"},
        )
        self.verdicts = {
            verdict: button(
                look.word,
                look.icon,
                look.tooltip,
                partial(on_verdict, self, verdict),
                look.colour,
                verdict,
            )
            for verdict, look in LOOKS.items()
        }
        for press in self.verdicts.values():
            press.disabled = trace is None
        empty = render.tag("p", "There are no traces to label: the list is empty.")
        text = HTML(render.block(trace_html(trace) if trace else empty))
        frame = Layout(
            height=height if trace else "auto",
            overflow="auto",
            border="1px solid #8886",
            padding="0 12px",
            margin="6px 2px",
        )
        buttons = HBox(
            [*self.verdicts.values(), self._note],
            layout=Layout(flex_flow="row wrap", align_items="center"),
        )
        read = Box([text], layout=frame).add_class("fieldbook-frame")
        more = [HTML(render.block(aside))] if aside else []
        super().__init__([read, *more, self.reason, buttons])
        self.add_class("fieldbook-page").add_class(f"fieldbook-page-{number}")

    @property
    def why(self) -> str:
        """What the box says."""
        return str(self.reason.value).strip()

    @property
    def unsaved(self) -> bool:
        """Whether the box holds words that somebody has typed since, and that are not on disk."""
        return self.why not in {"", self.filled.strip()}

    def say(self, text: str, problem: bool = False) -> None:
        """Put `text` beside the box, where the eyes are."""
        self.message = text
        mark = "⚠ " if problem else ""
        style = f"line-height:1.4;padding:2px 8px;border-left:3px solid {'#d55e00' if problem else '#8886'}"
        said = render.tag("div", mark, text, role="alert" if problem else "status", style=style)
        self._note.value = said if text else ""


def button(
    word: str,
    icon: str,
    tooltip: str,
    act: Callable[[], None],
    colour: str | None = None,
    key: str = "",
) -> Button:
    """A button that calls `act`; its own colour comes with an ink that can be read on it, its `key`
    with its cap.
    """
    style = {"button_color": colour, "text_color": INK} if colour else {}
    cap = f" ({CAPS[key]})" if key else ""
    made = Button(
        description=word + cap, icon=icon, tooltip=tooltip, style=style, layout=Layout(width="8rem")
    )
    made.on_click(lambda _: act())
    return made.add_class(f"fieldbook-{key}") if key else made


def close_tree(widget: Widget) -> None:
    """Let go of a widget and of all that belongs to it, in the kernel and in the browser."""
    for part in (
        *getattr(widget, "children", ()),
        getattr(widget, "layout", None),
        getattr(widget, "style", None),
    ):
        if isinstance(part, Widget):
            close_tree(part)
    widget.close()


def by_id(traces: Iterable[Trace]) -> dict[str, Trace]:
    """Each trace under its id. Raises ValueError where two different ones share it."""
    found: dict[str, Trace] = {}
    for trace in traces:
        if found.setdefault(trace.id, trace) != trace:
            raise ValueError(
                f"two different traces have the id {trace.id!r}, so a label of it could mean either"
            )
    return found


def user_name(named: str | None = None) -> str:
    """Who works here: as `named`, or as the environment says. Raises ValueError where that is
    blank, or it does not.
    """
    if named and not named.strip():
        raise ValueError(f"the name {named!r} is blank: give rater='your name'")
    try:
        return named or getuser()
    except (KeyError, ImportError, OSError):
        raise ValueError("the environment names no user: give rater='your name'") from None
