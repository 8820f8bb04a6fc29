"""What every log promises, held against each of them."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.events import Event, encode, fresh_id, storable
from toolkit.sessions import CursorLost, Extent, Session, Surface, TooLarge
from toolkit.sessions.contract import CHECKS

WORDS = [f"word{n} " for n in range(60)]


async def everything(session, after=0):
    return [event async for event in session.read(after, follow=False)]


async def speak(session, words=WORDS):
    run = await session.start_run("agent", source="simulated")
    for word in words:
        await run.write(word)
    await run.finish()
    return run


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_every_log_keeps_the_contract(log, check):
    await check(log)


async def test_events_come_back_in_the_order_in_which_they_were_acknowledged(log):
    session = Session(log, "order")
    acks = [await session.say(f"message {n}") for n in range(50)]
    assert [ack.seq for ack in acks] == sorted({ack.seq for ack in acks})
    assert [event.data["text"] for event in await everything(session)] == [
        f"message {n}" for n in range(50)
    ]


async def test_a_reader_resumes_at_any_cursor_without_loss_or_double(log):
    session = Session(log, "resume")
    await speak(session)
    whole = await everything(session)
    for cut in range(0, len(whole), 7):
        assert whole[:cut] + await everything(session, whole[cut - 1].seq if cut else 0) == whole


async def test_a_cursor_past_the_end_reads_nothing_and_then_what_comes(log):
    session = Session(log, "future")
    last = (await session.say("before")).seq
    assert await everything(session, last) == []
    reader = session.read(last)
    waiting = asyncio.create_task(anext(reader))
    await session.say("after")
    assert (await asyncio.wait_for(waiting, 10)).data == {"text": "after"}
    await reader.aclose()


async def test_replay_and_live_meet_without_a_seam(log):
    session = Session(log, "seam")
    for n in range(30):
        await session.say(str(n))

    async def first(count):
        reader = session.read()
        return [(await anext(reader)).data["text"] for _ in range(count)]

    reading = asyncio.create_task(first(60))
    for n in range(30, 60):
        await session.say(str(n))
    assert await asyncio.wait_for(reading, 10) == [str(n) for n in range(60)]


async def test_two_surfaces_agree_byte_for_byte(log):
    session = Session(log, "agree")
    laptop, phone = Surface(session, "laptop"), Surface(session, "phone")
    await laptop.connect()
    run = await session.start_run("agent", source="simulated")
    for position, word in enumerate(WORDS):
        await run.write(word)
        if position == 20:
            await phone.connect()
        if position == 30:
            await laptop.disconnect()
        if position == 45:
            await laptop.connect()
    await run.finish()
    end = (await session.say("the end")).seq
    for surface in (laptop, phone):
        await surface.wait_for(lambda c: c.cursor >= end)
    assert laptop.conversation.to_json() == phone.conversation.to_json()
    assert laptop.conversation.sha256 == (await session.conversation()).sha256
    assert laptop.conversation.text == "".join(WORDS)
    for surface in (laptop, phone):
        await surface.disconnect()


async def test_a_disconnect_is_not_a_cancel(log):
    session = Session(log, "drop")
    surface = Surface(session, "phone")
    run = await session.start_run("agent")
    for _ in range(5):
        await surface.connect()
        await run.write("still here ")
        await surface.disconnect()
    await run.finish()
    assert run.outcome == "complete"
    assert [e.kind for e in await everything(session) if e.kind == "cancel"] == []


@pytest.mark.parametrize("early", [True, False], ids=["before the run starts", "while it runs"])
async def test_a_cancel_reaches_its_run_and_ends_it_once(log, early):
    session = Session(log, "stop")
    if early:
        await session.cancel("run-1", actor="phone")
    run = await session.start_run("agent", id="run-1")
    await session.cancel("run-1", actor="phone")
    await session.cancel("another-run")
    async with asyncio.timeout(10):
        while not run.cancelled:
            await run.write("tick ")
    await run.finish()
    await run.finish()
    ends = [
        event.data["outcome"] for event in await everything(session) if event.kind == "run.finished"
    ]
    assert ends == ["cancelled"]


async def test_unknown_kinds_are_kept_and_reach_the_trace(log):
    session = Session(log, "open")
    await session.append("weather.report", "sky", {"wind_mps": 3})
    (step,) = (await session.trace()).steps
    assert (step.kind, step.actor, step.data["wind_mps"]) == ("weather.report", "sky", 3)


async def test_a_trace_keeps_the_ids_of_its_events(log):
    session = Session(log, "ids")
    await session.say("Where is my bike?")
    run = await session.start_run("agent", source="simulated")
    await run.write("Let me ")
    await run.write("look.")
    call = await run.call_tool("find_booking", {"id": "B1"})
    await run.tool_result(call, "at the station")
    await run.write("At the station.")
    await run.finish()
    trace = await session.trace()
    ids = {event.id for event in await everything(session)}
    assert {step.id for step in trace.steps} <= ids
    assert [step.content for step in trace.steps] == [
        "Where is my bike?", "Let me look.", "find_booking", "at the station", "At the station.",
    ]  # fmt: skip
    assert (trace.source, trace.meta["outcome"]) == ("simulated", "complete")
    assert trace.result_of(trace.calls[0]) is trace.steps[3]


async def test_words_in_any_script_and_of_any_size_come_through_unchanged(log):
    session = Session(log, "script")
    text = 'Grüße, 自転車, 🚲 "quoted"\n\\ \u2028' * 2000
    await session.say(text)
    assert (await everything(session))[0].data["text"] == text


async def test_a_session_id_that_could_not_be_a_subject_is_refused(log):
    for bad in ("", "a.b", "a b", "*", ">", "x" * 129):
        with pytest.raises(ValueError, match="session id"):
            Session(log, bad)


async def test_one_run_of_all_that_a_reader_catches_up_on_is_no_lane(log):
    with pytest.raises(ValueError, match="goes with a lane"):
        Session(log, "lane").read(run="r1")


async def test_a_log_tells_where_the_history_of_a_session_begins_and_ends(log):
    session = Session(log, "extent")
    assert (await log.extent("extent")) == Extent(None, 0)
    first = await session.say("first")
    await speak(session)
    last = (await everything(session))[-1]
    assert (await log.extent("extent")) == Extent(first.event.id, last.seq)
    assert (await log.extent("another")) == Extent(None, 0)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**60), 10**60)
    | st.floats()
    | st.text(st.characters())
    | st.binary(max_size=8)
    | st.datetimes()
    | st.frozensets(st.text(st.characters(), max_size=3), max_size=3)
    | st.builds(np.float32, st.floats(width=32))
    | st.builds(np.int16, st.integers(-99, 99))
    | st.builds(object),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3)
    ),
    max_leaves=6,
)
words = st.text(st.characters(), max_size=6)
events = st.builds(
    Event,
    session=st.just("any"),
    kind=st.sampled_from(["message", "note", "cancel", "text.delta"]) | words,
    actor=words,
    data=st.dictionaries(words, anything, max_size=3),
    id=st.just("") | words,
    run=st.none() | words,
    time=st.none() | st.floats(),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(event=events)
async def test_whatever_an_event_holds_it_is_refused_in_words_or_read_as_it_was_acknowledged(
    log, event
):
    event = replace(event, id=fresh_id() + event.id)
    try:
        to_be_stored = storable(event)
    except ValueError:
        with pytest.raises(ValueError, match="event's"):
            await log.append(event)
        return
    ack = await log.append(event)
    assert ack.event == replace(to_be_stored, seq=ack.seq)
    read = log.read("any", ack.seq - 1, follow=False)
    async with aclosing(read):
        stored = await anext(read)
    assert stored == ack.event
    json.loads(encode(stored), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


async def test_all_logs_store_the_same_of_one_event(log):
    data = {
        "at": datetime(2026, 11, 30, tzinfo=UTC),
        "score": float("nan"),
        "word": "\ud83d",
        "n": np.int64(3),
    }
    ack = await Session(log, "alike").append("note", "ada", data)
    assert ack.event.data == {"at": "2026-11-30T00:00:00Z", "score": None, "word": "�", "n": 3}


@pytest.mark.parametrize("bad", ["a b", "a.b", "", "x" * 129, ">", "\ud83d"])
async def test_an_event_of_a_session_that_could_not_be_a_subject_is_refused_at_once(log, bad):
    async with asyncio.timeout(5):
        with pytest.raises(ValueError, match="session id"):
            await log.append(Event(bad, "message", "user", {"text": "x"}, "e1"))


async def test_an_event_that_is_too_large_is_refused_and_the_log_works_on(log):
    session = Session(log, "large")
    if log.max_event_bytes > 2 << 20:
        log.max_event_bytes = 2 << 20  # a log in memory takes whatever fits into it
    bare = len(encode(session.event("message", "user", {"text": ""})).encode())
    slack = 32  # the digits of a time vary
    fits = log.max_event_bytes - bare - slack
    assert (await session.say("x" * fits)).seq == 1
    with pytest.raises(TooLarge, match="the log takes"):
        await session.say("x" * (fits + 2 * slack))
    small, large = (
        session.event("note", "u", {}),
        session.event("note", "u", {"text": "x" * log.max_event_bytes}),
    )
    with pytest.raises(TooLarge):
        await log.append_all([small, large])
    assert (await session.say("and on")).seq == 2
    assert [len(event.data["text"]) for event in await everything(session)] == [fits, 6]


@pytest.mark.parametrize("lane", ["log", "quiet", "control", "words", "lease", "snapshot"])
@pytest.mark.parametrize("follow", [True, False], ids=["following", "as it is"])
async def test_a_cursor_beyond_the_end_is_lost_on_every_lane(log, lane, follow):
    session = Session(log, "beyond")
    await speak(session)
    for cursor in (10**6, 2**53):
        reader = session.read(cursor, follow=follow, lane=lane)
        async with asyncio.timeout(10), aclosing(reader):
            with pytest.raises(CursorLost, match="begin anew"):
                await anext(reader)


@pytest.mark.parametrize("follow", [True, False], ids=["following", "as it is"])
async def test_whoever_catches_up_learns_that_the_cursor_is_lost(log, follow):
    session = Session(log, "catch-up")
    await speak(session)
    reader = session.read((await log.extent("catch-up")).last + 1, follow=follow)
    async with asyncio.timeout(10), aclosing(reader):
        with pytest.raises(CursorLost):
            await anext(reader)


async def test_a_cursor_of_an_empty_session_or_of_another_one_is_lost(log):
    one, other = Session(log, "one"), Session(log, "other")
    mine = (await one.say("mine")).seq
    for n in range(5):
        await one.say(str(n))
    with pytest.raises(CursorLost):
        await everything(other, mine)
    theirs = (await other.say("theirs")).seq
    with pytest.raises(CursorLost):
        await everything(one, theirs)
    with pytest.raises(CursorLost):
        await everything(other, mine)
    assert [event.seq for event in await everything(other, theirs - 1)] == [theirs]
    assert await everything(other, theirs) == []


async def test_every_cursor_that_a_reader_can_have_is_good_on_every_lane(log):
    session = Session(log, "good")
    await speak(session)
    for lane in ("log", "quiet", "control", "words"):
        whole = [event async for event in session.read(follow=False, lane=lane)]
        for event in await everything(session):
            rest = [later async for later in session.read(event.seq, follow=False, lane=lane)]
            assert rest == [later for later in whole if later.seq > event.seq]
    leases = [event async for event in session.read(follow=False, lane="lease")]
    assert leases
    assert [event async for event in session.read(leases[-1].seq, follow=False, lane="lease")] == []
