"""Several workers on one experiment, in one process: what the log's order decides for them all."""

import asyncio
from collections import Counter

import pytest

from toolkit.evals.experiments import Case, evaluate
from toolkit.models import Answer, Request, ScriptedModel, Usage
from toolkit.models.prices import cost_usd, worst_case
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


ASK = Request(({"role": "user", "content": "Hello"},), max_tokens=2000)
WORST_USD = cost_usd(NAME, worst_case(ASK))


async def paid_workers(answer, n_workers, n_cases, budget_usd, concurrency=4):
    """Workers whose task makes one call, and the most calls that were under way at once."""
    log = SharedLog()
    most = Counter()
    models = []

    def work():
        model = ScriptedModel(lambda _: answer)
        models.append(model)

        async def agent(case):
            reply = asyncio.create_task(model.reply(ASK))
            await asyncio.sleep(0)
            return (await reply).text

        return evaluate(
            agent,
            cases(n_cases),
            [fine],
            concurrency=concurrency,
            budget_usd=budget_usd,
            version="1",
            store=Session(log, "exp"),
        )

    experiments = await asyncio.gather(*(work() for _ in range(n_workers)))
    most["usd"] = sum(model.ledger.cost_usd for model in models)
    events = [event async for event in Session(log, "exp").read(follow=False)]
    return experiments, most["usd"], events


async def test_the_budget_is_that_of_all_workers_together():
    dear = Answer("Hi.", usage=Usage(0, 2000))
    budget_usd = 3.5 * WORST_USD
    experiments, spent_usd, _ = await paid_workers(dear, 3, 12, budget_usd)
    assert 0 < spent_usd <= budget_usd
    for experiment in experiments:
        assert {row.status for row in experiment.results} == {"scored", "not run"}
    n_scored = max(
        sum(row.status == "scored" for row in experiment.results) for experiment in experiments
    )
    assert n_scored == 3
    assert any("the budget is spent" in one.conditions["halted"] for one in experiments)


async def test_a_worker_waits_for_room_that_the_calls_of_another_will_give_back():
    cheap = Answer("Hi there, friend.", usage=Usage(100, 10))
    experiments, spent_usd, events = await paid_workers(cheap, 3, 12, 1.5 * WORST_USD)
    for experiment in experiments:
        assert [row.status for row in experiment.results] == ["scored"] * 12
        assert sum(row.cost_usd for row in experiment.results) == pytest.approx(spent_usd)
    assert len({event.run for event in events if event.kind == "trial.result"}) > 1
