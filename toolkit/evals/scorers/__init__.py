"""What code says of traces. A scorer is a function of ``(trace)`` or ``(trace, case)``, plain or
async; `score` runs one, `score_traces` several on many traces. `SCORERS` mean something on any
trace, `toolkit.evals.scorers.checks` makes others to order, and `all_of`, `any_of`, `not_` and
`between` join them.

What an agent left behind: `diff_state` compares two snapshots of a `World` (`SqliteWorld`,
`DictWorld`, or your own) with the end state or the `Effects` that were expected.
`measure_tools` finds out whether a tool only reads, and `replay_calls` refuses what it could not
undo.
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
from toolkit.evals.scorers.state import StateDiff, diff_state
from toolkit.evals.scorers.state_effects import ANY_NUMBER, Alternatives, Effect, Effects
from toolkit.evals.scorers.state_rules import StateRules
from toolkit.evals.scorers.state_scorer import state_scorer
from toolkit.evals.scorers.tools import ToolAudit, UnsafeReplay, measure_tools, replay_calls
from toolkit.evals.scorers.world import DictWorld, SqliteWorld, World

__all__ = [
    "ANY_NUMBER",
    "SCORERS",
    "Alternatives",
    "DictWorld",
    "Effect",
    "Effects",
    "Score",
    "Scorer",
    "SqliteWorld",
    "StateDiff",
    "StateRules",
    "ToolAudit",
    "UnsafeReplay",
    "World",
    "all_of",
    "answered",
    "any_of",
    "between",
    "diff_state",
    "measure_tools",
    "no_repeated_calls",
    "not_",
    "replay_calls",
    "score",
    "score_traces",
    "scorer",
    "state_scorer",
    "tools_succeeded",
]
