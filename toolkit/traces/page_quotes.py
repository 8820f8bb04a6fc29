"""Quotes: the words of a step that somebody pointed at, marked on its page."""

import re
from collections.abc import Iterable, Mapping
from html import unescape

from toolkit.render import Html
from toolkit.traces.outline import Entry

TWICE = r'<(?:span|code) class="(?:preview|arguments)">[^<]*</(?:span|code)>'
"""The begin of a line that says again what stands in its fold, and is not seen while that is open.
"""
LETTER = re.compile(rf"{TWICE}|<[^>]*>|(&[#\w]+;|[^\s<])")
WORDS = re.compile(r"<[^>]*>|([^<]+)")
FOLD = re.compile(r"<(/?)details[^>]*>")


def quotes_by_step(quotes: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The quoted words of each step, by its id."""
    by_step: dict[str, list[str]] = {}
    for step_id, words in quotes:
        by_step.setdefault(step_id, []).append(words)
    return by_step


def entry_quoted(html: Html, entry: Entry, quotes: Mapping[str, list[str]]) -> Html:
    """The HTML of an entry, with what is quoted of its steps marked."""
    anchors = {entry.step.id: entry.anchor}
    if entry.result and entry.result_anchor:
        anchors[entry.result.id] = entry.result_anchor
    for step_id, anchor in anchors.items():
        for words in quotes.get(step_id, ()):
            html = quoted(html, words, max(0, html.find(f' id="{anchor}"')))
    return html


def quoted(html: Html, words: str, start: int = 0) -> Html:
    """The HTML with the first words from `start` on that are `words` marked, whatever the white
    space and the tags between, and with the folds open that they stand in. It stays as it is where
    they are not there.

    >>> from toolkit.render import tag
    >>> quoted(tag("p", "It ", tag("em", "is"), " free & open"), "is free &")
    '<p>It <em><mark class="quote">is</mark></em><mark class="quote"> free &amp;</mark> open</p>'
    """
    wanted = "".join(words.split())
    letters = ""
    places: list[tuple[int, int]] = []
    for match in LETTER.finditer(html, html.find(">", start) + 1 if start else 0):
        if match[1]:
            text = unescape(match[1])
            letters += text
            places += [match.span()] * len(text)
    at = letters.find(wanted)
    if at < 0 or not wanted:
        return html
    begin = places[at][0]
    end = places[at + len(wanted) - 1][1]
    return Html(_unfolded(html[:begin]) + WORDS.sub(_marked, html[begin:end]) + html[end:])


def _marked(match: re.Match[str]) -> str:
    """Words in a mark; a tag, and the white space between two, as they are."""
    if match[1] is None or match[1].isspace():
        return match[0]
    return f'<mark class="quote">{match[1]}</mark>'


def _unfolded(begin: str) -> str:
    """The begin of a page with the folds open that are not yet at their end."""
    folds: list[re.Match[str]] = []
    for fold in FOLD.finditer(begin):
        if fold[1]:
            folds.pop()
        else:
            folds.append(fold)
    for fold in reversed(folds):
        begin = f"{begin[: fold.start()]}<details open>{begin[fold.end() :]}"
    return begin
