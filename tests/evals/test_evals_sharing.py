"""Several workers on one experiment, in one process: what the log's order decides for them all."""

import asyncio
from collections import Counter

import pytest

from toolkit.errors import Unavailable
from toolkit.evals.experiments import Case, evaluate
from toolkit.models import Answer, ScriptedModel, Usage
from toolkit.sessions import MemoryLog, Session

NAME = "claude-haiku-5-5"


class SharedLog(MemoryLog):
    """A log in memory that several workers of one process write, as a server's is."""

    shared = True


def cases(n):
    return [Case(f"c{number}", f"question {number}") for number in range(n)]


def fine(trace):
    return True


async def test_workers_share_the_trials_and_each_has_the_whole_experiment():
    log = SharedLog()
    calls = Counter()
    under_way = Counter()

    def agent_of(worker):
        async def agent(case):
            calls[case.id] += 1
            under_way["now"] += 1
            under_way["most"] = max(under_way["most"], under_way["now"])
            under_way[worker] += 1
            await asyncio.sleep(0)
            under_way["now"] -= 1
            return f"answer to {case.id}"

        return agent

    def work(worker):
        session = Session(log, "exp")
        return evaluate(
            agent_of(worker), cases(40), [fine], concurrency=4, version="1", store=session
        )

    experiments = await asyncio.gather(*(work(worker) for worker in range(3)))
    assert calls == {f"c{number}": 1 for number in range(40)}
    assert under_way["most"] <= 4
    assert all(under_way[worker] for worker in range(3)), "a worker had nothing to do"
    for experiment in experiments:
        assert [row.status for row in experiment.results] == ["scored"] * 40
        assert experiment.results == experiments[0].results
        assert experiment.conditions["trials_at_once"] <= 4
    runs = (await Session(log, "exp").conversation()).runs
    assert [run.state for run in runs.values()] == ["complete"] * 3
