"""Texts in a trace as HTML: long ones folded in the middle, edits and patches as diffs."""

import re
from collections.abc import Mapping
from difflib import unified_diff
from typing import Any

from toolkit.render import Html, details, fragment, tag
from toolkit.traces.amounts import quantity
from toolkit.traces.fields import without

TEXT_LINES, END_LINES = 40, 12
"""A longer text folds, but for so many lines at either end."""
LONG_CHARS, END_CHARS = 6000, 1200
"""A longer text of few lines folds, but for so many characters at either end."""
TEXT_CHARS = 1_000_000
"""The longest text that is shown."""
DIFF_LINES = 1500
"""The longest texts that are compared line by line; longer ones are shown one after the other."""
EDITS = (("old_string", "new_string"), ("old_str", "new_str"), ("old_text", "new_text"))
"""The fields of an edit: what stood there, and what stands there now."""
PATCH = re.compile(r"^(\*\*\* Begin Patch|diff --git |--- \S.*\n\+\+\+ )", re.MULTILINE)
"""How the text of a patch begins."""
LOOKS = {"+": "added", "-": "removed", "@": "soft", "*": "soft"}
"""The look of a line of a patch by its sign."""


def text_html(text: str) -> Html:
    """A text as it was written; the middle of a long one is folded away."""
    rest = len(text) - TEXT_CHARS
    if rest > 0:
        note = tag("p", f"{rest:,} more characters are in the trace.", class_="soft")
        return fragment(text_html(text[:TEXT_CHARS]), note)
    lines = text.splitlines(keepends=True)
    if len(lines) > TEXT_LINES:
        begin = "".join(lines[:END_LINES])
        end = "".join(lines[-END_LINES:])
        return _folded(text, begin, end, quantity(len(lines) - 2 * END_LINES, "more line"))
    if len(text) > LONG_CHARS:
        n_folded = len(text) - 2 * END_CHARS
        return _folded(text, text[:END_CHARS], text[-END_CHARS:], f"{n_folded:,} more characters")
    return tag("pre", text)


def _folded(text: str, begin: str, end: str, summary: str) -> Html:
    """A text with all between its begin and its end folded away."""
    middle = text[len(begin) : len(text) - len(end)]
    folded = details(summary, tag("pre", middle))
    return tag("div", tag("pre", begin), folded, tag("pre", end), class_="text")


def string_html(text: str) -> Html:
    """A string with several lines: a patch in colours, or text."""
    if len(text) <= TEXT_CHARS and PATCH.search(text[:2000]):
        return _patch_html(text.splitlines())
    return text_html(text)


def edit_fields(value: Mapping[Any, Any]) -> tuple[str, str] | None:
    """The names of the two texts of an edit, where an object is one."""
    for old, new in EDITS:
        if isinstance(value.get(old), str) and isinstance(value.get(new), str):
            return old, new
    return None


def without_edit(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The fields of an object that no diff shows."""
    fields = edit_fields(value)
    if fields is None:
        return value
    return without(value, *fields)


def edit_html(value: Mapping[Any, Any]) -> Html:
    """The diff of an edit; nothing where the object is none."""
    fields = edit_fields(value)
    if fields is None:
        return fragment()
    old = value[fields[0]][:TEXT_CHARS].splitlines()
    new = value[fields[1]][:TEXT_CHARS].splitlines()
    if len(old) <= DIFF_LINES and len(new) <= DIFF_LINES:
        lines = list(unified_diff(old, new, lineterm=""))
        return _patch_html(lines[2:])  # without the names of the files
    removed = [f"-{line}" for line in old]
    added = [f"+{line}" for line in new]
    return _patch_html(removed + added)


def _patch_html(lines: list[str]) -> Html:
    """The lines of a patch: what goes in red, what comes in green, each with its sign."""
    rows = []
    for line in lines:
        look = LOOKS.get(line[:1])
        rows.append(tag("span", f"{line}\n", class_=look))
    return tag("pre", *rows, class_="diff")
