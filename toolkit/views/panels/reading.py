"""Reading a trace on a panel: the buttons that the browser acts on by itself, the jump, and where
the labels are.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ipywidgets import Button, Combobox, Layout

from toolkit import render
from toolkit.traces import Trace
from toolkit.traces.outline import failed_entries
from toolkit.views.panels.page import button

__all__ = ["WINDOW", "any_failed", "browser_button", "file_badge", "jump_field"]

WINDOW = "calc(100vh - 9rem)"
"""The height of the window, without the bars of JupyterLab."""
LOOKS = {
    "error": ("Next error", "exclamation", "Go to the next step that failed"),
    "open": ("Open all", "expand", "Unfold all that is folded, or fold it again"),
}
"""The word, the icon and the tooltip of each act."""


def browser_button(act: str, keys: Mapping[str, str]) -> Button:
    """A button for an act that the browser does by itself. It is hidden where the key layer's
    JavaScript does not run.
    """
    word, icon, tooltip = LOOKS[act]
    made = button(word, icon, tooltip, lambda: None, key=keys[act])
    return made.add_class(f"fieldbook-{act}").add_class("fieldbook-browser")


def any_failed(trace: Trace) -> bool:
    """Whether a step of `trace` failed."""
    return bool(failed_entries(trace))


def jump_field(ids: Sequence[str]) -> Combobox:
    """The field for the id of a trace to turn to."""
    field = Combobox(
        options=ids,
        continuous_update=False,
        placeholder="Jump to an id (J)",
        tooltip="Type or choose the id of a trace, then press Enter",
        layout=Layout(width="11rem"),
    )
    return field.add_class("fieldbook-jump")


def file_badge(path: Path) -> render.Html:
    """The name of the file of labels, and a button that copies the code that reads it."""
    whole = f"from toolkit.evals import LabelStore\nLabelStore({str(path.absolute())!r}).frame()"
    name = render.tag("code", path.name, title=str(path.absolute()))
    copy = render.tag(
        "button",
        "Copy code",
        class_="fieldbook-copy",
        title="Copy the two lines that read your labels",
        data_text=whole,
    )
    return render.spaced(name, copy)
