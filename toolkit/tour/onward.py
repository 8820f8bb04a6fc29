"""Onward: what to do after the tour, as commands that work where they are read."""

import os
from collections.abc import Iterable

from toolkit.files import clone
from toolkit.render import Html, tag

STEPS = (
    ("lab", "Go through it by hand: notebooks that label, judge and compare."),
    ("view FILE", "See traces of your own: one page that needs no server."),
    ("lab --traces FILE", "Label them, and find out whether a judge may do it for you."),
    ("serve --host 0.0.0.0", "Ask on the laptop, and stop the answer from your phone."),
    ("tour --harness", "Does it hold together? Three agents build a to-do app."),
)
"""Options of ``fieldbook``, and what they are for."""


def next_steps() -> list[tuple[str, str]]:
    """Each command in full, and what it is for."""
    return [(f"{fieldbook()} {options}", purpose) for options, purpose in STEPS]


def onward_html(steps: Iterable[tuple[str, str]]) -> Html:
    """Commands, each beside what it is for."""
    items = []
    for command, purpose in steps:
        items.append(tag("li", tag("code", command), tag("span", purpose)))
    return tag("ul", *items, class_="onward")


def fieldbook() -> str:
    """How the command is called here."""
    return called("fieldbook")


def called(program: str) -> str:
    """How a program is called here: through uv where uv runs it from a clone."""
    by_uv = "UV_RUN_RECURSION_DEPTH" in os.environ and clone()
    return f"uv run {program}" if by_uv else program
