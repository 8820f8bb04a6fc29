"""The short way through nats-py: taken where it may be, and nowhere else; it fits the nats-py that
is installed.
"""

import asyncio
import os
import signal
from contextlib import suppress

import nats
import psutil
import pytest

from toolkit.records import encode
from toolkit.sessions import LogUnavailable, NatsLog, NatsServer, Session, TooLarge
from toolkit.sessions.log import LogClosed
from toolkit.sessions.nats.client import Client
from toolkit.sessions.nats.publish import Publisher

pytestmark = pytest.mark.nats

MEGABYTE = 1 << 20
"""What a server takes in one message, headers included."""


@pytest.fixture
async def client(server):
    made = await Client.dial(server.url, 10)
    yield made
    await made.hang_up()


@pytest.fixture
async def heard(server):
    """What goes over the server, as (subject, payload, headers)."""
    other = await nats.connect(server.url)
    subscription = await other.subscribe("t.>")
    for _ in range(2):  # nats-py lets its first PING overtake the subscription.
        await other.flush()

    async def next_one():
        message = await subscription.next_msg(5)
        return message.subject, message.data, message.headers

    yield next_one
    await other.close()


def watched(monkeypatch, owner, name):
    """What calls of `owner.name` returned, from now on."""
    real, seen = getattr(owner, name), []

    def call(*arguments):
        seen.append(real(*arguments))
        return seen[-1]

    monkeypatch.setattr(owner, name, call)
    return seen


async def test_a_lone_write_goes_to_the_socket_at_once(server, monkeypatch):
    async with await NatsLog.connect(server.url) as log:
        session = Session(log, "short")
        await session.say("first")  # It subscribes to the answers.
        put = watched(monkeypatch, Client, "_put")
        acks = [await session.say(f"{n}") for n in range(3)]
        assert put == [True] * 3
        assert [ack.event.seq for ack in acks] == [2, 3, 4]


async def test_a_delivery_comes_without_what_its_writer_told_the_server(server, monkeypatch):
    async with await NatsLog.connect(server.url) as log:
        session = Session(log, "short")
        for n in range(4):
            await session.say(f"{n}")
        built = watched(monkeypatch, Client, "_build_message")
        assert [
            event.data["text"] async for event in session.read(follow=False, lane="log")
        ] == list("0123")
        assert built, "nats-py heard nothing: this test would see nothing"
        assert not [
            message
            for message in built
            if b"kind" in message.data and b"short" in message.data[:30]
        ]


async def test_writes_side_by_side_share_their_way_to_the_socket(server, monkeypatch):
    async with await NatsLog.connect(server.url) as log:
        session = Session(log, "many")
        await session.say("first")
        put = watched(monkeypatch, Client, "_put")
        acks = await asyncio.gather(*[session.say(f"{n}") for n in range(50)])
        assert put == [True]
        assert sorted(ack.event.seq for ack in acks) == list(range(2, 52))


@pytest.mark.parametrize(
    ("subject", "told", "error"),
    [
        ("t.a b", {"Nats-Msg-Id": "1"}, nats.errors.BadSubjectError),
        ("t.a\r\nPUB t.evil 0", {"Nats-Msg-Id": "1"}, nats.errors.BadSubjectError),
        ("t.a", {"Nats\r\nEvil": "1"}, nats.errors.BadHeaderError),
        ("t.a", {"a b": "1"}, nats.errors.BadHeaderError),
        ("", {"Nats-Msg-Id": "1"}, nats.errors.BadSubjectError),
    ],
)
async def test_what_would_break_the_protocol_is_left_to_nats_py_which_refuses_it(
    client, heard, subject, told, error
):
    with pytest.raises(error):
        await client.send(subject, b"payload", "", told, now=True)
    with pytest.raises(nats.errors.BadSubjectError):
        await client.send(
            "t.a", b"payload", "r\r\nPUB t.evil 0\r\n", {"Nats-Msg-Id": "1"}, now=True
        )
    await client.send("t.next", b"", "", {"Nats-Msg-Id": "2"}, now=True)
    assert await heard() == ("t.next", b"", {"Nats-Msg-Id": "2"})


async def test_a_header_cannot_smuggle_in_another(client, heard):
    await client.send("t.a", b"x", "", {"Nats-Msg-Id": "1\r\nNats-Rollup: all"}, now=True)
    _, payload, headers = await heard()
    assert payload == b"x"
    assert headers.keys() == {"Nats-Msg-Id"}


async def test_what_is_written_at_once_keeps_its_place(client, heard):
    for n in range(0, 40, 2):
        await client.publish("t.slow", str(n).encode())
        await client.send("t.now", str(n + 1).encode(), "", {"Nats-Msg-Id": str(n)}, now=True)
    assert [int((await heard())[1]) for _ in range(40)] == list(range(40))


@pytest.mark.parametrize("over", [1, 1 - len(b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n")])
async def test_too_long_a_message_is_refused_before_a_byte_of_it_leaves(client, heard, over):
    with pytest.raises(nats.errors.MaxPayloadError):
        await client.send(
            "t.long", b"x" * (client.max_payload + over), "", {"Nats-Msg-Id": "1"}, now=True
        )
    await client.send("t.next", b"", "", {"Nats-Msg-Id": "2"}, now=True)
    assert (await heard())[0] == "t.next"


async def test_an_answer_that_nobody_waits_for_is_dropped_and_the_next_has_its_own(server, client):
    async with await NatsLog.connect(server.url):  # It makes the stream.
        publisher = Publisher(client)
        impatient = asyncio.create_task(
            publisher.publish("sess.late.log.q.evt.-", b"1", {"Nats-Msg-Id": "1"})
        )
        await asyncio.sleep(0)
        impatient.cancel()
        seq, again = await publisher.publish("sess.late.log.q.evt.-", b"2", {"Nats-Msg-Id": "2"})
        assert not again
        assert seq in {1, 2}
        assert client.answers == {}


async def test_a_write_without_an_answer_gives_up_in_time_and_forgets_it(server, client):
    deaf = await nats.connect(server.url)
    await deaf.subscribe("nobody.answers")
    for _ in range(2):
        await deaf.flush()
    with pytest.raises(TimeoutError):
        await Publisher(client, timeout_s=0.2).publish("nobody.answers", b"", {"Nats-Msg-Id": "1"})
    assert client.answers == {}
    await deaf.close()


async def test_a_subject_without_a_stream_is_said_at_once(client):
    with pytest.raises(nats.js.errors.NoStreamResponseError):
        await Publisher(client).publish("no.stream", b"", {"Nats-Msg-Id": "1"})


@pytest.mark.parametrize("loops", [0, 1, 2, 3, 5, 8, 13])
async def test_a_reader_that_is_cancelled_while_it_opens_leaves_nothing_behind(server, loops):
    async with await NatsLog.connect(server.url) as log:
        session = Session(log, "gone")
        await session.say("one")
        before = asyncio.all_tasks()
        for _ in range(10):
            reading = asyncio.create_task(anext(session.read(lane="control")))
            for _ in range(loops):
                await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading], timeout=5)
        async with asyncio.timeout(5):
            while asyncio.all_tasks() - before:
                await asyncio.sleep(0.01)
        assert [event.data["text"] async for event in session.read(follow=False, lane="log")] == [
            "one"
        ]


async def test_an_event_that_is_too_long_by_its_headers_alone_is_refused_and_the_log_lives_on(
    server,
):
    async with await NatsLog.connect(server.url) as log:
        session = Session(log, "long")
        await session.say("first")
        empty = len(encode(session.event("message", "ada", {"text": ""})).encode())
        with pytest.raises(TooLarge, match="the log takes"):
            await session.say("x" * (MEGABYTE - empty - 8), actor="ada")
        assert (await session.say("second")).event.seq == 2


async def test_writers_that_a_stopped_server_keeps_waiting_give_up_in_time(server):
    async with await NatsLog.connect(server.url, deadline_s=2.0) as log:
        session = Session(log, "stopped")
        await session.say("before")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(15):
                crowd = [session.say("x" * 200_000) for _ in range(40)] + [
                    session.say("y") for _ in range(500)
                ]
                ends = await asyncio.gather(*crowd, return_exceptions=True)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert {type(end) for end in ends} == {LogUnavailable}
        assert log._client.pending_data_size < 2 * MEGABYTE
        assert (await session.say("after")).event.data == {"text": "after"}


async def test_messages_that_nats_py_would_hold_back_for_ever_give_up_in_time_too(tmp_path):
    roomy = NatsServer(store=tmp_path, settings=["max_payload: 8MB"])
    async with roomy as server, await NatsLog.connect(server.url, deadline_s=2.0) as log:
        session = Session(log, "stopped")
        await session.say("before")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(15):
                ends = await asyncio.gather(
                    *[session.say("x" * 3 * MEGABYTE) for _ in range(6)], return_exceptions=True
                )
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert {type(end) for end in ends} == {LogUnavailable}


async def test_a_delivery_that_is_lost_on_its_way_is_noticed_and_read_again(server, monkeypatch):
    async with await NatsLog.connect(server.url) as log:
        session, real, seen = Session(log, "gap"), Client._process_msg, []

        def lossy(self, sid, subject, reply, data, headers):
            if reply.startswith(b"$JS.ACK."):
                seen.append(data)
                reply = b"" if len(seen) == 3 else reply
                sid = 10**6 if len(seen) == 3 else sid
            return real(self, sid, subject, reply, data, headers)

        for n in range(6):
            await session.say(f"{n}")
        monkeypatch.setattr(Client, "_process_msg", lossy)
        async with asyncio.timeout(20):
            assert [
                event.data["text"] async for event in session.read(follow=False, lane="log")
            ] == list("012345")
        assert len(seen) > 6


async def test_another_nats_py_that_calls_no_shortcut_only_takes_longer(server, monkeypatch):
    monkeypatch.delattr(Client, "_process_msg")
    monkeypatch.setattr(Client, "_put", lambda *_: False)
    async with asyncio.timeout(20), await NatsLog.connect(server.url) as log:
        session = Session(log, "slow")
        for n in range(20):
            await session.say(f"{n}")
        assert [event.data["text"] async for event in session.read(follow=False)] == [
            f"{n}" for n in range(20)
        ]


async def test_a_closed_connection_says_so_on_either_way(server):
    log = await NatsLog.connect(server.url)
    await Session(log, "s").say("one")
    await log.close()
    with pytest.raises(LogClosed):
        await Session(log, "s").say("two")
    with pytest.raises(LogClosed):
        await anext(Session(log, "s").read())


async def test_a_write_under_way_learns_at_once_that_its_log_is_closed(server):
    log = await NatsLog.connect(server.url)
    await Session(log, "s").say("one")
    os.kill(server.pid, signal.SIGSTOP)
    async with asyncio.timeout(10):
        while psutil.Process(server.pid).status() != psutil.STATUS_STOPPED:
            await asyncio.sleep(0.01)
    try:
        writing = asyncio.create_task(Session(log, "s").say("two"))
        await asyncio.sleep(0.05)
        await log.close()
        with pytest.raises(LogClosed):
            await asyncio.wait_for(writing, 0.7)
    finally:
        os.kill(server.pid, signal.SIGCONT)


class DeafClient(Client):
    """A client whose connecting swallows a cancellation, as nats-py's does now and then."""

    async def connect(self, *servers, **options):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()


async def test_a_connection_that_swallows_its_cancellation_keeps_nobody_beyond_the_deadline():
    async with asyncio.timeout(10):
        with pytest.raises(LogUnavailable, match=r"within 0\.1 s"):
            await DeafClient.dial("nats://127.0.0.1:9", timeout_s=0.1)
