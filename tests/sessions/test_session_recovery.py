"""What a crash leaves behind: leases, adoption, orphans, words that were not acknowledged, surfaces
that are gone.
"""

import asyncio
import time
from dataclasses import replace

import pytest

from toolkit.events import Event, new_event
from toolkit.sessions import (
    Fenced,
    LogUnavailable,
    MemoryLog,
    NatsLog,
    NatsServer,
    Session,
    Surface,
    TooLarge,
    attend,
    fold,
)

TTL_S = 0.3
LIVING_TTL_S = 2.0
"""An agent that is to be found alive on a busy machine renews in time by this."""


async def plain(session):
    return [event async for event in session.read(follow=False, lane="log")]


async def until(condition, deadline_s=10.0):
    async with asyncio.timeout(deadline_s):
        while not await condition():
            await asyncio.sleep(0.01)


class Away:
    """A log whose next appends of words fail, as those of a server that does not answer: before or
    after it stored.
    """

    def __init__(self, log, stored):
        self.log, self.stored, self.failures = log, stored, 0

    async def append(self, event, fence=None):
        if event.kind == "text.delta" and self.failures:
            self.failures -= 1
            if self.stored:
                await self.log.append(event, fence)
            raise LogUnavailable("no answer")
        return await self.log.append(event, fence)

    def __getattr__(self, name):
        return getattr(self.log, name)


async def test_an_adopter_goes_on_from_the_words_on_the_log_and_the_agent_before_writes_nothing_more(
    log,
):
    session = Session(log, "adopt")
    first = await session.start_run("first", "simulated", "r", window_s=0, ttl_s=TTL_S)
    await first.write("Once ")
    await first.stop_listening()
    second = await session.adopt("r", "second", window_s=0, ttl_s=TTL_S)
    assert second.text == "Once "
    for write in (lambda: first.write("zombie"), lambda: first.step("again"), first.finish):
        with pytest.raises(Fenced):
            await write()
    await second.write("upon a time.")
    await second.finish()
    whole = fold("adopt", await plain(session))
    assert (whole.text, whole.runs["r"].state, whole.runs["r"].actor) == (
        "Once upon a time.",
        "complete",
        "second",
    )
    assert (await session.conversation()).to_json() == whole.to_json()


async def test_words_that_the_old_agent_wrote_while_its_lease_was_watched_are_not_lost(log):
    session = Session(log, "late-words")
    first = await session.start_run("first", "simulated", "r", window_s=0, ttl_s=TTL_S)
    await first.write("one ")
    await first.stop_listening()
    adopting = asyncio.create_task(session.adopt("r", "second", window_s=0, ttl_s=TTL_S))
    await asyncio.sleep(0)
    await first.write("two ")
    second = await asyncio.wait_for(adopting, 10)
    assert second.text == "one two "
    await second.write("three " * 200)
    await second.finish()
    assert (await session.conversation()).text == "one two " + "three " * 200
    done = [event for event in await plain(session) if event.kind == "text.done"]
    assert done[-1].data["chars"] == len("one two ") + 6 * 200


async def test_a_living_agent_is_not_adopted_even_where_its_clock_is_far_behind(log):
    session = Session(log, "alive")
    run = await session.start_run("first", "simulated", "r", ttl_s=LIVING_TTL_S)
    data = {"ttl_s": LIVING_TTL_S, "fence": run.fence}
    await log.append(
        Event("alive", "lease.renewed", "first", data, "old-clock", "r", time.time() - 3600)
    )
    with pytest.raises(Fenced, match="alive"):
        await session.adopt("r", "second")
    assert await session.end_orphans() == []
    await run.finish()
    with pytest.raises(LookupError, match="complete"):
        await session.adopt("r", "second")


@pytest.mark.parametrize("stated", [{}, {"ttl_s": "long"}, {"ttl_s": float("nan")}])
async def test_a_lease_that_another_program_wrote_without_a_time_is_waited_for_as_any_other(stated):
    session = Session(MemoryLog(), "strange")
    run = await session.start_run("agent", id="r", ttl_s=TTL_S)
    await run.stop_listening()
    await session.append("lease.renewed", "agent", stated, "r")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(TTL_S):
            await session.adopt("r", "heir")


async def test_a_run_that_was_adopted_is_not_kept_alive_by_the_one_it_was_taken_from(log):
    session = Session(log, "zombie-lease")
    first = await session.start_run("first", "simulated", "r", ttl_s=TTL_S)
    second = Session(log, "zombie-lease")
    heir = await _take(second, first)
    await until(lambda: _is(first.lost))
    leases = [event async for event in session.read(heir.fence, follow=False, lane="lease")]
    assert {event.actor for event in leases} == {"heir"}
    with pytest.raises(Fenced):
        await first.ask("may I?", 5)
    await heir.finish()


async def _take(session, run):
    """Adoption by force, as after a pause that the lease did not outlast."""
    from toolkit.sessions import Run

    heir = Run(session, "heir", run.id, window_s=0, ttl_s=TTL_S)
    await heir.take("run.adopted", {"from": run.actor}, run.fence)
    return heir


async def _is(value):
    return value


async def test_no_run_stays_streaming_past_its_lease(log):
    session = Session(log, "orphans")
    dead = [await session.start_run("a", "simulated", f"dead{n}", ttl_s=TTL_S) for n in range(5)]
    for run in dead:
        await run.write("half an ans")
        await run.stop_listening()
    alive = await session.start_run("b", "simulated", "alive", ttl_s=TTL_S)
    assert sorted(await session.end_orphans()) == [f"dead{n}" for n in range(5)]
    states = {id_: state.state for id_, state in (await session.conversation()).runs.items()}
    assert states == {**{f"dead{n}": "orphaned" for n in range(5)}, "alive": "active"}
    await alive.finish()


async def test_of_many_who_adopt_one_run_exactly_one_gets_it(log):
    session = Session(log, "race")
    await (await session.start_run("dead", "simulated", "r", ttl_s=TTL_S)).stop_listening()
    got = await asyncio.gather(
        *(session.adopt("r", f"heir{n}", ttl_s=TTL_S) for n in range(6)), return_exceptions=True
    )
    heirs = [one for one in got if not isinstance(one, BaseException)]
    assert len(heirs) == 1
    assert {type(one) for one in got if isinstance(one, BaseException)} == {Fenced}
    await heirs[0].finish()


async def test_a_run_that_has_ended_takes_no_more_words_and_no_second_end(log):
    session = Session(log, "ended")
    run = await session.start_run("a", "simulated", "r", window_s=0)
    await run.write("done.")
    again = await _take(session, run)
    await again.finish()
    with pytest.raises(Fenced):
        await run.finish()
    with pytest.raises(Fenced):
        await again.write("and another thing")
    kinds = [event.kind for event in await plain(session)]
    assert (kinds.count("run.finished"), kinds[-1]) == (1, "run.finished")


@pytest.mark.parametrize(
    "stored", [False, True], ids=["lost on the way there", "stored, and the answer lost"]
)
async def test_words_without_an_acknowledgement_are_neither_lost_nor_doubled(stored):
    log = Away(MemoryLog(), stored)
    run = await Session(log, "s").start_run("a", "simulated", "r", window_s=0)
    await run.write("one ")
    log.failures = 2
    for word in ("two ", "three "):
        with pytest.raises(LogUnavailable):
            await run.write(word)
    await run.write("four")
    await run.finish()
    assert (await Session(log, "s").conversation()).text == run.text == "one two three four"


async def test_a_write_whose_caller_was_cancelled_is_whole_and_in_its_place(log):
    session = Session(log, "cut")
    run = await session.start_run("a", "simulated", "r", window_s=0)
    writing = asyncio.create_task(run.write("one "))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])
    await run.write("two")
    await run.finish()
    assert (await session.conversation()).text == run.text
    assert run.text in {"one two", "two"}


async def test_steers_that_were_taken_are_not_taken_again_by_the_next_agent_and_a_cancel_is_heard(
    log,
):
    session = Session(log, "steers")
    first = await session.start_run("first", "simulated", "r", window_s=0, ttl_s=TTL_S)
    await session.steer("shorter", "r")
    await until(lambda: _is(bool(first.signals)))
    assert [one.data["text"] for one in await first.take_steers()] == ["shorter"]
    await first.write("short")
    await first.stop_listening()
    await session.steer("in French", "r")
    second = await session.adopt("r", "second", ttl_s=TTL_S)
    assert [one.data["text"] for one in await second.take_steers()] == ["in French"]
    await second.stop_listening()
    await session.cancel()
    third = await session.adopt("r", "third", ttl_s=TTL_S)
    assert await third.take_steers() == [], "a run that is to stop takes nothing more"
    assert third.cancelled
    await third.finish()
    assert third.outcome == "cancelled"


async def test_the_same_id_in_two_sessions_is_two_messages(log):
    await Session(log, "one").say("mine", id="m")
    await Session(log, "other").say("theirs", id="m")
    assert [event.data["text"] for event in await plain(Session(log, "other"))] == ["theirs"]


async def test_a_surface_that_crashed_is_no_longer_present_after_its_time(log):
    session = Session(log, "here")
    alive, brief = Surface(session, "laptop", ttl_s=0.4), Surface(session, "watch", ttl_s=0.4)
    # All that a phone leaves behind that joined, and then had no time to say more.
    await log.append(
        Event("here", "presence.renewed", "phone", {"ttl_s": 0.4}, "p", None, time.time())
    )
    await session.append("joined", "phone")
    for surface in (alive, brief):
        await surface.connect()
    assert await session.present() == {"phone", "laptop", "watch"}
    await brief.disconnect()
    assert await session.present() == {"phone", "laptop"}
    await until(lambda: _present(session, {"laptop"}))
    assert await session.present() == {"laptop"}
    await alive.disconnect()
    assert await session.present() == set()


async def _present(session, who):
    return await session.present() == who


@pytest.mark.nats
async def test_a_retry_after_the_dedupe_window_adds_nothing(tmp_path):
    window_s = 0.2
    async with (
        NatsServer(store=tmp_path) as server,
        await NatsLog.connect(server.url, window_s=window_s) as log,
    ):
        session = Session(log, "window")
        first = await session.say("once", id="chosen-by-the-caller")
        signal = await session.append("cancel", "phone", {}, "r", id="the-same-press")
        forgotten = new_event("window", "message", "x", {})
        await log.append(forgotten)

        async def the_server_has_forgotten():
            # An event with a fresh id and no more protection than the window: stored again once
            # that has passed.
            return not (await log.append(forgotten)).duplicate

        await until(the_server_has_forgotten)
        again = await Session(log, "window").say("once", id="chosen-by-the-caller")
        pressed = await session.append("cancel", "phone", {}, "r", id="the-same-press")
        assert (again.seq, again.duplicate, pressed.seq, pressed.duplicate) == (
            first.seq,
            True,
            signal.seq,
            True,
        )
        async with await NatsLog.connect(server.url) as other:
            assert (
                await Session(other, "window").say("once", id="chosen-by-the-caller")
            ).seq == first.seq
        kinds = [event.kind for event in await plain(session) if event.id != forgotten.id]
        assert kinds == ["message", "cancel"]


@pytest.mark.nats
async def test_a_batch_whose_first_event_is_stored_since_long_adds_the_others(tmp_path):
    async with (
        NatsServer(store=tmp_path) as server,
        await NatsLog.connect(server.url, window_s=0.2, deadline_s=5.0) as log,
    ):
        fresh = new_event("batch", "message", "ada", {"text": "once"})
        chosen = replace(fresh, id="chosen-by-the-caller")
        stored = await log.append(chosen)
        marker = new_event("batch", "message", "x", {})
        await log.append(marker)

        async def the_server_has_forgotten():
            return not (await log.append(marker)).duplicate

        await until(the_server_has_forgotten)
        other = new_event("batch", "message", "ada", {"text": "more"})
        first, second = await log.append_all([chosen, other])
        assert (first.seq, first.duplicate, second.duplicate) == (stored.seq, True, False)
        assert second.event.id == other.id


@pytest.mark.nats
async def test_an_event_that_timed_out_can_be_appended_again_however_late(tmp_path):
    async with (
        NatsServer(store=tmp_path) as server,
        await NatsLog.connect(server.url, window_s=0.2, deadline_s=2.0) as log,
    ):
        session, late = Session(log, "late"), new_event("late", "message", "x", {})
        await server.kill()
        with pytest.raises(LogUnavailable):
            await log.append(late)
        await server.restart()
        async with await NatsLog.connect(server.url) as other:
            stored = await other.append(late)

            async def forgotten():
                return time.time() > (stored.event.time or 0) + 1.0

            await until(forgotten)
        ack = await log.append(late)
        assert (ack.seq, ack.duplicate) == (stored.seq, True)
        assert len(await plain(session)) == 1


async def test_a_message_that_is_no_event_is_passed_over_and_named(tmp_path):
    import nats

    async with NatsServer(store=tmp_path) as server, await NatsLog.connect(server.url) as log:
        session = Session(log, "junk")
        ack = await session.say("before")
        client = await nats.connect(server.url)
        info = await client.jetstream().get_msg("FIELDBOOK", ack.seq)
        await client.jetstream().publish(info.subject, b"not an event")
        await client.close()
        assert [event.data["text"] async for event in session.read(follow=False)] == ["before"]
        await session.say("after")
        assert [event.data["text"] async for event in session.read(follow=False)] == [
            "before",
            "after",
        ]
        assert log.problems
        assert f"sequence {ack.seq + 1}" in str(log.problems[0])


async def test_what_a_run_cannot_take_is_refused_at_once_and_spoils_nothing():
    session = Session(MemoryLog(), "strict")
    with pytest.raises(ValueError, match="source"):
        await session.start_run("agent", source="foo")
    run = await session.start_run("agent", source="simulated")
    await run.write("good ")
    with pytest.raises(TypeError, match="words are a str"):
        await run.write(5)
    with pytest.raises(ValueError, match="ends as"):
        await run.finish("bogus")
    await run.write("words")
    await run.finish()
    with pytest.raises(Fenced, match="has ended"):
        await run.write(" late")
    assert (await session.conversation()).text == "good words"


async def test_words_longer_than_a_message_are_cut_and_a_message_that_long_is_refused_at_once(
    tmp_path,
):
    async with NatsServer(store=tmp_path) as server, await NatsLog.connect(server.url) as log:
        session = Session(log, "long")
        text = "bicycle \u2028" * 300_000
        run = await session.start_run("agent", source="simulated")
        await run.write(text)
        await run.finish()
        assert (await session.conversation()).text == text
        async with asyncio.timeout(5):
            with pytest.raises(TooLarge, match="the log takes"):
                await session.say(text)


async def test_an_event_of_any_kind_is_kept_even_one_called_unreadable(log):
    session = Session(log, "kinds")
    await session.append("unreadable", "user", {"n": 1})
    assert [event.data async for event in session.read(follow=False)] == [{"n": 1}]


async def test_an_event_that_the_log_refuses_keeps_nothing_back_that_comes_after_it(tmp_path):
    async with NatsServer(store=tmp_path) as server, await NatsLog.connect(server.url) as log:
        session = Session(log, "refused")
        run = await session.start_run("agent", "simulated", "r")
        await run.write("one ")
        call = await run.call_tool("look", {})
        with pytest.raises(TooLarge, match="the log takes"):
            await run.tool_result(call, "x" * 2_000_000)
        with pytest.raises(ValueError, match="serialize"):
            await run.append("note", {"data": object()})
        await run.write("two")
        await run.finish()
        known = await session.conversation()
        assert (known.text, known.runs["r"].intact, run.outcome) == ("one two", True, "complete")


@pytest.mark.parametrize("words", ["\0" * 60_000, "🚲" * 60_000], ids=["escaped", "wide"])
async def test_words_whose_snapshot_would_be_larger_than_a_message_end_like_any_other(
    tmp_path, words
):
    async with NatsServer(store=tmp_path) as server, await NatsLog.connect(server.url) as log:
        session = Session(log, "wide")
        run = await session.start_run("agent", "simulated", "r", window_s=0)
        for _ in range(10):
            await run.write(words)
        await run.finish()
        known = await session.conversation()
        assert (known.text, known.runs["r"].intact, known.runs["r"].state) == (
            words * 10,
            True,
            "complete",
        )


async def test_words_that_come_after_an_end_that_was_not_stored_belong_to_the_next_end():
    class Once(Away):
        async def append_all(self, events, fence=None):
            if self.failures:
                self.failures -= 1
                raise LogUnavailable("no answer")
            return await self.log.append_all(events, fence)

    session = Session(Once(MemoryLog(), stored=False), "again")
    run = await session.start_run("agent", "simulated", "r", window_s=0)
    await run.write("one ")
    session.log.failures = 1
    with pytest.raises(LogUnavailable):
        await run.finish()
    await run.write("two")
    await run.finish()
    known = await session.conversation()
    assert (known.text, known.runs["r"].intact) == ("one two", True)


@pytest.mark.nats
async def test_events_together_of_which_one_is_stored_already_are_stored_once_each(tmp_path):
    async with (
        NatsServer(store=tmp_path) as server,
        await NatsLog.connect(server.url, window_s=0.2) as log,
    ):
        session = Session(log, "partly")
        events = [
            session.event("message", "u", {"text": id_}, id=id_) for id_ in ("m1", "m2", "m3")
        ]
        first = await log.append(events[1])
        forgotten = new_event("partly", "message", "x", {})
        await log.append(forgotten)
        await until(lambda: _stored_again(log, forgotten))
        async with asyncio.timeout(10):
            acks = [await log.append_all(some) for some in (events[:2], events[1:])]
        assert [[ack.duplicate for ack in some] for some in acks] == [[False, True], [True, False]]
        assert acks[0][1].seq == acks[1][0].seq == first.seq


async def _stored_again(log, event):
    return not (await log.append(event)).duplicate


@pytest.mark.nats
async def test_whatever_asks_a_server_that_is_away_hears_of_it_by_the_deadline(tmp_path):
    async with (
        NatsServer(store=tmp_path) as server,
        await NatsLog.connect(server.url, window_s=0.2, deadline_s=1.0) as log,
        await NatsLog.connect(server.url) as patient,
    ):
        session, late = Session(log, "late"), new_event("late", "message", "x", {})
        first = await session.say("before")
        following = asyncio.create_task(anext(Session(patient, "late").read(first.seq)))
        await server.kill()
        # The second time, half of the dedupe window is over: the log is to be looked up.
        for ask in (
            lambda: log.append(late),
            lambda: log.append(late),
            session.conversation,
            session.present,
        ):
            async with asyncio.timeout(10):
                with pytest.raises(LogUnavailable):
                    await ask()
        assert not following.done()
        await server.restart()
        await until(lambda: _is_reachable(log))
        assert (await log.append(late)).seq == (await asyncio.wait_for(following, 20)).seq


async def _is_reachable(log):
    return log.reachable


async def test_who_attends_ends_what_another_agent_left_behind_and_leaves_the_living_alone(log):
    session = Session(log, "strays")
    dead = await session.start_run("dead", "simulated", "gone", ttl_s=TTL_S)
    await dead.write("half an ans")
    await dead.stop_listening()
    living = await session.start_run("helper", "simulated", "here", ttl_s=LIVING_TTL_S)

    async def agent(run, message):
        await run.write("Yes?")

    attending = asyncio.create_task(
        attend(session, agent, "agent", "simulated", orphans_each_s=0.1)
    )
    await until(lambda: _ended(session, "gone"))
    attending.cancel()
    await asyncio.wait([attending])
    runs = (await session.conversation()).runs
    assert (runs["gone"].state, runs["here"].state) == ("orphaned", "active")
    await living.finish()


async def _ended(session, run):
    return (await session.conversation()).runs[run].ended


@pytest.mark.parametrize(
    "wrong", [{"ttl_s": 0}, {"ttl_s": -5}, {"window_s": -1}, {"window_s": float("nan")}]
)
async def test_a_run_without_a_lease_or_with_a_window_below_zero_is_refused(wrong):
    with pytest.raises(ValueError, match="ttl_s above 0"):
        await Session(MemoryLog(), "wrong").start_run("agent", "simulated", **wrong)
