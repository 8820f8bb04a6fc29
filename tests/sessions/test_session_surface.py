"""Surfaces: one reader each, none deaf in silence, and present whatever the clocks say."""

import asyncio
import time

from toolkit.events import Event, fresh_id
from toolkit.sessions import MemoryLog, NatsLog, NatsServer, Session, Surface, fold
from toolkit.sessions.lab import conversation_at
from toolkit.sessions.presence import presence


async def until(condition, deadline_s=20.0):
    async with asyncio.timeout(deadline_s):
        while not await condition():
            await asyncio.sleep(0.005)


async def kinds_of(session):
    return [event.kind async for event in session.read(follow=False, lane="log")]


async def test_two_connects_at_once_make_one_reader_which_a_disconnect_reaches(log):
    session = Session(log, "twice")
    surface = Surface(session, "phone")
    await asyncio.gather(surface.connect(), surface.connect())
    await surface.wait_for(lambda known: known.present == {"phone"})
    await surface.disconnect()
    cursor = surface.cursor
    await session.say("nobody hears this")
    await asyncio.gather(surface.disconnect(), surface.disconnect())
    assert (surface.connected, surface.cursor) == (False, cursor)
    assert await kinds_of(session) == ["joined", "left", "message"]


async def test_a_connect_and_a_disconnect_at_once_end_in_one_of_both_states(log):
    surface = Surface(Session(log, "both"), "phone")
    await asyncio.gather(surface.connect(), surface.disconnect(), surface.connect())
    assert surface.connected
    await surface.disconnect()
    assert not surface.connected


async def test_a_surface_whose_log_began_anew_begins_anew_and_counts_it(log):
    before, session = Session(log, "anew"), Session(log, "other")
    surface = Surface(session, "phone")
    for n in range(5):
        await before.say(f"old {n}")
    surface.conversation.apply(
        Event("other", "message", "user", {"text": "of another history"}, "m", None, None, 999)
    )
    await session.say("what is here now")
    await surface.connect()
    known = await surface.wait_for(
        lambda known: "what is here now" in [item.text for item in known.items]
    )
    assert "of another history" not in [item.text for item in known.items]
    assert surface.began_anew == 1
    await surface.disconnect()


async def test_a_fold_that_goes_on_after_the_log_began_anew_is_a_fresh_one(log):
    session = Session(log, "fresh")
    await session.say("what is here now")
    stale = fold(
        "fresh", [Event("fresh", "message", "user", {"text": "gone"}, "m", None, None, 999)]
    )
    known = await session.conversation(stale)
    assert [item.text for item in known.items] == ["what is here now"]
    assert known is not stale


async def test_of_two_surfaces_with_one_name_the_one_that_stays_is_present(log):
    session = Session(log, "same-name")
    first, second = Surface(session, "phone"), Surface(Session(log, "same-name"), "phone")
    await first.connect()
    await second.connect()
    await first.disconnect()
    assert await session.present() == {"phone"}
    await second.disconnect()
    assert await session.present() == set()


async def test_a_name_is_present_on_a_second_server_after_it_left_the_first(tmp_path):
    async with (
        NatsServer(store=tmp_path) as server,
        await NatsLog.connect(server.url) as one,
        await NatsLog.connect(server.url) as other,
    ):
        async with presence(Session(other, "s"), "web:ada"):
            async with presence(Session(one, "s"), "web:ada"):
                pass
            assert await Session(one, "s").present() == {"web:ada"}
        assert await Session(one, "s").present() == set()


async def joined_by_a_clock_that_is_off(log, session, hours, ttl_s, renewals):
    """A surface on a machine with another clock: its word is stored now, and says another time."""
    for _ in range(renewals):
        when = time.time() + 3600 * hours
        await log.append(
            Event(session.id, "presence.renewed", "phone", {"ttl_s": ttl_s}, fresh_id(), None, when)
        )
        await asyncio.sleep(ttl_s / 3)


async def test_a_surface_whose_clock_is_off_is_present_while_it_renews_and_not_afterwards(log):
    for number, hours in enumerate((-1, 1)):
        session = Session(log, f"clock{number}")
        await session.append("joined", "phone", {"connection": "c"})
        renewing = asyncio.create_task(joined_by_a_clock_that_is_off(log, session, hours, 0.6, 8))
        await until(lambda session=session: _present(session, {"phone"}))
        await renewing
        await until(lambda session=session: _present(session, set()))
        assert await Session(log, session.id).present() == set(), "also for who comes later"


async def _present(session, who):
    return await session.present() == who


async def test_time_travel_brings_no_words_from_after_the_moment(log):
    session = Session(log, "travel")
    run = await session.start_run("agent", "simulated", window_s=0)
    for n in range(300):
        await run.write(f"word{n} ")
    await run.finish()
    events = [event async for event in session.read(follow=False, lane="log")]
    for n in (1, 5, 150, len(events)):
        then = await conversation_at(session, events[n - 1].seq)
        assert then.to_json() == fold("travel", events[:n]).to_json()
    assert (await conversation_at(session, 0)).items == []


async def test_what_was_taken_back_before_a_reader_came_is_not_among_its_own():
    """All that is shown is equal for any two readers; `replaced` is what one of them saw go."""
    session = Session(MemoryLog(), "late")
    early = Surface(session, "early")
    run = await session.start_run("agent", "simulated", window_s=0)
    await early.connect()
    await run.step("answer", 1)
    await run.write("half an ans")
    await run.step("answer", 2)
    for n in range(200):
        await run.write(f"word{n} ")
    end = await session.say("end")
    seen = await early.wait_for(lambda known: known.cursor >= end.seq)
    late = await session.conversation()
    assert late.to_json() == seen.to_json()
    assert late.sha256 == seen.sha256
    assert [item.text for item in seen.replaced] == ["half an ans"]
    assert [item.text for item in late.replaced] == []
    await early.disconnect()
    await run.finish()
