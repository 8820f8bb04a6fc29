"""The verdicts on an `AnnotationPanel`: their buttons, their keys, and the box for the reason."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from ipywidgets import Layout, Textarea

from toolkit.evals.labels.labels import Judgement, Label

__all__ = ["HELP", "KEYS", "LOOKS", "choice_of", "quotes_of", "reason_box", "says_the_same"]


class Look(NamedTuple):
    """How the button of a verdict looks; the word and the icon carry it."""

    word: str
    icon: str
    tooltip: str


LOOKS: dict[Judgement, Look] = {
    "pass": Look("Pass", "check", "Good enough: save this reason, then show the next trace"),
    "fail": Look("Fail", "times", "Not good enough: save this reason, then show the next trace"),
    "defer": Look(
        "Defer",
        "pause",
        "Not sure yet: save what holds you up, then show the next trace",
    ),
}
KEYS = {
    "pass": "1",
    "fail": "2",
    "defer": "D",
    "undo": "U",
    "jump": "J",
    "previous": "←",
    "next": "→",
    "error": "E",
    "open": "O",
    "step": "S",
}
HELP = {
    "1": "pass: then write why, and Enter saves",
    "2": "fail: then write why, and Enter saves",
    "D": "defer: then write what holds you up, and Enter saves",
    "Shift+Enter": "a new line in the box",
    "U": "undo: take back the newest label, with its words",
    "←": "the trace before",
    "→": "the trace after",
    "J": "jump to the trace with an id",
    "E": "the next step that failed",
    "O": "open all that is folded, or fold it",
    "S": "point at the words that are selected, or at the step in view: here it goes wrong",
    "↑ ↓ Space": "scroll the trace",
}


def reason_box(why: str) -> Textarea:
    """The box for the reason, with `why` in it."""
    box = Textarea(
        value=why,
        description="Why",
        placeholder="In your own words: what makes it good or bad?",
        tooltip="The reason for your verdict; a verdict without one is not saved",
        # One message when the box is left, so that the words arrive ahead of the click that
        # follows.
        continuous_update=False,
        rows=4,
        layout=Layout(width="auto"),
        style={"description_width": "initial"},
    )
    return box.add_class("fieldbook-why")


def says_the_same(one: Label, other: Label) -> bool:
    """Whether two labels are the same but for when they were given."""
    return replace(one, id=other.id, time=other.time) == other


def choice_of(label: Label | None) -> dict[str, Any]:
    """What a label says beside its verdict and its reason, by the fields of a label."""
    if label is None:
        return {"step": None, "quote": None, "tags": ()}
    return {"step": label.step, "quote": label.quote, "tags": label.tags}


def quotes_of(labels: Iterable[Label]) -> list[tuple[str, str]]:
    """What `labels` quote: the id of each step, and its words."""
    quotes = []
    for label in labels:
        if label.step and label.quote:
            quotes.append((label.step, label.quote))
    return quotes
