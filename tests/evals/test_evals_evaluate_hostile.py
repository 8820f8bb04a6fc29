"""An experiment whose task, scorers or callbacks do what nobody expected: no result is lost."""

import math

import pytest

from toolkit.evals import DictWorld, Score, audit_cases
from toolkit.evals.experiments import Case, evaluate
from toolkit.evals.scorers import NOT_APPLICABLE
from toolkit.sessions import MemoryLog, NatsLog, NatsServer, Session
from toolkit.traces import Step, Trace

MAX_BYTES = 50_000


def nested(depth):
    value = "end"
    for _ in range(depth):
        value = [value]
    return value


def hostile_trace(case):
    """A trace that a store may not take, or a page may not show, for each name of a case."""
    content, data = "fine", {}
    if case.id == "deep":
        data = {"arguments": nested(10_000)}
    elif case.id == "deeper than JSON is read":
        data = {"arguments": nested(150)}
    elif case.id == "script":
        content = "<script>alert(1)</script>"
    elif case.id == "surrogate":
        content = "half of a pair: \ud83d"
    elif case.id == "nan":
        data = {"arguments": {"amount": math.nan, "most": math.inf}}
    elif case.id == "large":
        content = "x" * (2 * MAX_BYTES)
    elif case.id == "object":
        data = {"arguments": object()}
    return Trace(case.id, (Step("1", "message", "assistant", content, data=data),))


HOSTILE = ["deep", "deeper than JSON is read", "script", "surrogate", "nan", "large", "object"]


def named(*names):
    return [Case(name, f"question of {name}") for name in names]


async def hostile_agent(case):
    return hostile_trace(case)


def says_something(trace):
    return bool(trace.text())


async def check_that_no_result_is_lost(session_of):
    """Run the hostile cases between two good ones, twice: each is scored, and none is made again."""
    called = []

    async def agent(case):
        called.append(case.id)
        return hostile_trace(case)

    cases = named("first", *HOSTILE, "last")
    first = await evaluate(agent, cases, [says_something], store=session_of(), version="1")
    assert [result.passed for result in first.results] == [True] * len(cases)
    again = await evaluate(agent, cases, [says_something], store=session_of(), version="1")
    assert again.results == first.results
    assert sorted(called) == sorted(case.id for case in cases)
    return first


async def test_a_hostile_trace_is_a_result_like_any_other_in_memory_and_in_a_file(tmp_path):
    path = tmp_path / "log.jsonl"
    await check_that_no_result_is_lost(
        lambda: Session(MemoryLog(path, max_event_bytes=MAX_BYTES), "exp")
    )
    events = [event async for event in Session(MemoryLog(path), "exp").read(follow=False)]
    results = {}
    for event in events:
        if event.kind == "trial.result":
            results[event.data["result"]["case"]] = event.data
    missing = {case for case, data in results.items() if data.get("trace") is None}
    assert missing == {"deep", "deeper than JSON is read", "large", "object"}
    assert all(results[case]["why"] for case in missing)
    assert "log takes 50,000" in results["large"]["why"]


@pytest.mark.nats
async def test_a_trace_beyond_the_servers_largest_payload_costs_its_trace_and_no_result(tmp_path):
    async with NatsServer(store=tmp_path / "store") as server:
        log = await NatsLog.connect(server.url)
        try:
            await check_that_no_result_is_lost_on(log)
        finally:
            await log.close()


async def check_that_no_result_is_lost_on(log):
    async def agent(case):
        size = 2 * log.max_event_bytes if case.id == "large" else 10
        return "x" * size

    cases = named("first", "large", "last")
    session = Session(log, "exp")
    first = await evaluate(agent, cases, [says_something], store=session, version="1")
    again = await evaluate(agent, cases, [says_something], store=session, version="1")
    assert [result.passed for result in first.results] == [True] * 3
    assert again.results == first.results


async def test_a_reason_or_an_error_that_no_store_takes_is_cut_and_no_result_is_lost():
    """What a scorer or a task says of a failure may be as large as a trace."""

    async def agent(case):
        if case.id == "error":
            raise ValueError("x" * (2 * MAX_BYTES))
        return "an answer"

    def wordy(trace):
        return Score("wordy", None, "y" * (2 * MAX_BYTES))

    def label(trace):
        return "z" * (2 * MAX_BYTES)

    log = MemoryLog(max_event_bytes=MAX_BYTES)
    cases = named("answer", "error")
    first = await evaluate(agent, cases, [wordy, label], store=Session(log, "exp"), version="1")
    assert [result.status for result in first.results] == ["unscored", "errored"]
    again = await evaluate(agent, cases, [wordy, label], store=Session(log, "exp"), version="1")
    assert again.results == first.results
    assert all(result.why.endswith("…") for result in first.results)


async def test_an_error_of_any_size_that_is_tried_again_costs_no_result():
    tries = []

    class Busy(Exception):
        """As HTTP clients raise it, with what the server said."""

        def __init__(self):
            super().__init__("x" * (2 * MAX_BYTES))
            self.status_code = 503
            self.headers = {"retry-after": "0"}

    async def agent(case):
        tries.append(case.id)
        if len(tries) < 3:
            raise Busy
        return "an answer"

    store = Session(MemoryLog(max_event_bytes=MAX_BYTES), "exp")
    experiment = await evaluate(agent, named("a"), [says_something], store=store)
    assert [(row.passed, row.attempts) for row in experiment.results] == [(True, 3)]


async def test_a_result_that_no_store_takes_stays_in_the_experiment_and_is_made_again_on_resume():
    def talkative(trace):
        return {f"score {number}": "z" * 5000 for number in range(20)}

    called = []

    async def agent(case):
        called.append(case.id)
        return "an answer"

    log = MemoryLog(max_event_bytes=MAX_BYTES)
    for n_called in (1, 2):
        experiment = await evaluate(
            agent, named("a"), [talkative, says_something], store=Session(log, "exp"), version="1"
        )
        assert [row.passed for row in experiment.results] == [True]
        assert len(called) == n_called
    events = [event async for event in Session(log, "exp").read(follow=False)]
    given_up = [event.data["why"] for event in events if event.kind == "trial.given_up"]
    assert len(given_up) == 2
    assert all("log takes 50,000" in why for why in given_up)


async def test_infinities_and_half_characters_in_scores_come_back_as_they_were_given():
    def endless(trace):
        return math.inf

    def half(trace):
        return Score("half \ud83d", False, "half of a pair: \ud83d")

    async def agent(case):
        return Trace("id \ud83d", (Step("1", "message", "assistant", "hello"),))

    log = MemoryLog()
    runs = []
    for _ in range(2):
        store = Session(log, "exp")
        runs.append(await evaluate(agent, named("a"), [endless, half], store=store, version="1"))
    first, again = runs
    assert again.results == first.results
    assert first.results[0].scores[0] == Score("endless", None, "the scorer returned inf")
    assert again.conditions["unreadable_events"] == 0


async def test_what_a_hostile_trace_says_is_escaped_where_the_experiment_is_shown():
    def told(trace):
        return Score("told", None, trace.text())

    experiment = await evaluate(hostile_agent, named("script"), [told])
    assert "<script>alert" in experiment.results[0].why
    assert "<script>alert" not in experiment._repr_html_()


async def test_a_progress_callback_that_raises_costs_no_result_and_is_not_called_again(caplog):
    calls = []

    def broken(done, total):
        calls.append((done, total))
        raise RuntimeError("the bar is gone")

    async def agent(case):
        return case.id

    experiment = await evaluate(agent, named("a", "b", "c"), [says_something], progress=broken)
    assert [result.passed for result in experiment.results] == [True] * 3
    assert calls == [(1, 3)]
    assert "the progress callback raised" in caplog.text


async def test_the_store_gives_back_each_score_as_it_was_given(tmp_path):
    path = tmp_path / "log.jsonl"

    def rule(trace):
        return Score("rule", False, "it changed before it asked", "3", step="1")

    def confirms(trace):
        return Score("confirms", NOT_APPLICABLE, "nothing was changed")

    def counts(trace):
        return {"length": len(trace.text()), "share": 0.25, "tone": "warm", "kind": True}

    async def agent(case):
        return "an answer"

    scorers = [rule, confirms, counts]
    first = await evaluate(
        agent, named("a", "b"), scorers, store=Session(MemoryLog(path), "exp"), version="1"
    )
    again = await evaluate(
        agent, named("a", "b"), scorers, store=Session(MemoryLog(path), "exp"), version="1"
    )
    without_store = await evaluate(agent, named("a", "b"), scorers)
    assert again.results == first.results
    assert [result.scores for result in without_store.results] == [
        result.scores for result in first.results
    ]
    by_name = {score.name: score for score in again.results[0].scores}
    assert by_name["rule"].step == "1"
    assert by_name["confirms"].value == NOT_APPLICABLE
    assert (by_name["length"].value, by_name["kind"].value) == (9.0, True)


async def test_an_audit_takes_broken_cases_out_and_shows_the_rate_with_and_without_the_free():
    """Of four cases one fails its own check, and one is passed by doing nothing."""
    state = {"orders": []}
    plans = {
        "change": [lambda: state["orders"].append("paid")],
        "nothing": [],
        "broken": [lambda: 1 / 0],
        "second change": [lambda: state["orders"].append("sent")],
    }
    cases = named(*plans)
    audit = audit_cases(cases, DictWorld(state), gold=lambda case: plans[case.id])
    assert (audit.broken, audit.free) == (("broken",), ("nothing",))

    async def agent(case):
        return "done" if case.id in ("change", "nothing") else "I cannot"

    def right(trace):
        return trace.text() == "done"

    experiment = await evaluate(agent, cases, [right], audit=audit)
    assert experiment.rate().value == pytest.approx(2 / 3)
    assert experiment.rate(cases="not free").value == 1 / 2
    summary = str(experiment.summary())
    assert "1 broken case (1 trial) in no rate" in summary
    assert "Without the 1 case that an agent passes by doing nothing: 0.500" in summary
