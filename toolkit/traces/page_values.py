"""JSON in a trace as HTML: indented, folded by level, bounded in depth and number."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from toolkit.render import Html, details, fragment, tag, visible
from toolkit.traces.amounts import quantity
from toolkit.traces.brief import as_words, shortened
from toolkit.traces.decode import decode_at
from toolkit.traces.page_texts import (
    TEXT_CHARS,
    edit_fields,
    edit_html,
    string_html,
    text_html,
    without_edit,
)

LEVELS = 16
"""How deep JSON is shown."""
OPEN_LEVELS = 2
"""How many levels of it are open."""
OPEN_ENTRIES = 8
"""The most entries of a level that is open."""
VALUES = 20_000
"""How much of one JSON value is shown."""
INLINE_CHARS = 76
"""The longest list or object that stands in its line."""
LINE_CHARS = 600
"""The longest string that stands in its line."""
PREVIEW_CHARS = 70
JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
TOO_MUCH = object()
"""Stands for what no line can hold."""


def answer_html(text: str) -> Html:
    """What a tool answered: JSON as JSON, a patch as a patch, and all else as text."""
    if text[:1] in ("{", "[") and len(text) <= TEXT_CHARS:
        decoded = decode_at(text, 0)
        if decoded.error or decoded.n_cut or text[decoded.end :].strip():
            return text_html(text)
        return value_html(decoded.value)
    return string_html(text)


def json_of(value: Any, indent: int | None = None) -> str:
    """A value as JSON writes it, without a terminal's colours in its strings.

    Raises TypeError, ValueError or RecursionError where JSON cannot write it.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    if "\\u001b" not in text:
        return text
    return JSON_STRING.sub(_visible_string, text)


def _visible_string(match: re.Match[str]) -> str:
    return json.dumps(visible(json.loads(match[0])), ensure_ascii=False)


def value_html(value: Any) -> Html:
    """A JSON value, indented, each level in a fold."""
    return _Values().html(value)


class _Values:
    """The writing of one JSON value, which ends after so many values."""

    def __init__(self) -> None:
        self._left = VALUES

    def html(self, value: Any, level: int = 0) -> Html:
        """The entries of a list or an object, or a value that has none."""
        if isinstance(value, Mapping):
            return self._entries(without_edit(value).items(), level, edit_html(value))
        if isinstance(value, list | tuple):
            return self._entries(enumerate(value), level, "")
        if isinstance(value, str) and not _fits_a_line(value):
            return string_html(value)
        return tag("div", _atom(value), class_="json")

    def _entries(self, entries: Iterable[tuple[Any, Any]], level: int, after: object) -> Html:
        rows: list[object] = []
        for name, value in entries:
            if self._left <= 0:
                rows.append(tag("div", "… more is in the trace", class_="soft"))
                break
            self._left -= 1
            rows.append(self._entry(as_words(name), value, level))
        if not rows and not after:
            rows.append(tag("span", "empty", class_="soft"))
        return tag("div", *rows, after, class_="json")

    def _entry(self, name: str, value: Any, level: int) -> Html:
        """A line for what fits in one, else a fold."""
        key = fragment(tag("span", name, class_="key"), ": ")
        if isinstance(value, str):
            if _fits_a_line(value):
                return tag("div", key, _atom(value))
            return tag("div", key, string_html(value))
        if not isinstance(value, Mapping | list | tuple):
            return tag("div", key, _atom(value))
        small = _on_a_line(value)
        if small is not None:
            return tag("div", key, small)
        if level >= LEVELS:
            return tag("div", key, tag("span", "… deeper levels are in the trace", class_="soft"))
        is_open = level < OPEN_LEVELS and len(value) <= OPEN_ENTRIES
        size = tag("span", _preview(value), class_="soft")
        return details(fragment(key, size), self.html(value, level + 1), open_=is_open)


def _fits_a_line(text: str) -> bool:
    return len(text) <= LINE_CHARS and "\n" not in text


def _atom(value: Any) -> str:
    """A string, number, boolean or null, as JSON writes it."""
    try:
        return json_of(value)
    except ValueError:  # a number of thousands of digits
        return "a number too long to show"


def _on_a_line(value: Any) -> str | None:
    """A small list or object as JSON, where it fits a line."""
    n_atoms = 0
    for atom in _atoms(value, levels=2):
        n_atoms += 1
        if n_atoms > OPEN_ENTRIES or atom is TOO_MUCH:
            return None
        if isinstance(atom, str) and (len(atom) > INLINE_CHARS or "\n" in atom):
            return None
    if n_atoms == 0 and value:
        return None
    try:
        text = json_of(value)
    except (TypeError, ValueError):  # a key that is no text, or a number of thousands of digits
        return None
    return text if len(text) <= INLINE_CHARS else None


def _atoms(value: Any, levels: int) -> Iterator[Any]:
    """The strings, numbers and the like in a value; TOO_MUCH for an edit or deeper levels."""
    is_object = isinstance(value, Mapping)
    if not is_object and not isinstance(value, list | tuple):
        yield value
    elif levels < 0 or (is_object and edit_fields(value)):
        yield TOO_MUCH
    else:
        for child in value.values() if is_object else value:
            yield from _atoms(child, levels - 1)


def _preview(value: Any) -> str:
    """How large a level is, and what its first entries say."""
    noun = "field" if isinstance(value, Mapping) else "item"
    words: list[str] = []
    children = value.items() if isinstance(value, Mapping) else enumerate(value)
    for name, child in islice(children, 4):
        if isinstance(child, str | int | float):
            label = f"{name}: " if isinstance(value, Mapping) else ""
            words.append(f"{label}{shortened(as_words(child), 24)}")
    inside = f" · {shortened(', '.join(words), PREVIEW_CHARS)}" if words else ""
    return f"{quantity(len(value), noun)}{inside}"
