"""The verdicts on an `AnnotationPanel`: their buttons, their keys, and the box for the reason."""

from collections.abc import Iterable
from typing import NamedTuple

from ipywidgets import Layout, Textarea

from toolkit.evals.labels.labels import Judgement, Label
from toolkit.views.words import quantity

__all__ = ["HELP", "KEYS", "LOOKS", "UNSAVED", "UNSAVED_STEP"]
__all__ += ["others_words", "reason_box", "says_the_same"]


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
    "S": "point at the step in view: here it goes wrong",
    "↑ ↓ Space": "scroll the trace",
}
UNSAVED = "These words are not saved yet. Press Pass, Fail or Defer to keep them, or empty the box."
UNSAVED_STEP = (
    "The step that you chose is not saved yet. Press Pass, Fail or Defer to keep it, or unset it."
)


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
    """Whether two labels of a trace have the same verdict, reason and step."""
    return (one.verdict, one.why, one.step) == (other.verdict, other.why, other.step)


def others_words(labels: Iterable[Label], mine: Label) -> str:
    """How many other raters labelled the same trace; blank where none did. What they say is not
    told: whoever reads it is no longer blind.
    """
    others = set()
    for label in labels:
        if label.trace_id == mine.trace_id and label.rater != mine.rater:
            others.add(label.rater)
    return f" {quantity(len(others), 'other rater')} labelled it too." if others else ""
