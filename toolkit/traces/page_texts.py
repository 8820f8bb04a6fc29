"""Texts in a trace as HTML: long ones folded in the middle, edits and patches as diffs."""

import re
from collections.abc import Mapping
from difflib import unified_diff
from typing import Any

from toolkit.render import Html, details, fragment, tag
from toolkit.traces.amounts import quantity
from toolkit.traces.fields import without

TEXT_LINES = 40
"""How many lines a text has at most that does not fold."""
END_LINES = 12
"""How many lines stay at either end of one that folds."""
LONG_CHARS = 6000
"""How many characters a text of few lines has at most that does not fold."""
END_CHARS = 1200
"""How many characters stay at either end of one that folds."""
TEXT_CHARS = 1_000_000
"""The longest text that is shown."""
DIFF_LINES = 1500
"""The longest texts that are compared line by line; longer ones are shown one after the other."""
EDITS = {"old_string": "new_string", "old_str": "new_str", "old_text": "new_text"}
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
        n_folded = len(lines) - 2 * END_LINES
        summary = quantity(n_folded, "more line")
        return _folded(text, begin, end, summary)
    if len(text) > LONG_CHARS:
        begin = text[:END_CHARS]
        end = text[-END_CHARS:]
        n_folded = len(text) - 2 * END_CHARS
        summary = f"{n_folded:,} more characters"
        return _folded(text, begin, end, summary)
    return tag("pre", text)


def _folded(text: str, begin: str, end: str, summary: str) -> Html:
    """A text with all between its begin and its end folded away."""
    middle = text[len(begin) : len(text) - len(end)]
    return tag(
        "div",
        tag("pre", begin),
        details(summary, tag("pre", middle)),
        tag("pre", end),
        class_="text",
    )


def string_html(text: str) -> Html:
    """A string with several lines: a patch in colours, or text."""
    if len(text) <= TEXT_CHARS and PATCH.search(text[:2000]):
        return _patch_html(text.splitlines())
    return text_html(text)


def edit_fields(value: Mapping[Any, Any]) -> tuple[str, str] | None:
    """The names of the two texts of an edit, where an object is one."""
    for old, new in EDITS.items():
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
    old_name, new_name = fields
    old = value[old_name][:TEXT_CHARS].splitlines()
    new = value[new_name][:TEXT_CHARS].splitlines()
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
