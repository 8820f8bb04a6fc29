"""The key layer: in the browser, one key for each button of a panel, and none of them reaches the
notebook.

It is an extra. Where its JavaScript does not run, its hint is not there either, and the buttons do
everything.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from anywidget import AnyWidget
from ipywidgets import Box
from traitlets import Dict, Unicode

from toolkit.records import validate

CAPS = {
    "pass": "1",
    "fail": "2",
    "defer": "D",
    "undo": "U",
    "jump": "J",
    "previous": "←",
    "next": "→",
}
HINT = """Click the panel, or Tab into it, for its keys: 1, 2 or D, then why, then Enter. Shift+Enter is a new line, \
Esc leaves the box; ← → U J, and ↑ ↓ to scroll. While the panel's edge is blue, no key reaches the notebook."""


class Press(NamedTuple):
    """A key, as the browser tells it: its act, the number of the page on display there, what the
    page's box said.
    """

    act: str
    page: int = -1
    why: str = ""


class Keys(AnyWidget):
    """Listens on the `panel` that it is shown in, and hands each press to `on_press`."""

    _esm, _css = Path(__file__).with_suffix(".js"), Path(__file__).with_suffix(".css")
    caps, hint = Dict(CAPS).tag(sync=True), Unicode(HINT).tag(sync=True)

    def __init__(self, panel: Box, on_press: Callable[[Press], None]):
        super().__init__()
        panel.add_class("fieldbook-keys")
        self.add_class("fieldbook-hint")
        self._on_press = on_press
        self.on_msg(lambda _, content, __: self.press(content))

    def press(self, content: dict[str, Any]) -> None:
        """Take a message of the browser. Raises RecordError where it is none of ours."""
        self._on_press(validate(Press, content))
