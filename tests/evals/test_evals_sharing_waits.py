"""What several workers wait for: each wait ends, and nobody obeys what was asked of the dead."""

import asyncio
from collections import Counter

import pytest

from tests.evals.test_evals_sharing import ASK, WORST_USD, SharedLog, cases, fine
from toolkit.errors import Unavailable
from toolkit.evals.experiments import evaluate, sharing
from toolkit.models import Answer, ScriptedModel, Usage
from toolkit.sessions import Session

PATIENCE_S = 60.0
SHORT_LEASE_S = 0.4


def work(log, agent, n_cases, **options):
    """A worker, at work."""
    working = evaluate(
        agent, cases(n_cases), [fine], version="1", store=Session(log, "exp"), **options
    )
    return asyncio.create_task(working)


async def wait_for(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0)


@pytest.mark.parametrize("words", ["stop", "pause", "cancel"])
async def test_what_was_asked_of_a_worker_that_died_does_not_hold_up_the_next(words):
    log = SharedLog()
    session = Session(log, "exp")
    dead = await session.start_run("experiment", ttl_s=SHORT_LEASE_S)
    await dead.stop_listening()
    await (session.cancel() if words == "cancel" else session.steer(words))

    async def agent(case):
        await asyncio.sleep(0)
        return case.id

    async with asyncio.timeout(PATIENCE_S):
        experiment = await work(log, agent, 30, concurrency=2)
    assert [row.status for row in experiment.results] == ["scored"] * 30


async def test_a_worker_that_is_cancelled_twice_leaves_its_trials_to_others():
    log = SharedLog()
    begun = asyncio.Event()

    async def hangs(case):
        begun.set()
        await asyncio.Event().wait()

    async def agent(case):
        return case.id

    before = asyncio.all_tasks()
    cancelled = work(log, hangs, 3)
    await begun.wait()
    while not cancelled.done():
        cancelled.cancel()
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S):
        experiment = await work(log, agent, 3)
    assert [row.status for row in experiment.results] == ["scored"] * 3
    await wait_for(lambda: asyncio.all_tasks() <= before)


async def test_a_worker_with_nothing_left_to_do_ends_in_a_pause():
    log = SharedLog()
    session = Session(log, "exp")
    gates = {f"c{number}": asyncio.Event() for number in range(3)}
    begun = []

    async def agent(case):
        begun.append(case.id)
        await gates[case.id].wait()
        return case.id

    first = work(log, agent, 3, concurrency=2)
    await wait_for(lambda: len(begun) == 2)  # and it waits for a turn with the third
    second = work(log, agent, 3, concurrency=2)
    while len((await session.conversation()).runs) < 2:
        await asyncio.sleep(0)
    gates[begun[0]].set()
    await wait_for(lambda: len(begun) == 3)
    paused = await session.steer("pause")
    assert await session.consumed(paused, timeout_s=PATIENCE_S)
    for gate in gates.values():
        gate.set()
    async with asyncio.timeout(PATIENCE_S):
        experiments = await asyncio.gather(first, second)
    for experiment in experiments:
        assert [row.status for row in experiment.results] == ["scored"] * 3


def agent_of_two_calls(usage, first_calls):
    """An agent that makes its second call once each agent has made its first."""
    model = ScriptedModel(lambda _: Answer("Hi there.", usage=usage))

    async def agent(case):
        await model.reply(ASK)
        await first_calls.wait()
        return (await model.reply(ASK)).text

    return agent


async def two_workers(usage, budget_usd):
    log = SharedLog()
    first_calls = asyncio.Barrier(2)
    workers = []
    for _ in range(2):
        agent = agent_of_two_calls(usage, first_calls)
        workers.append(work(log, agent, 2, concurrency=2, budget_usd=budget_usd))
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.gather(*workers)


async def test_what_a_call_did_not_cost_is_free_for_others_while_its_trial_goes_on():
    experiments = await two_workers(Usage(100, 10), 2.005 * WORST_USD)
    for experiment in experiments:
        assert [row.status for row in experiment.results] == ["scored"] * 2


async def test_what_others_have_spent_is_not_waited_for():
    experiments = await two_workers(Usage(0, 1500), 2.0 * WORST_USD)
    for experiment in experiments:
        assert {row.status for row in experiment.results} == {"not run"}
    assert any("the budget is spent" in each.conditions["halted"] for each in experiments)


async def test_calls_that_wait_for_room_do_not_ask_again_and_again():
    log = SharedLog()
    model = ScriptedModel(lambda _: Answer("Hi there.", usage=Usage(100, 10)))
    answered = Counter()
    go_on = asyncio.Event()

    async def agent(case):
        answer = await model.reply(ASK)
        answered[case.id] += 1
        await go_on.wait()
        return answer.text

    working = work(log, agent, 6, concurrency=6, budget_usd=1.5 * WORST_USD)
    await wait_for(lambda: answered.total() == 6)
    go_on.set()
    await working
    events = [event async for event in Session(log, "exp").read(follow=False)]
    kinds = Counter(event.kind for event in events)
    assert kinds["trial.reserved"] == 12  # before each call, and after it


class DeafLog(SharedLog):
    """A log that takes what is written, and delivers nothing of it to those who follow."""

    async def read(self, session, after=0, follow=True, *part):
        if follow:
            await asyncio.Event().wait()
        async for event in super().read(session, after, False, *part):
            yield event


async def test_a_log_that_delivers_nothing_is_named_once_the_wait_is_over(monkeypatch):
    monkeypatch.setattr(sharing, "DECISION_TIMEOUT_S", 0.2)

    async def agent(case):
        return case.id

    with pytest.raises(Unavailable, match=r"did not deliver it within 0\.2 s"):
        await work(DeafLog(), agent, 1)
