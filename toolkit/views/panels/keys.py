"""The key layer: in the browser, a key for each button of a panel, and none of them reaches the
notebook.

It is an extra. Where its JavaScript does not run, its hint is not there either, and the buttons do
everything.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from anywidget import AnyWidget
from ipywidgets import Box
from traitlets import Bool, Dict, Unicode

from toolkit.records import validate

__all__ = ["FOCUS", "Keys", "Press"]

FOCUS = (
    "lists the keys. Click the panel, or Tab into it, to use them: "
    "while its edge is blue, no key reaches the notebook."
)
"""What stands beside the button that lists the keys."""
FOLDER = Path(__file__).parent
FILES = ("reading.js", "keys.js")
SCRIPT = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in FILES)
"""What runs in the browser: one module, though it stands in two files."""
HELP = {"?": "show this list, or close it", "Esc": "leave a box, back to the panel"}
"""What the keys do that every panel has."""


class Press(NamedTuple):
    """A key, as the browser tells it."""

    act: str
    page: int = -1
    """The number of the page on display there; -1 is none."""
    why: str = ""
    """What the page's box said."""


class Keys(AnyWidget):
    """Listens on the `panel` that it is shown in, and hands each press to `on_press`.

    `caps` is the key of each act: a character in capitals, or an arrow (``←``, ``→``). ``?`` lists
    them with the words in `help`; a key whose words are blank it leaves out. With `seek` the panel
    is scrolled to, and takes the keys, as soon as it is there.
    """

    _esm = SCRIPT
    caps = Dict().tag(sync=True)
    hint = Unicode().tag(sync=True)
    help = Dict().tag(sync=True)
    seek = Bool(default_value=False).tag(sync=True)

    def __init__(
        self,
        panel: Box,
        on_press: Callable[[Press], None],
        caps: Mapping[str, str],
        hint: str = FOCUS,
        help: Mapping[str, str] | None = None,
    ):
        words = dict(help or {})
        for act, cap in caps.items():
            words.setdefault(cap, act)
        listed = {cap: what for cap, what in words.items() if what}
        super().__init__(caps=dict(caps), hint=hint, help=listed | HELP)
        panel.add_class("fieldbook-keys")
        self.add_class("fieldbook-hint")
        self._on_press = on_press
        self.on_msg(lambda _, content, __: self.press(content))

    def press(self, content: dict[str, Any]) -> None:
        """Take a message of the browser. Raises RecordError where it is none of ours."""
        self._on_press(validate(Press, content))
