"""The agent loop: on a script, over the real SDK on loopback, cancelled, cut off, and without end."""

import asyncio

import pytest
from harbor_signs import CHECKS, calls, replayed, said

from toolkit.harbor import World, call, converse, harbor_policy, schemas, situations
from toolkit.models import Answer, Request, ScriptedModel, connect_model
from toolkit.sessions import MemoryLog, Session
from toolkit.traces import traces_frame

STORM = situations()["storm-at-the-weekend"]


async def talk(model, situation=STORM, **variant):
    session = Session(MemoryLog(), "talk")
    with World.open(now=situation.now) as world:
        done = await converse(session, situation, model, world, **variant)
        return done, await session.trace(), world.snapshot()


@pytest.mark.parametrize("situation", situations().values(), ids=lambda situation: situation.id)
async def test_the_conversation_is_the_script_and_the_tools_really_acted(situation):
    for failure in (None, *situation.modes):
        done, trace, _ = await talk(
            ScriptedModel(harbor_policy), situation, phrasing=2, failure=failure
        )
        script = situation.script(2, failure)
        assert done
        assert trace.source == "simulated"
        assert trace.text("user") == "\n\n".join(turn.say for turn in script)
        assert calls(trace) == [step for turn in script for step in turn.calls]
        assert [text for text in said(trace) if text in {turn.reply for turn in script}] == [
            t.reply for t in script
        ]
        assert replayed(trace, situation)
        shown = {mode for mode, check in CHECKS.items() if check(trace, situation)}
        assert shown == {failure} - {None}, said(trace)


async def test_the_real_sdk_on_loopback_tells_the_same_story_as_the_script_in_process():
    _, scripted, world = await talk(
        ScriptedModel(harbor_policy), phrasing=1, failure="wrong_booking"
    )
    async with connect_model(policy=harbor_policy) as model:
        done, loopback, same_world = await talk(model, phrasing=1, failure="wrong_booking")
    assert done
    assert [(s.kind, s.actor, s.content) for s in loopback.steps] == [
        (s.kind, s.actor, s.content) for s in scripted.steps
    ]
    assert same_world == world
    assert world["bookings"]["HB-2105"]["status"] == "cancelled"


async def test_words_arrive_in_pieces_and_tokens_and_cost_can_be_counted():
    session = Session(MemoryLog(), "pieces")
    with World.open(now=STORM.now) as world:
        await converse(session, STORM, ScriptedModel(harbor_policy), world)
    events = [event async for event in session.read(follow=False)]
    assert sum(event.kind == "text.delta" for event in events) > 3
    row = traces_frame([await session.trace()]).iloc[0]
    assert row["input_tokens"] > row["output_tokens"] > 0
    assert row["cost_usd"] > 0
    assert row["outcome"] == "complete"


async def test_a_cancelled_run_stops_speaking_and_the_customer_does_not_go_on():
    log = MemoryLog()

    async def watch():
        surface = Session(log, "cut")
        async for event in surface.read():
            if event.kind == "text.delta":
                await surface.cancel(event.run)
                return

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(watch())
        with World.open(now=STORM.now) as world:
            slow = ScriptedModel(lambda request: Answer("word " * 200, delay_s=0.001))
            assert not await converse(Session(log, "cut"), STORM, slow, world)
    trace = await Session(log, "cut").trace()
    assert trace.meta["outcome"] == "cancelled"
    assert len(said(trace)[0].split()) < 200
    assert trace.text("user") == STORM.script()[0].say


@pytest.mark.parametrize(
    ("answer", "stopped"),
    [
        (Answer("half of this", fault="cut"), "truncated"),
        (Answer("no", stopped="refusal"), "refusal"),
        (Answer("long", stopped="max_tokens"), "max_tokens"),
        (Answer("busy", status=529), "error"),
    ],
)
async def test_what_is_no_result_ends_the_run_with_an_error_and_says_which(answer, stopped):
    done, trace, _ = await talk(ScriptedModel(lambda request: answer))
    assert not done
    assert trace.meta["outcome"] == "error"
    (noted,) = [step for step in trace.steps if step.kind == "model.usage"]
    assert noted.data["stopped"] == stopped
    assert noted.data["why"]


async def test_a_model_that_calls_tools_for_ever_is_stopped():
    endless = ScriptedModel(
        lambda request: Answer(tools=(("find_booking", {"customer_id": "C-04"}),))
    )
    done, trace, _ = await talk(endless)
    assert not done
    assert trace.meta["outcome"] == "error"
    assert len(trace.calls) == 8


async def test_a_tool_called_with_nonsense_is_an_error_result_that_the_model_sees():
    def confused(request: Request) -> Answer:
        last = request.messages[-1]["content"]
        if isinstance(last, str):
            return Answer(tools=(("refund", {"amount_eur": "lots"}),))
        return Answer(f"It said: {last[0]['is_error']}")

    done, trace, _ = await talk(ScriptedModel(confused))
    assert done
    assert said(trace)[0] == "It said: True"


def test_the_policy_is_a_function_of_the_request_alone_and_polite_off_the_script():
    ask = Request(
        ({"role": "user", "content": "hello"},),
        metadata={"user_id": "grey-sky:3:ok"},
        tools=schemas(),
    )
    assert harbor_policy(ask) == harbor_policy(ask)
    assert harbor_policy(ask).tools[0][0] == "find_booking"
    more = tuple({"role": role, "content": "x"} for _ in range(9) for role in ("user", "assistant"))
    assert (
        "anything else"
        in harbor_policy(Request((*more, *ask.messages), metadata=ask.metadata)).text
    )
    assert "no script" in harbor_policy(Request(ask.messages)).text
    assert "no script" in harbor_policy(Request(ask.messages, metadata={"user_id": "x:y"})).text


async def test_the_agent_is_told_the_policy_the_time_and_the_customer_and_the_session_shows_it():
    _, trace, _ = await talk(ScriptedModel(harbor_policy))
    told = trace.text("system")
    assert "Helen Marchetti (C-04)" in told
    assert "Friday 26 June 2026, 19:05" in told
    assert "Notice of 48 hours or more" in told


def test_the_example_transfer_leaves_a_ticket_in_the_database():
    with World.open() as world:
        call(
            world,
            "transfer_to_person",
            {"customer_id": "C-01", "reason": "asks", "summary": "for a person"},
        )
        assert world.snapshot()["transfers"]["1"]["reason"] == "asks"
