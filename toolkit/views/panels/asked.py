"""The list of what people asked of what a panel watches, and whether it was heard."""

from collections.abc import Iterable

from toolkit import render

__all__ = ["asked_html", "asked_line"]


def asked_html(lines: Iterable[render.Html]) -> render.Html:
    """The list of these lines, given in the order of asking, with the newest first."""
    newest_first = list(lines)[::-1]
    if not newest_first:
        return render.fragment()
    return render.block(render.tag("ul", *newest_first, class_="asked", role="status"))


def asked_line(words: str, is_heard: bool, is_unused: bool) -> render.Html:
    """What was asked, with a mark: heard, not used, or still on its way."""
    if is_heard:
        return render.tag("li", f"✓ {words}", class_="heard")
    mark = "✗" if is_unused else "…"
    return render.tag("li", f"{mark} {words}", class_="soft")
