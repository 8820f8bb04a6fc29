"""Reading a trace on a panel: its look, and the buttons that the browser acts on by itself."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ipywidgets import Button, Combobox, Layout

from toolkit import render
from toolkit.traces import Trace
from toolkit.traces.outline import outline
from toolkit.views.panels.page import button

__all__ = ["STYLE", "WINDOW", "any_failed", "browser_button", "jump_field", "progress_html"]

STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
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
    return any(entry.failed for entry in outline(trace))


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


def progress_html(position: str, share: float, badges: Iterable[str]) -> render.Html:
    """The head of a panel with its look: where it stands, in words and as a bar."""
    filled = render.tag("div", style=f"width:{share:.1%}")
    row = [
        render.tag("strong", position),
        render.tag("div", filled, class_="fieldbook-progress"),
    ]
    for badge in badges:
        row.append(render.tag("span", badge, class_="badge"))
    return render.block(render.tag("div", *row, class_="row"), style=STYLE)
