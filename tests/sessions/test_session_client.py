"""The short way through nats-py: taken where it may be, and nowhere else; it fits the nats-py that is installed."""

import asyncio

import nats
import pytest

from toolkit.sessions import NatsLog, Session
from toolkit.sessions.client import Client
from toolkit.sessions.log import LogClosed
from toolkit.sessions.publish import Publisher

pytestmark = pytest.mark.nats


@pytest.fixture
async def client(server):
    made = Client()
    await made.connect(server.url)
    yield made
    await made.close()


@pytest.fixture
async def heard(server):
    """What goes over the server, as (subject, payload, headers)."""
    other = await nats.connect(server.url)
    subscription = await other.subscribe("t.>")
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
        assert [event.data["text"] async for event in session.read(follow=False, lane="log")] == list("0123")
        assert built, "nats-py heard nothing: this test would see nothing"
        assert not [message for message in built if b"kind" in message.data and b"short" in message.data[:30]]


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
    ],
)
async def test_what_would_break_the_protocol_is_left_to_nats_py_which_refuses_it(client, heard, subject, told, error):
    with pytest.raises(error):
        await client.send(subject, b"payload", "", told, now=True)
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


async def test_too_long_a_payload_is_refused_before_a_byte_of_it_leaves(client, heard):
    with pytest.raises(nats.errors.MaxPayloadError):
        await client.send("t.long", b"x" * (client.max_payload + 1), "", {"Nats-Msg-Id": "1"}, now=True)
    await client.send("t.next", b"", "", {"Nats-Msg-Id": "2"}, now=True)
    assert (await heard())[0] == "t.next"


async def test_an_answer_that_nobody_waits_for_is_dropped_and_the_next_has_its_own(server, client):
    async with await NatsLog.connect(server.url):  # It makes the stream.
        publisher = Publisher(client)
        impatient = asyncio.create_task(publisher.publish("sess.late.log.q.evt.-", b"1", {"Nats-Msg-Id": "1"}))
        await asyncio.sleep(0)
        impatient.cancel()
        seq, again = await publisher.publish("sess.late.log.q.evt.-", b"2", {"Nats-Msg-Id": "2"})
        assert not again
        assert seq in {1, 2}
        assert client.answers == {}


async def test_a_write_without_an_answer_gives_up_in_time_and_forgets_it(server, client, monkeypatch):
    monkeypatch.setattr("toolkit.sessions.publish.PUBLISH_TIMEOUT_S", 0.2)
    deaf = await nats.connect(server.url)
    await deaf.subscribe("nobody.answers")
    await deaf.flush()
    with pytest.raises(TimeoutError):
        await Publisher(client).publish("nobody.answers", b"", {"Nats-Msg-Id": "1"})
    assert client.answers == {}
    await deaf.close()


async def test_a_subject_without_a_stream_is_said_at_once(client):
    with pytest.raises(nats.js.errors.NoStreamResponseError):
        await Publisher(client).publish("no.stream", b"", {"Nats-Msg-Id": "1"})


async def test_a_reader_lets_go_of_its_deliveries(server):
    async with await NatsLog.connect(server.url) as log:
        session = Session(log, "gone")
        await session.say("one")
        for _ in range(3):
            assert [event.data["text"] async for event in session.read(follow=False, lane="log")] == ["one"]
        assert log._client._deliver == {}


async def test_a_closed_connection_says_so_on_either_way(server):
    log = await NatsLog.connect(server.url)
    await Session(log, "s").say("one")
    await log.close()
    with pytest.raises(LogClosed):
        await Session(log, "s").say("two")
