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

__all__ = ["Html", "block", "details", "document", "figure", "fragment", "table", "tag"]

VOID = {"br", "hr", "img", "meta"}
"""The elements without children."""
TAGS = VOID | set(
    "a b body button caption code details div em figcaption figure h1 h2 h3 head header html "
    "li main ol p pre section small span strong style summary table tbody td th thead title "
    "tr ul".split()
)
"""The elements that can be made: none of them runs anything."""
LINKS = ("https://", "http://", "#", "data:image/png;base64,")
"""How the address of a link or a picture may begin."""
STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


class Html(str):
    """Text that is already safe HTML. Only this module makes it."""

    __slots__ = ()


def _safe(value: object) -> str:
    return value if isinstance(value, Html) else escape(str(value), quote=True)


def tag(name: str, *children: object, **attributes: str | bool | None) -> Html:
    """One element.

    Parameters
    ----------
    name
        That of the element, as ``p``.
    *children
        `Html`, or text that is escaped.
    **attributes
        ``class_`` gives ``class``, ``data_n`` gives ``data-n``. A True attribute stands alone, None
        and False are left out.

    Raises
    ------
    ValueError
        For what could run script, or a link that is not http, https or a fragment.
    """
    if name not in TAGS:
        raise ValueError(f"render.tag makes no <{name}>; it knows {', '.join(sorted(TAGS))}")
    head = name
    for key, value in attributes.items():
        head += _attribute(key.rstrip("_").replace("_", "-"), value)
    if name in VOID:
        return Html(f"<{head}>")
    return Html(f"<{head}>{fragment(*children)}</{name}>")


def _attribute(key: str, value: str | bool | None) -> str:
    """An attribute with the space before it; nothing where it is left out."""
    if value is None or value is False:
        return ""
    if key.startswith("on") or not key.replace("-", "").isalnum():
        raise ValueError(f"render.tag sets no attribute {key!r}")
    if value is True:
        return f" {key}"
    if key in ("href", "src") and not value.startswith(LINKS):
        raise ValueError(f"render.tag makes no link to {value[:60]!r}")
    return f' {key}="{_safe(value)}"'


def fragment(*children: object) -> Html:
    """Children one after the other, escaped where they are not `Html`."""
    return Html("".join(_safe(child) for child in children))


def details(summary: object, *body: object, open_: bool = False) -> Html:
    """A block that folds away under its summary."""
    return tag("details", tag("summary", summary), *body, open=open_)


def table(
    rows: Iterable[Sequence[object] | Mapping[str, Any]], head: Sequence[object] = ()
) -> Html:
    """A table; rows are sequences of cells, or mappings with `head` as their keys."""
    body: list[Html] = []
    for row in rows:
        cells = [row.get(str(key), "") for key in head] if isinstance(row, Mapping) else row
        body.append(_row("td", cells))
    top = tag("thead", _row("th", head)) if head else ""
    return tag("table", top, tag("tbody", *body))


def _row(cell_name: str, cells: Iterable[object]) -> Html:
    return tag("tr", *(tag(cell_name, cell) for cell in cells))


def figure(plot: "Figure", caption: str) -> Html:
    """A matplotlib figure as an embedded PNG, with its caption as the alternative text too."""
    buffer = BytesIO()
    plot.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    source = "data:image/png;base64," + b64encode(buffer.getvalue()).decode()
    picture = tag("img", src=source, alt=caption)
    return tag("figure", picture, tag("figcaption", caption))


def block(*children: object) -> Html:
    """A piece of a notebook's output, with the style that it needs."""
    style = tag("style", Html(STYLE))
    return fragment(style, tag("div", *children, class_="fieldbook"))


def document(title: str, *body: object) -> Html:
    """A page that needs nothing but itself."""
    charset = tag("meta", charset="utf-8")
    style = tag("style", Html(STYLE))
    head = tag("head", charset, tag("title", title), style)
    main = tag("main", tag("h1", title), *body, class_="fieldbook")
    page = tag("html", head, tag("body", main), lang="en")
    return Html("<!doctype html>\n" + page)
