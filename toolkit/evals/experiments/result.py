"""TrialResult: what became of one trial of a case, the row that experiments are made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from toolkit.evals.scorers import Score
from toolkit.shown import Shown
from toolkit.traces import Source

Status = Literal["scored", "unscored", "errored", "not run"]
"""Unscored: the task ended and no verdict could be given. Errored: the task itself failed."""


@dataclass(frozen=True, slots=True)
class TrialResult(Shown):
    """One trial of one case."""

    case: str
    """The id of the case."""
    trial: int
    """From 0."""
    status: Status
    scores: tuple[Score, ...] = ()
    """What the scorers found; the value None is unscored."""
    passed: bool | None = None
    """Whether every score that is a bool is True; None where that is not known."""
    trace_id: str | None = None
    source: Source | None = None
    """Of the trace."""
    cost_usd: float = 0.0
    latency_s: float | None = None
    """Of the attempt that succeeded, alone."""
    waited_s: float = 0.0
    """By retry-after and for the limiter: no part of the latency."""
    attempts: int = 0
    possibly_billed: int = 0
    """Calls that were in flight when a process died."""
    why: str = ""
    """Why it is not scored."""


def trial_outcome(scores: Iterable[Score]) -> tuple[Status, bool | None]:
    """The status of a trial with these scores, and whether it passed.

    It fails where any bool is False, and passes where all are True and no score is missing. Else it
    is unscored, or scored without a verdict where no score is a bool.

    >>> trial_outcome([Score("polite", True), Score("words", 12)])
    ('scored', True)
    >>> trial_outcome([Score("polite", True), Score("solved", None, "the judge timed out")])
    ('unscored', None)
    """
    values = [score.value for score in scores]
    verdicts = [value for value in values if isinstance(value, bool)]
    if False in verdicts:
        return "scored", False
    if not values or None in values:
        return "unscored", None
    return "scored", True if verdicts else None
