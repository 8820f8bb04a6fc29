"""What code says of traces. A scorer is a function of ``(trace)`` or ``(trace, case)``, plain or
async; `score` runs one, `score_traces` several on many traces. `SCORERS` mean something on any
trace, `toolkit.evals.scorers.checks` makes others to order, and `all_of`, `any_of`, `not_` and
`between` join them.

What an agent left behind: `diff_state` compares two snapshots of a `World` (`SqliteWorld`,
`DictWorld`, or your own) with the end state or the `Effects` that were expected.
`measure_tools` finds out whether a tool only reads, and `replay_calls` refuses what it could not
undo.

What an agent did on the way: `toolkit.evals.scorers.trajectory` has the agent's calls,
`trajectory_calls`, `trajectory_rules`, `trajectory_order` and `trajectory_budgets` the rules over
them. A rule that says nothing about a trace gives `NOT_APPLICABLE`; one that is broken names the
step, and `first_failing_step` the first of several.
"""

from toolkit.evals.scorers.compose import all_of, any_of, between, not_
from toolkit.evals.scorers.general import (
    SCORERS,
    answered,
    no_repeated_calls,
    score_traces,
    tools_succeeded,
)
from toolkit.evals.scorers.scorers import NOT_APPLICABLE, Score, Scorer, score, scorer
from toolkit.evals.scorers.state import StateDiff, diff_state
from toolkit.evals.scorers.state_effects import ANY_NUMBER, Alternatives, Effect, Effects
from toolkit.evals.scorers.state_rules import StateRules
from toolkit.evals.scorers.state_scorer import state_scorer
from toolkit.evals.scorers.tools import ToolAudit, UnsafeReplay, measure_tools, replay_calls
from toolkit.evals.scorers.trajectory_budgets import within_budget
from toolkit.evals.scorers.trajectory_calls import expected_calls
from toolkit.evals.scorers.trajectory_expected import ExpectedCall, arguments_are
from toolkit.evals.scorers.trajectory_first import first_failing_step
from toolkit.evals.scorers.trajectory_order import confirmed_before, looks_up_before
from toolkit.evals.scorers.trajectory_rules import (
    forbidden_calls,
    no_redundant_calls,
    recovers_from_errors,
)
from toolkit.evals.scorers.trajectory_transitions import transitions_frame
from toolkit.evals.scorers.world import DictWorld, SqliteWorld, World

__all__ = [
    "ANY_NUMBER",
    "NOT_APPLICABLE",
    "SCORERS",
    "Alternatives",
    "DictWorld",
    "Effect",
    "Effects",
    "ExpectedCall",
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
    "arguments_are",
    "between",
    "confirmed_before",
    "diff_state",
    "expected_calls",
    "first_failing_step",
    "forbidden_calls",
    "looks_up_before",
    "measure_tools",
    "no_redundant_calls",
    "no_repeated_calls",
    "not_",
    "recovers_from_errors",
    "replay_calls",
    "score",
    "score_traces",
    "scorer",
    "state_scorer",
    "tools_succeeded",
    "transitions_frame",
    "within_budget",
]
