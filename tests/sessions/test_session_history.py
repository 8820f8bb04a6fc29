"""Readers on JetStream whose history is taken away: purged, deleted, made anew, on an emptied
store.
"""

import asyncio
import shutil
from contextlib import aclosing, asynccontextmanager

import nats
import pytest
from nats.js.api import StreamConfig

from toolkit.sessions import (
    CursorLost,
    Extent,
    Fenced,
    LogUnavailable,
    NatsLog,
    NatsServer,
    Session,
    TooLarge,
)
from toolkit.sessions.nats.client import Client

pytestmark = pytest.mark.nats

DEADLINE_S = 30.0
CHECK_S = 0.2


@pytest.fixture
async def log(server):
    async with await NatsLog.connect(server.url, history_check_s=CHECK_S) as made:
        yield made


@asynccontextmanager
async def admin(server):
    """Somebody who may do anything to the streams."""
    client = await nats.connect(server.url)
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def follow(session, after=0, lane="log"):
    """A reader that follows, and the queue of what it is given; its error comes last."""
    seen = asyncio.Queue()

    async def read():
        try:
            async with aclosing(session.read(after, lane=lane)) as events:
                async for event in events:
                    seen.put_nowait(event)
        except CursorLost as error:
            seen.put_nowait(error)

    return asyncio.create_task(read()), seen


async def end_of(seen):
    """What the reader was told in the end."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            word = await seen.get()
            if isinstance(word, CursorLost):
                return word


async def purge(server):
    async with admin(server) as stream:
        await stream.purge_stream("FIELDBOOK")


async def purge_the_session(server):
    async with admin(server) as stream:
        await stream.purge_stream("FIELDBOOK", subject="sess.s.>")


async def purge_all_but_the_last(server):
    async with admin(server) as stream:
        await stream.purge_stream("FIELDBOOK", keep=1)


async def delete(server):
    async with admin(server) as stream:
        await stream.delete_stream("FIELDBOOK")


async def make_anew(server):
    async with admin(server) as stream:
        config = (await stream.stream_info("FIELDBOOK")).config
        await stream.delete_stream("FIELDBOOK")
        await stream.add_stream(config)


async def empty_the_store(server):
    await server.kill()
    await asyncio.to_thread(shutil.rmtree, server.log_file.parent / "jetstream")
    await server.restart()


HARM = [purge, purge_the_session, delete, make_anew, empty_the_store]


@pytest.mark.parametrize("lane", [None, "log", "quiet"])
@pytest.mark.parametrize("start", ["at the beginning", "at the end"])
@pytest.mark.parametrize("harm", [*HARM, purge_all_but_the_last])
async def test_a_reader_that_follows_learns_that_its_history_is_gone(
    server, log, harm, start, lane
):
    session = Session(log, "s")
    for n in range(3):
        last = await session.say(str(n))
    reading, seen = await follow(session, 0 if start == "at the beginning" else last.seq - 1, lane)
    async with asyncio.timeout(DEADLINE_S):
        while (await seen.get()).seq != last.seq:
            pass
    await harm(server)
    if harm is purge_all_but_the_last and start == "at the end":
        # what it has read is there still: nothing was taken from it
        await session.say("after")
        async with asyncio.timeout(DEADLINE_S):
            assert (await seen.get()).data == {"text": "after"}
        reading.cancel()
        await asyncio.wait([reading])
        return
    assert "begin anew" in str(await end_of(seen))
    await asyncio.wait_for(reading, DEADLINE_S)
    ack = await session.say("after")
    assert (await log.extent("s")).last == ack.seq
    rest = [event.data["text"] async for event in session.read(follow=False)]
    assert rest == (["2", "after"] if harm is purge_all_but_the_last else ["after"])


@pytest.mark.parametrize("harm", HARM)
async def test_a_reader_that_comes_back_with_an_old_cursor_is_told_at_once(server, log, harm):
    session = Session(log, "s")
    for n in range(5):
        last = await session.say(str(n))
    await harm(server)
    for follow_on in (True, False):
        async with (
            asyncio.timeout(DEADLINE_S),
            aclosing(session.read(last.seq, follow=follow_on)) as events,
        ):
            with pytest.raises(CursorLost):
                await anext(events)
    assert await log.extent("s") == Extent(None, 0)
    assert [event async for event in session.read(follow=False)] == []


@pytest.mark.parametrize("harm", HARM)
async def test_a_log_whose_stream_is_gone_makes_it_again_and_goes_on(server, log, harm):
    session = Session(log, "s")
    await session.say("before")
    run = await session.start_run("agent", "simulated", "r")
    await harm(server)
    async with asyncio.timeout(DEADLINE_S):
        acks = await asyncio.gather(*[session.say(f"after {n}") for n in range(20)])
    assert len({ack.seq for ack in acks}) == 20
    stored = [
        event.data["text"] async for event in session.read(follow=False) if event.kind == "message"
    ]
    assert sorted(stored) == sorted(f"after {n}" for n in range(20))
    with pytest.raises(Fenced):  # the run is of the history before
        await run.append("note", {})
    await run.stop_listening()


@pytest.mark.parametrize("harm", HARM)
async def test_a_reader_without_a_cursor_that_has_read_nothing_goes_on(server, log, harm):
    session = Session(log, "s")
    await Session(log, "another").say("hello")
    reading, seen = await follow(session)
    await harm(server)
    await session.say("first")
    async with asyncio.timeout(DEADLINE_S):
        assert (await seen.get()).data == {"text": "first"}
    reading.cancel()
    await asyncio.wait([reading])


async def test_events_that_a_stream_lets_go_by_its_own_settings_do_not_send_readers_back(tmp_path):
    async with NatsServer(store=tmp_path) as server:
        async with admin(server) as stream:
            config = StreamConfig("FIELDBOOK", subjects=["sess.>"], max_msgs=3, allow_direct=True)
            config.allow_rollup_hdrs = True
            await stream.add_stream(config)
        async with await NatsLog.connect(server.url, history_check_s=0.0) as log:
            session = Session(log, "s")
            reading, seen = await follow(session)
            for n in range(20):
                await session.say(str(n))
                async with asyncio.timeout(DEADLINE_S):
                    assert (await seen.get()).data == {"text": str(n)}
            reading.cancel()
            await asyncio.wait([reading])
            with pytest.raises(CursorLost):
                await anext(session.read(3))
            assert [event.data["text"] async for event in session.read(follow=False)] == [
                "17",
                "18",
                "19",
            ]


async def test_snapshots_of_words_that_were_purged_are_not_shown(server, log):
    session = Session(log, "s")
    run = await session.start_run("agent", "simulated", "r", window_s=0)
    for n in range(30):
        await run.write(f"{n} " * 40)
    await run.finish()
    async with admin(server) as stream:
        await stream.purge_stream("FIELDBOOK", subject="sess.s.log.>")
    assert [event async for event in session.read(follow=False)] == []
    assert (await session.conversation()).text == ""


@pytest.mark.parametrize("setting", ["server", "stream"])
async def test_what_a_server_or_a_stream_takes_is_known_and_a_larger_event_is_refused(
    tmp_path, setting
):
    async with NatsServer(
        store=tmp_path, settings=["max_payload: 16384"] if setting == "server" else []
    ) as server:
        if setting == "stream":
            async with admin(server) as stream:
                config = StreamConfig(
                    "FIELDBOOK", subjects=["sess.>"], max_msg_size=16384, allow_direct=True
                )
                config.allow_rollup_hdrs = True
                await stream.add_stream(config)
        async with await NatsLog.connect(server.url) as log:
            session = Session(log, "s" * 128)
            assert log.max_event_bytes == 16384 - 1024
            run = await session.start_run("agent", "simulated", "r" * 128)
            empty = len(
                log._jetstream.payload(session.event("note", "agent", {"text": ""}, "r" * 128))
            )
            fits = "x" * (log.max_event_bytes - empty - 16)
            first = await run.append("note", {"text": fits})
            with pytest.raises(
                TooLarge, match=r"16,\d\d\d bytes as JSON, and the log takes 15,360"
            ):
                await session.say("x" * 15_900)
            assert (await session.say("and on")).seq > first.seq
            await run.finish()


async def test_ids_of_writes_that_succeeded_or_were_refused_are_forgotten(server, log):
    session = Session(log, "s")
    await session.say("stored", id="same")
    await session.say("stored", id="same")
    run = await session.start_run("agent", "simulated", "r")
    await run.finish()
    with pytest.raises(Fenced):
        await session.start_run("agent", "simulated", "r")
    with pytest.raises(ValueError, match="the log takes"):
        await session.say("x" * 2_000_000)
    assert log._writes.tried.first == {}


async def test_of_writes_that_were_given_up_only_the_newest_are_remembered(server):
    client = await Client.dial(server.url, 10)
    async with NatsLog(client, "os", deadline_s=0.0, max_given_up=5) as log:
        session = Session(log, "s")
        await server.kill()
        for n in range(9):
            with pytest.raises(LogUnavailable):
                await session.say(str(n), id=f"m{n}")
        assert [key.removeprefix("s.") for key in log._writes.tried.first] == [
            "m4",
            "m5",
            "m6",
            "m7",
            "m8",
        ]
