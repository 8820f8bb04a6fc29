"""Page: what stands on the stage of a panel until the next page, with its buttons and message."""

from collections.abc import Callable, Iterator, Mapping

from ipywidgets import HTML, Box, Button, Layout, ValueWidget, VBox, Widget

from toolkit import render

__all__ = ["Page", "button", "close_tree", "frame", "widgets_in"]


class Page(VBox):  # type: ignore[misc]
    """A page of a panel. Once it is gone from the stage, its buttons do nothing."""

    def __init__(
        self,
        number: int,
        keys: Mapping[str, str],
        on_act: Callable[[str, Callable[[], str]], None],
    ):
        super().__init__()
        self.number = number
        self.on_stage = True
        self.buttons: dict[str, Button] = {}
        self.note = HTML()
        self._box: ValueWidget | None = None
        self._keys = keys
        self._on_act = on_act
        self.add_class("fieldbook-page")
        self.add_class(f"fieldbook-page-{number}")  # so the browser knows where a key was pressed

    @property
    def box(self) -> ValueWidget | None:
        """The box for words, if there is one. A key that presses a button brings its words along.

        Where the box has several lines, the key waits until its words are written.
        """
        return self._box

    @box.setter
    def box(self, box: ValueWidget) -> None:
        self._box = box
        box.add_class("fieldbook-box")

    def button(
        self, act: str, word: str, icon: str, tooltip: str, action: Callable[[], str]
    ) -> Button:
        """A button of this page, with the key of `act`, if it has one. `action` writes to disk, and
        returns the message for the next page.
        """

        def press() -> None:
            if self.on_stage:  # else the click came late, and was meant for what stood here
                self._on_act(act, action)

        made = button(word, icon, tooltip, press, self._keys.get(act, ""))
        made.add_class("fieldbook-page-button")
        if act in self._keys:
            made.add_class(f"fieldbook-{act}")
        self.buttons[act] = made
        return made

    def press(self, act: str, words: str) -> None:
        """Press the button of `act`, with `words` in the box."""
        if act not in self.buttons:
            return
        if self.box is not None:
            self.box.value = words
        self.buttons[act].click()

    def say(self, text: str, problem: bool) -> None:
        """Show `text` in the note of this page."""
        if not text:
            self.note.value = ""
        elif problem:
            alert = render.tag("div", "⚠ ", text, role="alert", class_="fieldbook-note problem")
            self.note.value = alert
        else:
            self.note.value = render.tag("div", text, role="status", class_="fieldbook-note")


def button(
    word: str, icon: str, tooltip: str, action: Callable[[], object], key: str = ""
) -> Button:
    """A button that calls `action`, and shows the `key` that stands for it."""
    description = f"{word} ({key})" if key else word
    made = Button(description=description, icon=icon, tooltip=tooltip)
    made.on_click(lambda _: action())
    return made


def frame(text: object, height: str, **layout: str) -> Box:
    """A frame to read `text` in, `height` high; what is longer is scrolled."""
    shape = Layout(height=height, overflow="auto", padding="0 12px", **layout)
    return Box([HTML(render.block(text))], layout=shape).add_class("fieldbook-frame")


def widgets_in(widget: Widget) -> Iterator[Widget]:
    """A widget and all that it shows, the innermost first."""
    for child in getattr(widget, "children", ()):
        yield from widgets_in(child)
    yield widget


def close_tree(widget: Widget) -> None:
    """Let go of a widget and of all that belongs to it, in the kernel and in the browser."""
    for part in widgets_in(widget):
        for own in (getattr(part, "layout", None), getattr(part, "style", None), part):
            if isinstance(own, Widget):
                own.close()
