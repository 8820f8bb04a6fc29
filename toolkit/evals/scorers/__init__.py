"""What code says of traces. A scorer is a function of ``(trace)`` or ``(trace, case)``, plain or
async; `score` runs one, `score_traces` several on many traces. `SCORERS` mean something on any
trace, `toolkit.evals.scorers.checks` makes others to order, and `all_of`, `any_of`, `not_` and
`between` join them.
"""

from toolkit.evals.scorers.compose import all_of, any_of, between, not_
from toolkit.evals.scorers.general import (
    SCORERS,
    answered,
    no_repeated_calls,
    score_traces,
    tools_succeeded,
)
from toolkit.evals.scorers.scorers import Score, Scorer, score, scorer

__all__ = [
    "SCORERS",
    "Score",
    "Scorer",
    "all_of",
    "answered",
    "any_of",
    "between",
    "no_repeated_calls",
    "not_",
    "score",
    "score_traces",
    "scorer",
    "tools_succeeded",
]
