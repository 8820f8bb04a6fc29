"""The key layer: in the browser, one key for each button of a panel, and none of them reaches the notebook.

It is an extra. Where its JavaScript does not run, its hint is not there either, and the buttons do everything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anywidget import AnyWidget
from ipywidgets import Box
from traitlets import Dict, Unicode

from toolkit.records import validate

ACTS = {
    **{"1": "pass", "2": "fail", "d": "defer", "u": "undo", "j": "jump"},
    **{"ArrowLeft": "previous", "ArrowRight": "next"},
}
CAPS = {act: {"ArrowLeft": "←", "ArrowRight": "→"}.get(key, key.upper()) for key, act in ACTS.items()}
HINT = (
    "Click the panel (or Tab into it) for its keys: 1, 2 or D, then why, then Enter. Shift+Enter is a new line, Esc leaves the box; \
← → U J, and ↑ ↓ to scroll. While its edge is blue, no key reaches the notebook."
)


@dataclass(frozen=True, slots=True)
class Press:
    """What was pressed, as the browser tells it."""

    act: str
    page: int = -1
    """The number of the page that was on display there. The kernel may be further."""
    why: str = ""
    """What the box of that page said."""


class Keys(AnyWidget):
    """Listens on the `panel` that it is shown in, and hands each press to `on_press`."""

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")
    acts = Dict(ACTS).tag(sync=True)
    hint = Unicode(HINT).tag(sync=True)

    def __init__(self, panel: Box, on_press: Callable[[Press], None]):
        super().__init__()
        panel.add_class("fieldbook-keys")
        self.add_class("fieldbook-hint")
        self._on_press = on_press
        self.on_msg(lambda _, content, __: self.press(content))

    def press(self, content: dict[str, Any]) -> None:
        """Take a message of the browser. Raises RecordError where it is none of ours."""
        self._on_press(validate(Press, content))
