"""The verdicts on an `AnnotationPanel`: how their buttons look, and their keys."""

from typing import NamedTuple

from toolkit.evals.labels.labels import Judgement

__all__ = ["HINT", "KEYS", "LOOKS", "UNSAVED"]


class Look(NamedTuple):
    """How the button of a verdict looks; the word and the icon carry it, the colour only helps."""

    word: str
    icon: str
    tooltip: str
    colour: str


LOOKS: dict[Judgement, Look] = {
    "pass": Look(
        "Pass", "check", "Good enough: save this reason, then show the next trace", "#cdebdf"
    ),
    "fail": Look(
        "Fail", "times", "Not good enough: save this reason, then show the next trace", "#f8d5c2"
    ),
    "defer": Look(
        "Defer",
        "pause",
        "Not sure yet: save what holds you up, then show the next trace",
        "#e6e2d6",
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
}
HINT = (
    "Click the panel, or Tab into it, for its keys: 1, 2 or D, then why, then Enter. "
    "Shift+Enter is a new line, Esc leaves the box; ← → U J, and ↑ ↓ to scroll. "
    "While the panel's edge is blue, no key reaches the notebook."
)
UNSAVED = "These words are not saved yet. Press Pass, Fail or Defer to keep them, or empty the box."
