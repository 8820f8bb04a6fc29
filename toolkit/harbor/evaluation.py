"""Evaluation: Harbor as an experiment, for ``data/harbor/eval.yaml``. A script plays the agent: all
that it says is simulated, and which of its conversations go wrong is planted.
"""

from collections.abc import Sequence

from toolkit.evals import Case, CaseAudit, Score, SqliteWorld, audit_cases, diff_state
from toolkit.harbor.agent import scripted_agent
from toolkit.harbor.gold import gold_plan, made_calls
from toolkit.harbor.situations import Situation, situations
from toolkit.harbor.world import World
from toolkit.traces import Trace

support = scripted_agent(slips=0.25, version="example")
"""The task: a failure is planted in a quarter of the conversations."""


def situation_of(case: Case) -> Situation:
    """The situation that a case is about."""
    return situations()[case.id]


def left_as_planned(trace: Trace, case: Case) -> Score:
    """Whether the calls of a trace leave the shop's database as the gold plan does."""
    situation = situation_of(case)
    with World.open(now=situation.now) as world:
        database = SqliteWorld(world.database)
        before = database.snapshot()
        for planned in gold_plan(situation, world):
            planned()
        wanted = database.snapshot()
        database.restore(before)
        for _, made in made_calls(trace, situation, world):
            made()
        return diff_state(before, database, wanted).score("left_as_planned")


def audit(cases: Sequence[Case]) -> CaseAudit:
    """Which cases are broken, and which an agent passes by doing nothing."""
    with World.open() as world:
        return audit_cases(
            [situation_of(case) for case in cases],
            SqliteWorld(world.database),
            lambda situation: gold_plan(situation, world),
        )
