"""What goes over the wire, seen by readers that were written from the docstring of
`toolkit.sessions.http.app` alone.
"""

import asyncio
import inspect
import json
import logging
import textwrap
from contextlib import asynccontextmanager

import httpx
import pytest
import websockets

from toolkit.sessions import MemoryLog, NatsLog, NatsServer, Session, attend, http
from toolkit.sessions.http.app import Tokens, serve, speaking

DEADLINE_S = 20
WORDS = [f"word{n} " for n in range(1000)]


async def one_word(text):
    yield f"[{text}]"


async def answering(session):
    await attend(session, speaking(one_word), "agent", "simulated")


@asynccontextmanager
async def site(log=None, attendant=None, **options):
    log = MemoryLog() if log is None else log
    async with (
        asyncio.timeout(60),
        serve(log, None, attendant, beat_s=0.2, **options) as url,
        httpx.AsyncClient(trust_env=False, timeout=DEADLINE_S) as client,
    ):
        yield Session(log, "s"), f"{url}/sessions/s", client


def socket(address, **params):
    url = httpx.URL(f"{address.replace('http', 'ws')}/ws", params=params)
    return websockets.connect(str(url), proxy=None, max_size=None)


async def until(feed, name):
    """The messages of a WebSocket up to the first of this name, which is the last."""
    got = []
    async with asyncio.timeout(DEADLINE_S):
        while not got or name not in got[-1]:
            got.append(json.loads(await feed.recv()))
    return got


async def stored(session):
    return [event.kind async for event in session.read(follow=False)]


def client_of_the_docstring():
    """The function `follow`, which the documentation shows."""
    lines = (
        inspect.cleandoc(http.app.__doc__)
        .split("This reader shows the right text", 1)[1]
        .split("::\n", 1)[1]
    )
    code = []
    for line in lines.splitlines():
        if line.strip() and not line.startswith("    "):
            break
        code.append(line)
    source = textwrap.dedent("\n".join(code)).strip()
    names = {"httpx": httpx, "json": json}
    exec(source, names)
    return names["follow"], source


async def test_a_client_of_twenty_lines_shows_the_right_text_after_it_resumed_in_mid_answer():
    follow, source = client_of_the_docstring()
    assert len([line for line in source.splitlines() if line.strip()]) <= 24
    log, tokens, words, cursor = MemoryLog(), Tokens(), {}, 0
    async with asyncio.timeout(60), serve(log, tokens, beat_s=0.2) as url:
        session = Session(log, "s")
        run = await session.start_run("agent", "simulated", "r", window_s=0)
        written = 0
        for upto in (10, 400, 1000):
            secret = tokens.issue("s")
            headers = {"authorization": f"Bearer {secret}"}
            address = f"{url}/sessions/s/events"
            reading = asyncio.create_task(
                asyncio.to_thread(follow, address, headers, words, cursor)
            )
            for word in WORDS[written:upto]:
                await run.write(word)
            if upto == 1000:
                await run.finish()
            while words.get("r", "") != "".join(WORDS[:upto]):
                await asyncio.sleep(0.02)
            tokens.revoke(secret)  # which ends the connection
            cursor = await reading
            for word in WORDS[upto : upto + 200]:  # while nobody reads
                await run.write(word)
            written = upto + 200
        assert words == {"r": "".join(WORDS)}


@pytest.mark.parametrize("cursor", [{"after": 99_999}, {"after": 1, "first": "of-another-history"}])
async def test_a_cursor_of_another_history_is_told_so_and_the_reader_gets_what_is_there(
    log, cursor
):
    async with site(log) as (session, address, client):
        said = [await session.say(f"message {n}") for n in range(3)]
        async with socket(address, **cursor) as ws:
            got = await until(ws, "live")
            assert list(got[0]) == ["reset", "cursor"]
            assert (got[0]["cursor"], bool(got[0]["reset"]["why"])) == (0, True)
            assert [message["event"]["id"] for message in got[1:-1]] == [
                ack.event.id for ack in said
            ]
            assert got[-1]["live"]["first"] == said[0].event.id
            later = await session.say("later")
            assert (await until(ws, "event"))[-1]["cursor"] == later.seq
        frames = []
        async with (
            asyncio.timeout(DEADLINE_S),
            client.stream("GET", f"{address}/events", params=cursor) as answer,
        ):
            async for line in answer.aiter_lines():
                frames.append(line)
                if line == "event: live":
                    break
        assert "id: 0" in frames
        assert frames[frames.index("id: 0") + 1] == "event: reset"
        assert (
            sum(line.startswith("data: ") and '"kind": "message"' in line for line in frames) == 4
        )


async def test_a_cursor_of_this_history_is_not_reset(log):
    async with site(log) as (session, address, _):
        first, second = await session.say("one"), await session.say("two")
        for params in (
            {"after": second.seq},
            {"after": second.seq, "first": first.event.id},
            {"first": ""},
            {},
        ):
            async with socket(address, **params) as ws:
                assert all("reset" not in message for message in await until(ws, "live"))


@pytest.mark.nats
async def test_a_reader_learns_at_once_that_the_history_was_purged_while_it_read(tmp_path):
    async with (
        NatsServer(store=tmp_path) as server,
        await NatsLog.connect(server.url) as log,
        site(log) as (session, address, _),
    ):
        for n in range(5):
            await session.say(f"message {n}")
        async with socket(address) as ws:
            await until(ws, "live")
            await purge(server)
            async with asyncio.timeout(DEADLINE_S):
                while "reset" not in (message := json.loads(await ws.recv())):
                    assert "event" not in message
            await until(ws, "live")
            said = await session.say("after the purge")
            assert (await until(ws, "event"))[-1]["event"]["id"] == said.event.id


async def purge(server):
    import nats

    client = await nats.connect(server.url)
    jetstream = client.jetstream()
    for stream in await jetstream.streams_info():
        await jetstream.purge_stream(stream.config.name)
    await client.close()


@pytest.mark.parametrize("path", ["", "/events"])
async def test_a_head_ends_at_once_writes_nothing_and_wakes_nobody(path):
    woken = []

    async def attendant(session):
        woken.append(session.id)

    async with site(attendant=attendant) as (session, address, client):
        answer = await client.head(f"{address}{path}", params={"name": "phone"}, timeout=3)
        assert (answer.status_code, answer.content) == (200, b"")
        assert (await client.head(f"{address}/ws")).status_code in (404, 405)
        assert await stored(session) == []
    assert woken == []


async def test_a_proxy_is_told_not_to_hold_the_stream_back():
    async with site() as (_, address, client), client.stream("GET", f"{address}/events") as answer:
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["content-type"].startswith("text/event-stream")


async def test_a_message_s_answer_names_the_run_that_will_answer_it(log):
    async with site(log, answering) as (session, address, client):
        posted = (await client.post(f"{address}/say", json={"text": "hello"})).json()
        async with socket(address) as ws:
            await ws.send(json.dumps({"do": "say", "text": "and again"}))
            over_socket = (await until(ws, "ack"))[-1]["ack"]
        async with asyncio.timeout(DEADLINE_S):
            async for _ in session.read():
                runs = (await session.conversation()).runs
                if len(runs) == 2 and all(run.ended for run in runs.values()):
                    break
        assert list(runs) == [posted["run"], over_socket["run"]]


NOBODY = [
    ("cancel", {}, "no run is under way"),
    ("cancel", {"run": "none"}, "there is no run none"),
    ("steer", {"text": "shorter"}, "no run is under way"),
    ("interrupt", {"text": "no"}, "no run is under way"),
    ("approve", {"request": "x" * 32, "answer": True}, "no open question"),
    ("cancel", {"run": "ended"}, "has ended"),
    ("steer", {"run": "ended", "text": "shorter"}, "has ended"),
]


@pytest.mark.parametrize(("do", "body", "why"), NOBODY)
async def test_a_signal_that_can_reach_nobody_is_refused_and_not_stored(log, do, body, why):
    async with site(log) as (session, address, client):
        await (await session.start_run("agent", "simulated", "ended")).finish()
        before = await stored(session)
        answer = await client.post(f"{address}/{do}", json=body)
        assert (answer.status_code, why in answer.json()["error"]) == (409, True)
        async with socket(address) as ws:
            await ws.send(json.dumps({"do": do, **body}))
            refused = (await until(ws, "error"))[-1]
            assert (refused["status"], why in refused["error"]) == (409, True)
        assert await stored(session) == before


async def test_a_late_yes_is_told_that_the_question_was_settled():
    async with site() as (session, address, client):
        run = await session.start_run("agent", "simulated", "r")
        assert await run.ask("Pay 100?", 0.05) is None
        [question] = [e.id async for e in session.read(follow=False) if e.kind == "approval.asked"]
        before = await stored(session)
        late = await client.post(f"{address}/approve", json={"request": question, "answer": True})
        assert (late.status_code, "settled already" in late.json()["error"]) == (409, True)
        assert await stored(session) == before
        await run.finish()


@pytest.mark.nats
async def test_what_is_larger_than_the_log_takes_is_413_and_the_socket_lives(tmp_path):
    settings = ["max_payload: 16384"]
    async with (
        NatsServer(store=tmp_path, settings=settings) as server,
        await NatsLog.connect(server.url) as log,
        site(log) as (session, address, client),
    ):
        answer = await client.post(f"{address}/say", json={"text": "x" * 19_000})
        assert (answer.status_code, "bytes" in answer.json()["error"]) == (413, True)
        async with socket(address) as ws:
            for order in ("y" * 19_000, "z" * 70_000):
                await ws.send(json.dumps({"do": "say", "text": order}))
                assert (await until(ws, "error"))[-1]["status"] in (400, 413)
            await ws.send(b"\x00")
            assert (await until(ws, "error"))[-1]["status"] == 400
            await ws.send(json.dumps({"do": "say", "text": "short"}))
            assert (await until(ws, "ack"))[-1]["ack"]["id"]
        assert await stored(session) == ["message"]


class Broken(MemoryLog):
    """A log with a bug that messages bring out."""

    async def append_all(self, events, fence=None):
        if any(event.kind == "message" for event in events):
            raise ZeroDivisionError("a bug")
        return await super().append_all(events, fence)


async def test_what_nobody_foresaw_is_logged_with_its_traceback_and_told_to_the_session(caplog):
    caplog.set_level(logging.ERROR)
    async with site(Broken()) as (session, address, client):
        async with socket(address) as ws:
            answer = await client.post(f"{address}/say", json={"text": "hello"})
            assert (answer.status_code, "a bug" in answer.json()["error"]) == (500, True)
            await ws.send(json.dumps({"do": "say", "text": "hello"}))
            got = await until(ws, "error")
            assert got[-1]["status"] == 500
        errors = [e.data["why"] async for e in session.read(follow=False) if e.kind == "error"]
        assert len(errors) == 2
        assert all("an order failed" in why and "a bug" in why for why in errors)
    tracebacks = [
        record
        for record in caplog.records
        if record.exc_info and "a bug" in str(record.exc_info[1])
    ]
    assert len(tracebacks) == 2
