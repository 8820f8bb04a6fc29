"""The look that all panels share: one style, which stands in each panel once."""

from pathlib import Path

from ipywidgets import HTML, Box

from toolkit import render

__all__ = ["heading", "in_family", "progress_html"]

FOLDER = Path(__file__).parent
FILES = ("look.css", "reading.css", "session.css", "experiment.css", "harness.css")
SHARED = FOLDER.parents[1] / "sessions" / "http" / "page_build.css"
"""The look of a build, which the page of a session has too."""
STYLE = "".join(path.read_text(encoding="utf-8") for path in [SHARED, *map(FOLDER.joinpath, FILES)])


def in_family(panel: Box) -> HTML:
    """Give a panel the look of the family: the returned widget is one of its children."""
    panel.add_class("fieldbook").add_class("fieldbook-panel")
    return HTML(render.block(style=STYLE)).add_class("fieldbook-looks")


def progress_html(position: str, share: float, badges: tuple[object, ...]) -> render.Html:
    """The head of a panel: where it stands, in words and as a bar, and what to know of it.

    A badge that is `render.Html` is taken as it is.
    """
    filled = render.tag("div", style=f"width:{share:.1%}")
    row = [
        render.tag("strong", position),
        render.tag("div", filled, class_="fieldbook-progress"),
    ]
    for badge in badges:
        row.append(render.tag("span", badge, class_="badge"))
    return render.block(render.tag("div", *row, class_="row"))


def heading(words: str) -> HTML:
    """A heading over a part of a panel."""
    return HTML(render.block(render.tag("h2", words, class_="fieldbook-heading")))
