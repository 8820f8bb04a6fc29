"""A cap holds back the calls that do not fit now, and lets them in when others come back cheaper."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.evals import Judge, Rubric
from toolkit.models import (
    Answer,
    BudgetExceeded,
    ClaudeModel,
    Ledger,
    LoopbackServer,
    Request,
    ScriptedModel,
    Usage,
    connect_model,
)
from toolkit.models.deadline import clock_stopped, within
from toolkit.models.prices import cost_usd, worst_case
from toolkit.models.wire import usage_of
from toolkit.traces import Step, Trace

NAME = "claude-haiku-5-5"
ASK = Request(({"role": "user", "content": "Hello"},), max_tokens=2000)
WORST_USD = cost_usd(NAME, worst_case(ASK))
ENDINGS = st.sampled_from(["billed", "free", "lost", "cancel"])
CHEAP = Answer("Hi there, friend.", usage=Usage(100, 10))


def asked(text):
    return Request(({"role": "user", "content": text},), max_tokens=2000)


@pytest.mark.parametrize("concurrency", [1, 2, 8, 12])
async def test_a_run_that_costs_less_than_its_cap_is_scored_whatever_the_concurrency(concurrency):
    good = Answer(data={"whole": {"critique": "ok", "verdict": "pass"}}, usage=Usage(1000, 100))
    traces = [Trace(f"t{n}", (Step("1", "message", "assistant", f"Hello {n}"),)) for n in range(12)]
    model = ScriptedModel(lambda _: good, ledger=Ledger(0.004))
    verdicts = await Judge(Rubric("r", "Is it good?"), model).score_all(
        traces, concurrency=concurrency
    )
    assert [one.verdict for one in verdicts] == ["pass"] * 12


async def test_through_the_sdk_too_calls_wait_for_room_and_are_made():
    async with connect_model(policy=lambda _: CHEAP, ledger=Ledger(1.5 * WORST_USD)) as model:
        replies = await asyncio.gather(*(model.reply(asked(f"Hello {n}")) for n in range(6)))
    assert all(reply.ok for reply in replies)
    assert model.ledger.held_usd <= 1.5 * WORST_USD


async def test_what_could_never_fit_is_refused_at_once():
    ledger = Ledger(0.5 * WORST_USD)
    with pytest.raises(BudgetExceeded, match="this call could cost"):
        await ledger.reserve(NAME, "live", ASK)
    assert ledger.attempts == []


async def test_a_call_is_refused_once_nothing_in_flight_can_make_room():
    ledger = Ledger(1.5 * WORST_USD)
    first = await ledger.reserve(NAME, "live", ASK)
    waiting = asyncio.create_task(ledger.reserve(NAME, "live", ASK))
    await asyncio.sleep(0)
    assert not waiting.done()
    ledger.end(first, "possibly billed")
    with pytest.raises(BudgetExceeded):
        await waiting
    assert len(ledger.attempts) == 1


async def test_calls_are_let_in_as_they_came_and_a_large_one_is_not_starved_by_small_ones():
    small, large = Request(ASK.messages, max_tokens=100), Request(ASK.messages, max_tokens=8000)
    cap = cost_usd(NAME, worst_case(large)) * 1.01
    ledger, order = Ledger(cap), []

    async def call(name, request):
        numbers = await ledger.reserve(NAME, "live", request)
        order.append(name)
        await asyncio.sleep(0)
        ledger.end(numbers, "billed", usage=Usage(1, 1))

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for name, request in [
            ("first", small),
            ("large", large),
            *((f"later {n}", small) for n in range(20)),
        ]:
            group.create_task(call(name, request))
    assert order[:2] == ["first", "large"]
    assert len(order) == 22


async def test_calls_within_calls_do_not_wait_for_each_other_for_ever():
    """Each holds a stream open while it asks again: nobody could end, so one is refused and the
    others go on.
    """
    model = ScriptedModel(lambda _: CHEAP, ledger=Ledger(2.5 * WORST_USD))

    async def nested(n):
        stream = model.stream(asked(f"outer {n}"))
        await anext(stream)
        try:
            return (await model.reply(asked(f"inner {n}"))).ok
        except BudgetExceeded:
            return False
        finally:
            assert [piece async for piece in stream][-1].ok

    async with asyncio.timeout(10):
        done = await asyncio.gather(nested(1), nested(2))
    assert sorted(done) == [False, True]
    assert model.ledger.held_usd <= 2.5 * WORST_USD


@pytest.mark.parametrize("when", ["while it waits", "as it is let in"])
async def test_a_call_that_is_cancelled_leaves_its_room_to_the_next(when):
    ledger = Ledger(1.5 * WORST_USD)
    first = await ledger.reserve(NAME, "live", ASK)
    gone = asyncio.create_task(ledger.reserve(NAME, "live", ASK))
    after = asyncio.create_task(ledger.reserve(NAME, "live", ASK))
    await asyncio.sleep(0)
    if when == "as it is let in":
        ledger.end(first, "free")
        gone.cancel()
    else:
        gone.cancel()
        await asyncio.wait([gone])
        ledger.end(first, "free")
    async with asyncio.timeout(10):
        numbers = await after
    assert gone.cancelled()
    ledger.end(numbers, "free")
    assert ledger.held_usd == pytest.approx(0, abs=1e-12)


async def test_waiting_for_room_has_an_end_of_its_own():
    ledger = Ledger(1.5 * WORST_USD, patience_s=0.01)
    await ledger.reserve(NAME, "live", ASK)
    waiting = asyncio.create_task(ledger.reserve(NAME, "live", ASK))
    with pytest.raises(BudgetExceeded, match=r"no room within 0\.01 s"):
        await waiting


async def test_a_deadline_on_the_model_does_not_count_the_wait_for_room():
    ledger = Ledger(1.5 * WORST_USD)
    first = await ledger.reserve(NAME, "live", ASK)

    async def impatient():
        async with within(0.05):
            return await ledger.reserve(NAME, "live", ASK)

    waiting = asyncio.create_task(impatient())
    await asyncio.wait([waiting], timeout=0.3)
    assert not waiting.done()
    ledger.end(first, "billed", usage=Usage(1, 1))
    assert await waiting == [1]


async def test_a_deadline_goes_on_when_the_clock_does():
    async def silent():
        async with within(0.01):
            async with clock_stopped():
                await asyncio.sleep(0.05)
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await silent()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(100, 6000),
            st.integers(0, 3),
            st.sampled_from(["billed", "free", "lost", "cancel"]),
        )
    ),
    st.floats(0.5, 4),
)
def test_the_cap_holds_and_every_call_is_made_or_refused_whatever_comes_when(calls, cap):
    ledger = Ledger(cap * WORST_USD)
    outcomes = []

    async def call(max_tokens, pauses, ending):
        try:
            numbers = await ledger.reserve(
                NAME, "live", Request(ASK.messages, max_tokens=max_tokens)
            )
        except BudgetExceeded:
            outcomes.append("refused")
            return
        assert ledger.held_usd <= cap * WORST_USD + 1e-12
        try:
            for _ in range(pauses):
                await asyncio.sleep(0)
        finally:
            state = "possibly billed" if ending in ("lost", "cancel") else ending
            ledger.end(numbers, state, usage=Usage(10, 10) if ending == "billed" else Usage())
        outcomes.append("made")

    async def all_of_them():
        tasks = [asyncio.create_task(call(*one)) for one in calls]
        for task, one in zip(tasks, calls, strict=True):
            await asyncio.sleep(0)
            if one[2] == "cancel":
                task.cancel()
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=10)
            assert not pending
        return sum(task.cancelled() for task in tasks)

    cancelled = asyncio.run(all_of_them())
    assert len(outcomes) + cancelled == len(calls)
    assert not [attempt for attempt in ledger.attempts if attempt.state == "open"]
    assert ledger.held_usd <= cap * WORST_USD + 1e-12


@pytest.mark.parametrize(
    ("cached", "usd"),
    [
        ({"cache_write_5m_tokens": 1_000_000}, 2.5),
        ({"cache_write_1h_tokens": 1_000_000}, 4.0),
        ({"cache_read_tokens": 1_000_000}, 0.2),
        ({"cache_write_1h_tokens": 400_000, "cache_read_tokens": 500_000}, 1.6 + 0.1 + 0.2),
    ],
)
def test_the_prompt_cache_has_prices_of_its_own(cached, usd):
    assert cost_usd("claude-sonnet-5-5", Usage(1_000_000, **cached)) == pytest.approx(usd)


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_the_worst_case_of_a_prompt_that_is_cached_is_that_all_of_it_is_written(ttl):
    block = {"type": "text", "text": "x" * 4000, "cache_control": {"type": "ephemeral", "ttl": ttl}}
    cached = Request(({"role": "user", "content": [block]},), max_tokens=10)
    tokens = worst_case(cached).input_tokens
    share = {"5m": 1.25, "1h": 2.0}[ttl]
    usd = tokens * share * 2.0 / 1e6 + 10 * 10.0 / 1e6
    assert cost_usd("claude-sonnet-5-5", worst_case(cached)) == pytest.approx(usd)


def test_usage_of_the_api_tells_the_two_lifetimes_of_the_cache_apart():
    used = {
        "input_tokens": 5,
        "output_tokens": 7,
        "cache_creation_input_tokens": 300,
        "cache_read_input_tokens": 1000,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    }
    assert usage_of({"usage": used}) == Usage(1305, 7, 100, 200, 1000)
    del used["cache_creation"]
    assert usage_of({"usage": used}) == Usage(1305, 7, 300, 0, 1000)


async def test_cached_tokens_come_through_the_sdk_and_are_priced():
    answer = Answer("Hi", usage=Usage(1305, 7, 100, 200, 1000))
    async with (
        LoopbackServer(lambda _: answer) as server,
        ClaudeModel(NAME, base_url=server.url, api_key="x") as model,
    ):
        reply = await model.reply(ASK)
    assert reply.usage == answer.usage == (await ScriptedModel(lambda _: answer).reply(ASK)).usage
    assert model.ledger.cost_usd == pytest.approx((5 + 125 + 400 + 100) * 0.1e-6 + 7 * 0.5e-6)


@pytest.mark.parametrize("kind", ["script", "sdk"])
async def test_a_call_that_is_broken_off_still_tells_what_it_used(kind):
    slow = Answer("one two three four " * 100, delay_s=0.01, usage=Usage(50, 20))
    model = ScriptedModel(lambda _: slow)
    if kind == "sdk":
        model = connect_model(policy=lambda _: slow)
    stream = model.stream(ASK)
    await anext(stream)
    await stream.aclose()
    (attempt,) = model.ledger.attempts
    assert (attempt.state, attempt.usage.input_tokens) == ("possibly billed", 50)
    assert attempt.held_usd == pytest.approx(WORST_USD)
    if kind == "sdk":
        await model.close()
