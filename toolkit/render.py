"""The only place that makes HTML. Every string that is not `Html` already is escaped.

>>> tag("p", "<img onerror=alert(1)>", class_="quote")
'<p class="quote">&lt;img onerror=alert(1)&gt;</p>'
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from hashlib import sha256
from html import escape
from io import StringIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from toolkit.look import INKS, STYLE

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from matplotlib.figure import Figure

__all__ = [
    "Html",
    "block",
    "details",
    "document",
    "drawing",
    "figure",
    "fragment",
    "link",
    "markdown",
    "marked",
    "printable",
    "qr_code",
    "spaced",
    "table",
    "tag",
    "visible",
]

VOID = {"br", "hr", "img", "input", "meta"}
"""The elements without children."""
TAGS = VOID | set(
    "a article b bdi body button caption code details div em figcaption figure h1 h2 h3 head "
    "header html kbd label li main mark nav noscript ol p pre section small span strong style "
    "summary table tbody td th thead title tr ul".split()
)
"""The elements that can be made: none of them runs anything."""
LINKS = ("https://", "http://", "mailto:", "#")
"""How the address of a link may begin."""
PICTURES = tuple(f"data:image/{kind};base64," for kind in ("png", "jpeg", "gif", "webp"))
"""How the address of a picture may begin: it is in the page, and it is a raster."""
SCHEME_CHARS = 40
"""Where the begin of an address ends, in which capitals make no difference."""
ADDRESSES = {"href": LINKS, "src": PICTURES, "action": LINKS, "formaction": LINKS}
MARKDOWN_CHARS = 40_000
"""The longest text that is read as Markdown: the time that takes is bounded."""
MARKDOWN_CELLS = 10_000
"""How many cells its tables may have, with those that are added to short rows."""
TERMINAL = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()][0-9A-Z]|[@-Z\\^_])"
)
"""What tells a terminal a colour, a title or a set of characters, and is no word."""
REORDERING = "\u202a-\u202e\u2066-\u2069"
"""The signs that turn round what stands beside them: a name may show as another with them."""
HIDING = re.compile(f"[\x1b{REORDERING}]")
"""What could hide or turn round words: an escape that begins nothing complete is one."""
CONTROLS = re.compile(f"[\x00-\x1f\x7f-\x9f{REORDERING}]")
"""What could move a terminal's cursor, or forge a line."""
CLOSED = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
"""What a page may load: nothing. Its style and its pictures are in it."""
INK_NAMES = {"#000000": "ink", "#ffffff": "page"}
"""The name of each ink by its light colour, as matplotlib writes it."""
INK_NAMES |= {ink.light: ink.name for ink in INKS.values() if len(ink.light) == 7}
SHORT_CHARS = 40
"""How long a text is at most that may stand all over a page."""
NO_DATA: Mapping[str, Any] = MappingProxyType({})


class Html(str):
    """Text that is already safe HTML. Only this module makes it; a notebook shows it as it is."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return self


def visible(text: str) -> str:
    r"""A text as a person sees it: without a terminal's colours, and in the order of its letters.

    >>> visible("\x1b[31mred\x1b[0m"), visible("abc\u202ecba")
    ('red', 'abc[U+202E]cba')
    """
    if "\x1b" in text:
        text = TERMINAL.sub("", text)
    elif text.isascii():
        return text
    return HIDING.sub(_code_point, text)


def printable(line: str) -> str:
    r"""A line for a terminal, which can neither colour, overwrite nor forge another.

    >>> printable("paid\r\x1b[2Kfree")
    'paid[U+000D][U+001B][2Kfree'
    """
    return CONTROLS.sub(_code_point, line)


def _code_point(match: re.Match[str]) -> str:
    return f"[U+{ord(match[0]):04X}]"


def _safe(value: object) -> str:
    if isinstance(value, Html):
        return value
    text = str(value)
    return _escaped_short(text) if len(text) <= SHORT_CHARS else _escaped(text)


def _escaped(text: str) -> str:
    return escape(visible(text), quote=True)


# the same classes, labels and numbers stand all over a page
_escaped_short = lru_cache(maxsize=10_000)(_escaped)


def tag(name: str, /, *children: object, **attributes: str | bool | None) -> Html:
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
        For what could run script, a link that is not http, https, mailto or a fragment, or a
        picture that is not a raster in the page.
    """
    if name not in TAGS:
        raise ValueError(f"render.tag makes no <{name}>; it knows {', '.join(sorted(TAGS))}")
    head = name
    for argument, value in attributes.items():
        if value is not None and value is not False:
            head += _attribute(_attribute_name(argument), value)
    if name in VOID:
        return Html(f"<{head}>")
    body = "".join([_safe(child) for child in children])
    return Html(f"<{head}>{body}</{name}>")


@lru_cache(maxsize=1000)  # a page has the same few attributes in each of its elements
def _attribute_name(argument: str) -> str:
    """The attribute that an argument of `tag` is for, where that may be set."""
    key = argument.rstrip("_").replace("_", "-")
    if key.startswith("on") or not key.replace("-", "").isalnum():
        raise ValueError(f"render.tag sets no attribute {key!r}")
    return key


def _attribute(key: str, value: str | Literal[True]) -> str:
    """An attribute with the space before it."""
    if isinstance(value, bool):
        return f" {key}"
    if key in ADDRESSES and not value[:SCHEME_CHARS].lower().startswith(ADDRESSES[key]):
        raise ValueError(f"render.tag makes no link to {value[:60]!r}")
    return f' {key}="{_safe(value)}"'


def fragment(*children: object) -> Html:
    """Children one after the other, escaped where they are not `Html`."""
    return Html("".join([_safe(child) for child in children]))


def spaced(*children: object) -> Html:
    """Children in a line, with a space between: they are apart without any style too."""
    return Html(" ".join([_safe(child) for child in children if child]))


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


def figure(plot: "Figure", caption: str, on_phones: "Figure | None" = None) -> Html:
    """A matplotlib figure as a drawing, with its caption as the alternative text too.

    `on_phones` is shown in its place where a page is narrow.
    """
    wide = drawing(plot, caption)
    if on_phones:
        narrow = tag("div", drawing(on_phones, caption), class_="on-phones")
        wide = fragment(tag("div", wide, class_="off-phones"), narrow)
    return tag("figure", wide, tag("figcaption", caption))


def drawing(plot: "Figure", words: str) -> Html:
    """A matplotlib figure as an SVG whose inks follow the theme.

    Parameters
    ----------
    plot
        Drawn in the light inks of `toolkit.look`; each is turned into the name that it has in the
        style sheet. What is black becomes ink.
    words
        What is read out in its place.
    """
    from matplotlib import rc_context

    buffer = StringIO()
    nothing_about_the_file = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    salt = f"{words} {plot.get_figwidth()}"  # what has one id in a page is one drawing
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        plot.savefig(buffer, format="svg", metadata=nothing_about_the_file)
    svg = buffer.getvalue()
    width, height = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0]
    inside = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    inside = re.sub(r"<style.*?</style>", "", inside, flags=re.DOTALL)  # it would be of the page
    inside = re.sub(r"'DejaVu Sans'[^;\"]*", "sans-serif", inside)
    inside = re.sub(r"(fill|stroke): (#[0-9a-f]{6})", _named_ink, inside)
    head = (
        f'<svg role="img" aria-label="{escape(words)}" viewBox="0 0 {width} {height}" '
        f'style="max-width:{width}px"'
    )
    return tag("div", Html(f"{head}>{inside}</svg>"), class_="drawing")


def _named_ink(match: re.Match[str]) -> str:
    name = INK_NAMES.get(match[2])
    return f"{match[1]}: var(--fb-{name})" if name else match[0]


def qr_code(text: str, title: str) -> Html:
    """A QR code of `text`, as wide as there is room. It is black on white in a dark page too, as
    scanners want it.
    """
    import segno

    code = segno.make_qr(text)
    svg = code.svg_inline(
        title=title, border=3, light="#fff", omitsize=True, svgclass=None, lineclass=None
    )
    return Html(svg)


def block(*children: object, style: str = "") -> Html:
    """A piece of a notebook's output, with the style that it needs, and a `style` of its own."""
    looks = tag("style", Html(STYLE + style))
    return fragment(looks, tag("div", *children, class_="fieldbook"))


def document(
    title: str,
    *body: object,
    style: str = "",
    script: str = "",
    data: Mapping[str, Any] = NO_DATA,
) -> Html:
    """A page that needs nothing but itself, and may load nothing.

    Parameters
    ----------
    title
        What the browser's tab says.
    *body
        `Html`, or text that is escaped.
    style, script
        The text of files of ours, which are added to the page. No other script runs on it.
    data
        What the script reads: JSON values by the id of the element that holds them.
    """
    charset = tag("meta", charset="utf-8")
    viewport = tag("meta", name="viewport", content="width=device-width, initial-scale=1")
    code = ""
    policy = CLOSED
    if script:
        code = Html(f"<script>{script}</script>")
        digest = b64encode(sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
    closed = tag("meta", http_equiv="Content-Security-Policy", content=policy)
    looks = tag("style", Html(STYLE + style))
    head = tag("head", charset, closed, viewport, tag("title", title), looks)
    main = tag("main", *body, class_="fieldbook page")
    values = [_data_block(name, value) for name, value in data.items()]
    page = tag("html", head, tag("body", main, *values, code), lang="en")
    return Html("<!doctype html>\n" + page)


def _data_block(name: str, value: Any) -> Html:
    """A JSON value as text that no browser runs, and that cannot end its element."""
    text = json.dumps(value).replace("<", "\\u003c")
    return Html(f'<script type="application/json" id="{escape(name)}">{text}</script>')


def link(address: str, *children: object) -> Html:
    """A link that leaves the page in a tab of its own, and says nothing about where it was."""
    return tag("a", *children, href=address, target="_blank", rel="noopener noreferrer")


def markdown(text: str) -> Html:
    r"""Markdown as HTML. HTML in it is text, no link can run anything, no picture is loaded.

    >>> markdown("It *is* [free](javascript:x) <b>now</b>")
    '<p>It <em>is</em> [free](javascript:x) &lt;b&gt;now&lt;/b&gt;</p>\n'
    """
    text = visible(text)
    if len(text) <= MARKDOWN_CHARS and _n_cells(text) <= MARKDOWN_CELLS:
        return _markdown(text)
    note = tag("p", "Too much for Markdown: this is the text as it was written.", class_="soft")
    return fragment(note, tag("p", text))


def _n_cells(text: str) -> int:
    """How many cells the tables of a text have at most: each row is as long as the longest."""
    lengths = [line.count("|") for line in text.split("\n") if "|" in line]
    return len(lengths) * max(lengths, default=0)


@lru_cache(maxsize=64)  # many traces begin with the same system prompt
def _markdown(text: str) -> Html:
    return Html(_reader().render(text))


@cache
def _reader() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    reader.validateLink = _may_be_linked  # type: ignore[method-assign, assignment]
    reader.add_render_rule("link_open", _link_open)
    reader.add_render_rule("image", _image)
    return reader


def _may_be_linked(address: str) -> bool:
    return address.lower().startswith(("https://", "http://", "mailto:"))


def _link_open(_: Any, tokens: Sequence["Token"], position: int, *__: Any) -> str:
    """The begin of a link of Markdown."""
    address = str(tokens[position].attrs["href"])
    return f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer">'


def _image(_: Any, tokens: Sequence["Token"], position: int, *__: Any) -> str:
    """A picture of Markdown, as a link to it."""
    token = tokens[position]
    address = str(token.attrs["src"])
    return link(address, f"picture: {token.content or address}")


def marked(html: Html, words: Sequence[str]) -> Html:
    """The HTML with each of `words` marked in its text, whatever the case.

    >>> marked(tag("p", "Free & FREE", title="free"), ["free"])
    '<p title="free"><mark>Free</mark> &amp; <mark>FREE</mark></p>'
    """
    longest_first = sorted(words, key=len, reverse=True)
    escaped = [re.escape(escape(word)) for word in longest_first if word]
    if not escaped:
        return html
    # a tag or an entity is taken whole, so that no word is looked for inside it
    pattern = re.compile(rf"<[^>]*>|({'|'.join(escaped)})|&[#\w]+;", re.IGNORECASE)
    return Html(pattern.sub(_mark, html))


def _mark(match: re.Match[str]) -> str:
    return f"<mark>{match[1]}</mark>" if match[1] else match[0]
