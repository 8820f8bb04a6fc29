"""Several workers on one experiment, in one process: what the log's order decides for them all."""

import asyncio
from collections import Counter

import pytest

from toolkit.errors import Unavailable
from toolkit.evals.experiments import Case, evaluate
from toolkit.evals.experiments.plan import plan
from toolkit.evals.experiments.sharing import LeaseLost
from toolkit.evals.experiments.versions import version_of
from toolkit.models import Answer, Request, ScriptedModel, Usage
from toolkit.models.prices import cost_usd, worst_case
from toolkit.sessions import Fenced, MemoryLog, Session

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


async def dies_with(log, n, lease_s=0.3):
    """A worker that has claimed the first `n` cases, and never writes again."""
    session = Session(log, "exp")
    run = await session.start_run("experiment", ttl_s=lease_s)
    await run.stop_listening()
    for trial in plan(cases(n), 1, "1", [version_of(fine)]):
        for kind, data in (
            ("claim.asked", {"turn": 0, "limit": 9}),
            ("trial.started", {"attempt": 1}),
            ("trial.reserved", {"attempt": 1, "usd": 0.5, "held_usd": 0.5}),
        ):
            event = session.event(kind, "experiment", {"trial": trial.key} | data, run.id)
            await session.append_all([event], run.fence)
    return run


async def test_the_trials_of_a_dead_worker_are_made_again_and_were_possibly_billed():
    log = SharedLog()
    dead = await dies_with(log, 2)

    async def agent(case):
        return case.id

    experiment = await evaluate(
        agent, cases(5), [fine], version="1", store=Session(log, "exp"), budget_usd=2.0, lease_s=0.3
    )
    assert [row.status for row in experiment.results] == ["scored"] * 5
    assert [row.attempts for row in experiment.results] == [2, 2, 1, 1, 1]
    assert [row.possibly_billed for row in experiment.results] == [1, 1, 0, 0, 0]
    runs = (await Session(log, "exp").conversation()).runs
    assert runs[dead.id].state == "orphaned"
    late = Session(log, "exp").event("trial.result", "experiment", {}, dead.id)
    with pytest.raises(Fenced):
        await Session(log, "exp").append_all([late], dead.fence)


async def test_what_a_dead_worker_may_have_spent_counts_against_the_budget():
    log = SharedLog()
    await dies_with(log, 2)
    model = ScriptedModel(lambda _: Answer("Hi.", usage=Usage(0, 2000)))

    async def agent(case):
        return (await model.reply(ASK)).text

    experiment = await evaluate(
        agent,
        cases(5),
        [fine],
        version="1",
        store=Session(log, "exp"),
        budget_usd=1.0 + 2.5 * WORST_USD,
        lease_s=0.3,
    )
    assert len(model.ledger.attempts) == 2
    assert model.ledger.cost_usd <= 2.5 * WORST_USD
    assert "the budget is spent" in experiment.conditions["halted"]


async def test_a_worker_that_lost_its_lease_stores_nothing_more_and_says_so():
    log = SharedLog()
    session = Session(log, "exp")
    begun = asyncio.Event()

    async def agent(case):
        begun.set()
        await asyncio.Event().wait()

    working = asyncio.create_task(evaluate(agent, cases(3), [fine], store=session, lease_s=60))
    await begun.wait()
    (run,) = (await session.conversation()).runs
    fence = [event.seq async for event in session.read(follow=False) if event.kind == "run.started"]
    end = session.event("run.finished", "warden", {"outcome": "orphaned"}, run)
    await session.append_all([end], fence[0])  # what another does with a worker that is silent
    with pytest.raises(LeaseLost, match="longer than its lease of 60 s"):
        await working
    kinds = [event.kind async for event in session.read(follow=False)]
    assert kinds[-1] == "run.finished"


async def test_a_pause_and_a_concurrency_reach_all_workers_and_one_that_joins_later():
    log = SharedLog()
    session = Session(log, "exp")
    gate = asyncio.Event()
    under_way = Counter()

    async def agent(case):
        under_way["begun"] += 1
        under_way["now"] += 1
        under_way["most"] = max(under_way["most"], under_way["now"])
        await gate.wait()
        await asyncio.sleep(0)
        under_way["now"] -= 1
        return case.id

    def work():
        return asyncio.create_task(
            evaluate(agent, cases(30), [fine], concurrency=4, version="1", store=session)
        )

    first, second = work(), work()
    while under_way["now"] < 4:
        await asyncio.sleep(0)
    tuned = [await session.steer("pause"), await session.steer("concurrency 2")]
    for signal in tuned:
        assert await session.consumed(signal, timeout_s=30)
    third = work()
    await answered_by(session, tuned[1], 2)
    gate.set()
    while under_way["now"]:
        await asyncio.sleep(0)
    assert under_way["begun"] == 4, "a worker began a trial in the pause"
    under_way["most"] = 0
    await session.steer("resume")
    experiments = await asyncio.gather(first, second, third)
    assert under_way["most"] <= 2
    for experiment in experiments:
        assert [row.status for row in experiment.results] == ["scored"] * 30


async def answered_by(session, signal, n):
    """Wait until `n` workers have heard a signal."""
    heard = 0
    async for event in session.read():
        heard += event.kind == "steer.consumed" and event.data["event"] == signal.event.id
        if heard == n:
            return


async def test_errors_are_made_again_once_though_two_workers_retry_and_all_count_for_a_halt():
    log = SharedLog()
    calls = Counter()

    def work(task, **options):
        return evaluate(
            task,
            cases(24),
            [fine],
            concurrency=4,
            version="1",
            store=Session(log, "exp"),
            **options,
        )

    async def fails(case):
        calls[case.id] += 1
        await asyncio.sleep(0)
        raise ValueError("no")

    halted = await asyncio.gather(*(work(fails, stop_after_errors=4) for _ in range(2)))
    assert all("ended in the same error" in one.conditions["halted"] for one in halted)
    assert calls.total() < 24
    await work(fails, stop_after_errors=None)
    assert calls == {f"c{number}": 1 for number in range(24)}

    async def works(case):
        calls[case.id] += 1
        await asyncio.sleep(0)
        return case.id

    again = await asyncio.gather(*(work(works, retry=["errored"]) for _ in range(3)))
    assert calls == {f"c{number}": 2 for number in range(24)}
    for experiment in again:
        assert [row.status for row in experiment.results] == ["scored"] * 24
        assert [row.attempts for row in experiment.results] == [2] * 24


async def test_scores_that_are_missing_are_asked_for_by_one_worker():
    log = SharedLog()
    asked = Counter()

    async def agent(case):
        return case.id

    async def judged(trace):
        asked[trace.text()] += 1
        await asyncio.sleep(0)
        return True

    def work(scorer):
        return evaluate(agent, cases(9), [scorer], version="1", store=Session(log, "exp"))

    await work(fine)
    experiments = await asyncio.gather(work(judged), work(judged))
    assert asked == {f"c{number}": 1 for number in range(9)}
    for experiment in experiments:
        assert [row.passed for row in experiment.results] == [True] * 9
        assert [row.attempts for row in experiment.results] == [1] * 9


async def test_one_log_in_memory_has_one_experiment_at_a_time():
    session = Session(MemoryLog(), "exp")

    async def agent(case):
        with pytest.raises(Unavailable, match="is being written already"):
            await evaluate(len, cases(1), [fine], store=session)
        return case.id

    experiment = await evaluate(agent, cases(1), [fine], store=session)
    assert experiment.results[0].passed


async def test_what_others_made_while_a_worker_joins_is_not_made_again():
    log = SharedLog()
    calls = Counter()

    async def agent(case):
        calls[case.id] += 1
        return case.id

    def work(session):
        return evaluate(agent, cases(6), [fine], version="1", store=session)

    class JoinsLate(Session):
        async def start_run(self, *arguments, **options):
            await work(Session(log, "exp"))
            return await super().start_run(*arguments, **options)

    experiment = await work(JoinsLate(log, "exp"))
    assert calls == {f"c{number}": 1 for number in range(6)}
    assert [row.status for row in experiment.results] == ["scored"] * 6
