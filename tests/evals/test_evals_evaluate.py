"""The eleven documented complaints about runners of experiments, each as the right behaviour."""

import asyncio
import json
from collections import Counter
from contextvars import ContextVar

import pytest

from toolkit.errors import UsageError
from toolkit.evals import Judge, Rubric
from toolkit.evals.experiments import Case, Dataset, evaluate
from toolkit.models import Answer, Request, ScriptedModel, Usage, connect_model
from toolkit.models.prices import cost_usd, worst_case
from toolkit.sessions import MemoryLog, Session
from toolkit.traces import Step, Trace

NAME = "claude-haiku-5-5"
PASS = Answer(data={"whole": {"critique": "It is right.", "verdict": "pass"}})
where: ContextVar[str] = ContextVar("where", default="nowhere")


def cases(n):
    return [Case(f"c{number}", f"question {number}") for number in range(n)]


def said(text):
    return Trace("t", (Step("1", "message", "assistant", text),), source="simulated")


def statuses(experiment):
    return [result.status for result in experiment.results]


def fine(trace):
    return True


class Pushback(Exception):
    """An error as HTTP clients raise it."""

    def __init__(self, status, **headers):
        super().__init__(f"HTTP {status}")
        self.status_code = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


async def test_1_whatever_became_of_a_trial_it_has_a_row():
    async def agent(case):
        if case.id == "c0":
            raise KeyError("no such order")
        return case.id

    def good(trace):
        return {"c1": True, "c2": False}.get(trace.text())

    experiment = await evaluate(agent, cases(4), [good])
    assert statuses(experiment) == ["errored", "scored", "scored", "unscored"]
    assert [result.passed for result in experiment.results] == [None, True, False, None]
    assert len(experiment.results) == experiment.planned == 4
    assert "no such order" in experiment.results[0].why
    assert "good" in experiment.results[3].why
    assert experiment.rate().value == 1 / 4
    assert experiment.rate(unscored="exclude").value == 1 / 2
    counts = "1 passed, 1 failed, 1 unscored, 1 errored, 0 not run, of 4 trials planned"
    assert counts in str(experiment.summary())


async def test_2_a_retry_rewrites_nothing_and_makes_only_what_is_missing(tmp_path):
    path = tmp_path / "log.jsonl"
    called = Counter()

    async def agent(case):
        called[case.id] += 1
        if case.id == "c1" and called["c1"] == 1:
            raise ConnectionError("it was away")
        return case.id

    first = await evaluate(agent, cases(3), [fine], store=Session(MemoryLog(path), "exp"))
    stored = path.read_bytes()
    again = await evaluate(
        agent, cases(3), [fine], store=Session(MemoryLog(path), "exp"), retry=["errored"]
    )
    assert statuses(first) == ["scored", "errored", "scored"]
    assert statuses(again) == ["scored"] * 3
    assert path.read_bytes().startswith(stored)
    assert called == {"c0": 1, "c1": 2, "c2": 1}


async def test_3_a_trial_keeps_its_first_scored_result_and_the_share_of_retried_is_shown(tmp_path):
    log = MemoryLog(tmp_path / "log.jsonl")
    answers = iter(["", "right", "wrong"])

    async def agent(case):
        return next(answers)

    def right(trace):
        return trace.text() == "right" if trace.text() else None

    for expected in ("unscored", "unscored", "scored", "scored"):
        # an unscored answer is scored again, and not given again; an errored one is
        retry = ["unscored", "errored"] if expected == "scored" else []
        version = "1" if expected == "unscored" else "2"
        last = await evaluate(
            agent,
            cases(1),
            [right],
            store=Session(log, "exp"),
            version=version,
            retry=retry,
        )
        assert statuses(last) == [expected]
    assert last.results[0].passed is True
    assert next(answers) == "wrong"
    assert last.conditions["retried"] == {"trials": 0, "passed": None, "passed_of_others": 1.0}


async def test_3_an_attempt_that_was_retried_counts(tmp_path):
    fails = iter([True, False, False])

    async def agent(case):
        if next(fails):
            raise Pushback(503, retry_after="0")
        return "right"

    experiment = await evaluate(agent, cases(2), [fine], concurrency=1)
    assert [result.attempts for result in experiment.results] == [2, 1]
    assert experiment.conditions["retried"]["trials"] == 1


async def test_4_a_recorded_trial_is_known_by_its_content_and_not_by_its_position(tmp_path):
    log = MemoryLog(tmp_path / "log.jsonl")
    called = []

    async def agent(case, trial):
        called.append((case.id, trial))
        return case.input

    await evaluate(agent, cases(3), [fine], trials=2, store=Session(log, "exp"))
    called.clear()
    changed = [Case("new", "another"), cases(3)[2], Case("c1", "a new question"), cases(3)[0]]
    experiment = await evaluate(agent, changed, [fine], trials=2, store=Session(log, "exp"))
    assert called == [("new", 0), ("new", 1), ("c1", 0), ("c1", 1)]
    assert [(row.case, row.trial) for row in experiment.results][:4] == [
        ("new", 0), ("new", 1), ("c2", 0), ("c2", 1),
    ]  # fmt: skip


async def test_4_another_scorer_scores_the_recorded_answers_and_asks_the_agent_nothing(tmp_path):
    log = MemoryLog(tmp_path / "log.jsonl")
    called = Counter()

    async def agent(case):
        called[case.id] += 1
        return case.id

    def has_digit(trace):
        return "0" in trace.text()

    await evaluate(agent, cases(2), [fine], store=Session(log, "exp"))
    experiment = await evaluate(agent, cases(2), [fine, has_digit], store=Session(log, "exp"))
    assert called == {"c0": 1, "c1": 1}
    assert [row.passed for row in experiment.results] == [True, False]


async def test_5_one_limit_holds_for_the_task_and_the_judges_of_a_provider():
    at_once = 0
    most = 0

    def answer(request):
        return PASS if request.schema else Answer("Hello there, friend", delay_s=0.001)

    model = ScriptedModel(answer)

    class Watched(ScriptedModel):
        async def stream(self, request):
            nonlocal at_once, most
            async for piece in super().stream(request):
                at_once = sum(attempt.state == "open" for attempt in self.ledger.attempts)
                most = max(most, at_once)
                yield piece

    model = Watched(answer)

    async def agent(case):
        replies = [model.reply(Request(({"role": "user", "content": "Hi"},))) for _ in range(3)]
        return (await asyncio.gather(*replies))[0].text

    judges = [Judge(Rubric("first", "Is it good?"), model), Judge(Rubric("2nd", "Good?"), model)]
    experiment = await evaluate(agent, cases(8), judges, concurrency=3)
    assert statuses(experiment) == ["scored"] * 8
    assert experiment.conditions["calls_at_once"] == {NAME: 3}
    assert 1 < most <= 3


async def test_6_an_experiment_without_a_case_is_an_error_and_no_success():
    with pytest.raises(UsageError, match="has no case"):
        await evaluate(lambda case: "", Dataset(name="nothing"), [fine])
    with pytest.raises(UsageError, match="'c0'"):
        await evaluate(lambda case: "", [*cases(1), *cases(1)], [fine])
    with pytest.raises(UsageError, match="two scorers are called fine"):
        await evaluate(lambda case: "", cases(1), [fine, fine])


async def test_7_a_verdict_that_could_not_be_read_is_asked_for_again_and_the_answer_is_not():
    log = MemoryLog()
    called = Counter()
    verdicts = iter([Answer("I would rather not say."), PASS])
    judge = Judge(Rubric("good", "Is it good?"), ScriptedModel(lambda _: next(verdicts)))

    async def agent(case):
        called[case.id] += 1
        return "Hello"

    first = await evaluate(agent, cases(1), [judge], store=Session(log, "exp"))
    kept = await evaluate(agent, cases(1), [judge], store=Session(log, "exp"))
    again = await evaluate(agent, cases(1), [judge], store=Session(log, "exp"), retry=["unscored"])
    assert [statuses(one) for one in (first, kept, again)] == [
        ["unscored"],
        ["unscored"],
        ["scored"],
    ]
    assert called == {"c0": 1}


async def test_7_a_flaky_case_shows_each_of_its_trials():
    async def agent(case, trial):
        return "right" if trial % 2 else "wrong"

    def right(trace):
        return trace.text() == "right"

    experiment = await evaluate(agent, cases(1), [right], trials=4)
    assert [result.passed for result in experiment.results] == [False, True, False, True]


async def test_8_a_push_back_waits_a_time_out_is_a_row_and_context_is_carried():
    where.set("here")
    tries = Counter()

    async def agent(case):
        tries[case.id] += 1
        if case.id == "c0" and tries["c0"] < 3:
            raise Pushback(429, retry_after_ms="1")
        if case.id == "c1":
            await asyncio.Event().wait()
        if case.id == "c2":
            raise Pushback(401, retry_after="0")
        return where.get()

    def place(trace):
        return trace.text() == where.get() == "here"

    experiment = await evaluate(agent, cases(4), [place], timeout_s=0.2)
    assert statuses(experiment) == ["scored", "errored", "errored", "scored"]
    assert [result.passed for result in experiment.results] == [True, None, None, True]
    assert [result.attempts for result in experiment.results] == [3, 1, 1, 1]
    assert experiment.results[1].why == "no answer within 0.2 s"


async def test_8_a_plain_task_runs_in_a_thread_with_the_context_of_the_caller():
    where.set("here")

    def agent(case):
        return where.get()

    experiment = await evaluate(agent, cases(2), [lambda trace: trace.text() == "here"])
    assert [result.passed for result in experiment.results] == [True, True]


async def test_9_a_call_is_in_the_store_before_it_is_made():
    log = MemoryLog()

    async def agent(case):
        kinds = [
            e.kind
            async for e in Session(log, "exp").read(follow=False)
            if e.data.get("case") == case.id
        ]
        return " ".join(kinds)

    experiment = await evaluate(
        agent, cases(3), [lambda trace: trace.text() == "trial.started"], store=Session(log, "exp")
    )
    assert [result.passed for result in experiment.results] == [True] * 3


async def test_9_what_was_in_flight_is_possibly_billed_and_made_again(tmp_path):
    path = tmp_path / "log.jsonl"
    begun = asyncio.Event()

    async def hangs(case):
        if case.id == "c1":
            begun.set()
            await asyncio.Event().wait()
        return case.id

    running = asyncio.create_task(
        evaluate(hangs, cases(3), [fine], version="1", store=Session(MemoryLog(path), "exp"))
    )
    await begun.wait()
    stored = [json.loads(line) for line in path.read_text().splitlines()]
    cut = tmp_path / "cut.jsonl"  # as a SIGKILL leaves it
    cut.write_bytes(path.read_bytes())
    running.cancel()
    await asyncio.wait([running])
    assert any(event["data"].get("case") == "c1" for event in stored)

    async def answers(case):
        return case.id

    again = await evaluate(
        answers, cases(3), [fine], version="1", store=Session(MemoryLog(cut), "exp")
    )
    assert statuses(again) == ["scored"] * 3
    assert again.results[1].possibly_billed == 1
    assert again.results[1].attempts == 2


ASK = Request(({"role": "user", "content": "Hello"},), max_tokens=2000)
WORST_USD = cost_usd(NAME, worst_case(ASK))
CHEAP = Answer("Hi there, friend.", usage=Usage(100, 10))


async def test_9_no_call_is_made_that_could_pass_the_budget_and_the_rest_is_not_run():
    model = ScriptedModel(lambda _: Answer("Hi.", usage=Usage(0, 2000)))

    async def agent(case):
        return (await model.reply(ASK)).text

    experiment = await evaluate(agent, cases(6), [fine], concurrency=2, budget_usd=2.5 * WORST_USD)
    assert Counter(statuses(experiment))["scored"] >= 2
    assert set(statuses(experiment)) == {"scored", "not run"}
    assert model.ledger.cost_usd <= 2.5 * WORST_USD
    assert "the budget is spent" in experiment.conditions["halted"]
    assert all("cap" in row.why for row in experiment.results if row.status == "not run")
    assert sum(row.cost_usd for row in experiment.results) == pytest.approx(model.ledger.cost_usd)


async def test_9_what_an_earlier_process_spent_counts_against_the_budget():
    log = MemoryLog()
    model = ScriptedModel(lambda _: Answer("Hi.", usage=Usage(0, 2000)))

    async def agent(case):
        return (await model.reply(ASK)).text

    budget_usd = 2.5 * WORST_USD
    for _ in range(3):
        experiment = await evaluate(
            agent,
            cases(6),
            [fine],
            concurrency=1,
            budget_usd=budget_usd,
            version="1",
            store=Session(log, "exp"),
        )
    assert 0 < model.ledger.cost_usd <= budget_usd
    assert "not run" in statuses(experiment)


async def test_9_a_budget_is_refused_where_nobody_knows_what_a_live_trial_costs():
    async def agent(case):
        return Trace(case.id, (), source="live")

    async def states_it(case):
        return Trace(case.id, (), {"cost_usd": 0.25}, source="live")

    refused = await evaluate(agent, cases(3), [fine], concurrency=1, budget_usd=1.0)
    assert "nobody knows" in refused.conditions["halted"]
    assert statuses(refused) == ["scored", "not run", "not run"]
    stated = await evaluate(states_it, cases(3), [fine], budget_usd=1.0)
    assert [row.cost_usd for row in stated.results] == [0.25] * 3


async def test_9_what_the_task_and_its_judge_cost_is_counted_once_and_kept_on_resume():
    log = MemoryLog()
    model = ScriptedModel(lambda _: Answer("Hi.", usage=Usage(1000, 10)))
    verdict = Answer(data=PASS.data, usage=Usage(3000, 20))
    judge_model = ScriptedModel(lambda _: verdict)
    judge = Judge(Rubric("good", "Is it good?"), judge_model)

    async def agent(case):
        return (await model.reply(ASK)).text

    async def run():
        return await evaluate(agent, cases(2), [judge], version="1", store=Session(log, "exp"))

    first = await run()
    again = await run()
    each_usd = cost_usd(NAME, Usage(1000, 10)) + cost_usd(NAME, Usage(3000, 20))
    assert [row.cost_usd for row in first.results] == pytest.approx([each_usd] * 2)
    assert again.results == first.results
    assert again.summary().cost_usd == pytest.approx(2 * each_usd)
    assert model.ledger.cost_usd + judge_model.ledger.cost_usd == pytest.approx(2 * each_usd)
    assert "It cost" in again._repr_html_()


async def test_10_to_wait_is_no_latency():
    tries = Counter()

    async def agent(case):
        tries[case.id] += 1
        if tries[case.id] == 1:
            raise Pushback(429, retry_after="0.3")
        return "done"

    experiment = await evaluate(agent, cases(1), [fine])
    (row,) = experiment.results
    assert row.waited_s >= 0.3
    assert row.latency_s is not None
    assert row.latency_s < row.waited_s


async def test_11_the_first_errors_all_alike_halt_and_one_error_does_not():
    async def broken(case):
        raise ValueError(f"no key for {case.id}, request 17{case.id[1:]}")

    async def agent(case):
        if case.id == "c0":
            raise ValueError("an odd one")
        return case.id

    halted = await evaluate(broken, cases(20), [fine], concurrency=1, stop_after_errors=3)
    assert Counter(statuses(halted)) == {"errored": 3, "not run": 17}
    assert "the first 3 trials all ended in the same error" in halted.conditions["halted"]
    assert halted.results[-1].why == halted.conditions["halted"]
    whole = await evaluate(agent, cases(20), [fine], concurrency=1, stop_after_errors=1 + 1)
    assert Counter(statuses(whole)) == {"errored": 1, "scored": 19}


async def test_5_the_limit_holds_for_calls_through_an_sdk_too():
    async with connect_model(policy=lambda _: CHEAP) as model:

        async def agent(case):
            return (await model.reply(ASK)).text

        experiment = await evaluate(agent, cases(4), [fine], concurrency=2)
    assert experiment.conditions["calls_at_once"] == {"loopback": 2}
    assert statuses(experiment) == ["scored"] * 4
    assert experiment.source == "simulated"
    assert sum(row.cost_usd for row in experiment.results) == pytest.approx(model.ledger.cost_usd)
