"""What others have measured, to stand beside our figures: each with its source."""

from dataclasses import dataclass

from toolkit.shown import Shown


@dataclass(frozen=True, slots=True)
class FieldFigure(Shown):
    """A published figure. It is of other builds than ours: a neighbour, and no yardstick."""

    name: str
    value: float
    """A share, or a difference of shares."""
    words: str
    """The value as it was published."""
    of: str
    """What was measured."""
    source: str


CLAIMED_SUCCESS = FieldFigure(
    "Kolega on Terminal-Bench",
    0.77,
    "77%",
    "failing trials that end with a claim of success",
    "Kolega, issue 419 on GitHub",
)
FIELD_FIGURES = (
    CLAIMED_SUCCESS,
    FieldFigure(
        "VeriHarness, Gemini 3.5 Flash",
        0.062,
        "+6.2 points",
        "benchmark score gained by a verifier in a session of its own, over one rollout",
        "google-research/veriharness, arXiv 2610.00972, October 2026",
    ),
    FieldFigure(
        "VeriHarness, Opus 4.8",
        0.064,
        "+6.4 points",
        "benchmark score gained by a verifier in a session of its own, over one rollout",
        "google-research/veriharness, arXiv 2610.00972, October 2026",
    ),
)
