"""The only place that makes HTML. Every string that is not `Html` already is escaped.

>>> tag("p", "<img onerror=alert(1)>", class_="quote")
'<p class="quote">&lt;img onerror=alert(1)&gt;</p>'
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Html", "details", "document", "figure", "fragment", "table", "tag"]

VOID = {"br", "hr", "img", "meta"}
TAGS = VOID | set(
    "a b body button caption code details div em figcaption figure h1 h2 h3 head header html li main "
    "ol p pre section small span strong style summary table tbody td th thead title tr ul".split()
)
STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


class Html(str):
    """Text that is already safe HTML. Only this module makes it."""

    __slots__ = ()


def _safe(value: object) -> str:
    return value if isinstance(value, Html) else escape(str(value), quote=True)


def tag(name: str, *children: object, **attributes: str | bool | None) -> Html:
    """One element. ``class_`` gives ``class``; a True attribute stands alone, None and False are
    left out.

    Raises ValueError for what could run script, or a link that is not http, https or a fragment.
    """
    if name not in TAGS:
        raise ValueError(f"render.tag makes no <{name}>; it knows {', '.join(sorted(TAGS))}")
    head = "".join(
        _attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items()
    )
    return Html(
        f"<{name}{head}>" if name in VOID else f"<{name}{head}>{fragment(*children)}</{name}>"
    )


def _attribute(key: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    if key.startswith("on") or not key.replace("-", "").isalnum():
        raise ValueError(f"render.tag sets no attribute {key!r}")
    if value is True:
        return f" {key}"
    if key in {"href", "src"} and not value.startswith(
        ("https://", "http://", "#", "data:image/png;base64,")
    ):
        raise ValueError(f"render.tag makes no link to {value[:60]!r}")
    return f' {key}="{_safe(value)}"'


def fragment(*children: object) -> Html:
    """Children one after the other, escaped where they are plain text."""
    return Html("".join(_safe(child) for child in children))


def details(summary: object, *body: object, open_: bool = False) -> Html:
    """A block that folds away under its summary."""
    return tag("details", tag("summary", summary), *body, open=open_)


def table(
    rows: Iterable[Sequence[object] | Mapping[str, Any]], head: Sequence[object] = ()
) -> Html:
    """A table; rows are sequences of cells, or mappings with `head` as their keys."""
    cells = [
        [row.get(str(key), "") for key in head] if isinstance(row, Mapping) else row for row in rows
    ]
    top = tag("thead", tag("tr", *(tag("th", cell) for cell in head))) if head else ""
    return tag(
        "table",
        top,
        tag("tbody", *(tag("tr", *(tag("td", cell) for cell in row)) for row in cells)),
    )


def figure(plot: "Figure", caption: str) -> Html:
    """A matplotlib figure as an embedded PNG, with its caption as the alternative text too."""
    buffer = BytesIO()
    plot.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    source = "data:image/png;base64," + b64encode(buffer.getvalue()).decode()
    return tag("figure", tag("img", src=source, alt=caption), tag("figcaption", caption))


def block(*children: object) -> Html:
    """A piece of a notebook's output, with the style that it needs."""
    return fragment(tag("style", Html(STYLE)), tag("div", *children, class_="fieldbook"))


def document(title: str, *body: object) -> Html:
    """A whole page that needs nothing but itself."""
    head = tag("head", tag("meta", charset="utf-8"), tag("title", title), tag("style", Html(STYLE)))
    main = tag("main", tag("h1", title), *body, class_="fieldbook")
    return Html("<!doctype html>\n" + tag("html", head, tag("body", main), lang="en"))
