"""Evaluation: Harbor as an experiment, for ``data/harbor/eval.yaml``. A script plays the agent: all
that it says is simulated, and which of its conversations go wrong is planted.
"""

import random
from collections.abc import Sequence

from toolkit.evals import Case, CaseAudit, Score, SqliteWorld, audit_cases, diff_state
from toolkit.harbor.agent import Talk, harbor_policy
from toolkit.harbor.gold import gold_plan
from toolkit.harbor.situations import Situation, situations
from toolkit.harbor.toolbox import call
from toolkit.harbor.world import World
from toolkit.models import ScriptedModel
from toolkit.sessions import MemoryLog, Session
from toolkit.traces import Trace

SLIPS = 0.25
"""The share of conversations in which a failure is planted."""


def situation_of(case: Case) -> Situation:
    """The situation that a case is about."""
    return situations()[case.id]


async def support(case: Case, trial: int) -> Trace:
    """The scripted agent's conversation with the customer of a case. It slips at the same trials,
    and in the same way, each time.
    """
    situation = situation_of(case)
    chance = random.Random(f"{case.id}:{trial}")
    failure = chance.choice(situation.modes) if chance.random() < SLIPS else None
    session = Session(MemoryLog(), f"{case.id}-{trial}")
    talk = Talk(session.id, situation, trial, failure)
    await talk.hold(session, ScriptedModel(harbor_policy), window_s=0)
    return await session.trace()


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
        for step in trace.calls:
            call(world, step.data["name"], step.data["arguments"])
        return diff_state(before, database, wanted).score("left_as_planned")


def audit(cases: Sequence[Case]) -> CaseAudit:
    """Which cases are broken, and which an agent passes by doing nothing."""
    with World.open() as world:
        return audit_cases(
            [situation_of(case) for case in cases],
            SqliteWorld(world.database),
            lambda situation: gold_plan(situation, world),
        )
