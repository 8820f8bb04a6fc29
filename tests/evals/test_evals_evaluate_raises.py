"""Scorers and tasks that raise what ends a program, or return what is no score: each trial is a
row all the same, and the experiment goes on.
"""

import asyncio
import sys

import pytest

from tests.evals.test_evals_sharing import SharedLog, cases
from toolkit.errors import UsageError
from toolkit.evals.experiments import evaluate
from toolkit.evals.scorers import Score, score
from toolkit.sessions import MemoryLog, Session
from toolkit.traces import Trace

PATIENCE_S = 60.0


def ends_the_program(trace):
    sys.exit(0)


async def ends_the_program_later(trace):
    sys.exit(0)


def raises_a_cancellation(trace):
    raise asyncio.CancelledError


async def waits_for_what_is_cancelled(trace):
    waiting = asyncio.create_task(asyncio.sleep(PATIENCE_S))
    waiting.cancel()
    await waiting


def returns_a_number_too_large_for_a_float(trace):
    return 10**400


def returns_a_score_of_an_object(trace):
    return Score("odd", object())


SCORERS = {
    ends_the_program: "SystemExit",
    ends_the_program_later: "SystemExit",
    raises_a_cancellation: "CancelledError",
    waits_for_what_is_cancelled: "cancelled from within",
    returns_a_number_too_large_for_a_float: "no number that can be kept",
    returns_a_score_of_an_object: "no number that can be kept",
}


async def agent(case):
    return case.id


@pytest.mark.parametrize("log", [MemoryLog, SharedLog])
@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: scorer.__name__)
async def test_what_a_scorer_does_instead_of_scoring_is_an_unscored_row(scorer, log):
    async with asyncio.timeout(PATIENCE_S):
        experiment = await evaluate(agent, cases(3), [scorer], store=Session(log(), "exp"))
    assert [row.status for row in experiment.results] == ["unscored"] * 3
    assert SCORERS[scorer] in experiment.results[0].why


@pytest.mark.parametrize("scorer", list(SCORERS)[:4], ids=lambda scorer: scorer.__name__)
async def test_one_trace_is_scored_likewise(scorer):
    (scored,) = (await score(scorer, Trace("t", ()))).values()
    assert scored.value is None
    assert scored.why


async def test_a_reason_that_is_no_text_is_written_as_text():
    experiment = await evaluate(agent, cases(1), [lambda trace: Score("odd", True, {"a": 1})])
    assert experiment.results[0].scores[0].why == "{'a': 1}"


async def test_a_task_that_is_no_function_is_refused_before_anything_runs():
    log = MemoryLog()
    with pytest.raises(UsageError, match="5 is no task"):
        await evaluate(5, cases(1), [agent], store=Session(log, "exp"))
    assert await log.sessions() == []
