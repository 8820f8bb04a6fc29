"""Attendants of a served session: started when needed, let go when idle, and their errors are told."""

import asyncio
import logging
from contextlib import asynccontextmanager
from itertools import pairwise

import httpx
import websockets

from toolkit.sessions import MemoryLog, Session, attend
from toolkit.sessions.http.app import serve, speaking
from toolkit.sessions.http.attendants import Attendants, KnownSessions

DEADLINE_S = 20


async def one_word(text):
    yield f"[{text}]"


@asynccontextmanager
async def site(attendant, **options):
    log = MemoryLog()
    async with (
        asyncio.timeout(60),
        serve(log, None, attendant, beat_s=0.2, **options) as url,
        httpx.AsyncClient(trust_env=False, timeout=DEADLINE_S) as client,
    ):
        yield log, f"{url}/sessions", client


async def until(ready):
    async with asyncio.timeout(DEADLINE_S):
        while not await ready():
            await asyncio.sleep(0.02)


async def test_an_attendant_that_fails_is_told_at_once_and_the_next_message_starts_another(caplog):
    caplog.set_level(logging.ERROR)
    starts = []

    async def attendant(session):
        starts.append(session.id)
        if len(starts) < 3:
            raise ZeroDivisionError(f"failure {len(starts)}")
        await attend(session, speaking(one_word), "agent", "simulated")

    async with site(attendant) as (log, address, client):
        session = Session(log, "s")

        async def errors():
            return [e.data["why"] async for e in session.read(follow=False) if e.kind == "error"]

        for n in (1, 2):
            assert (
                await client.post(f"{address}/s/say", json={"text": f"message {n}"})
            ).status_code == 200

            async def told(n=n):
                return len(await errors()) >= n

            await until(told)
        assert all("attendant failed" in why for why in await errors())
        await client.post(f"{address}/s/say", json={"text": "message 3"})

        async def answered():
            return "[message 3]" in (await session.conversation()).text

        await until(answered)
        assert (await session.conversation()).text == "[message 1][message 2][message 3]"
    shown = [
        record
        for record in caplog.records
        if record.exc_info and "failure" in str(record.exc_info[1])
    ]
    assert len(shown) == 2


async def test_the_pause_before_a_failing_attendant_starts_again_doubles_and_is_bounded():
    log = MemoryLog()
    loop = asyncio.get_running_loop()
    starts = []

    async def attendant(session):
        starts.append(loop.time())
        raise ZeroDivisionError("a bug")

    attendants = Attendants(
        attendant, KnownSessions(log), idle_s=60, backoff_s=0.1, backoff_max_s=0.3
    )
    async with asyncio.timeout(DEADLINE_S):
        while len(starts) < 6:
            attendants.wake(Session(log, "s"))
            await asyncio.sleep(0.005)
    await attendants.close()
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    for pause, at_least in zip(pauses, (0.1, 0.2, 0.3, 0.3, 0.3), strict=True):
        assert at_least <= pause < at_least + 0.5


async def test_an_idle_attendant_is_let_go_and_comes_back_when_it_is_needed():
    started, ended = [], []

    async def attendant(session):
        started.append(session.id)
        try:
            await attend(session, speaking(one_word), "agent", "simulated")
        finally:
            ended.append(session.id)

    async with site(attendant, idle_s=0.2) as (log, address, client):
        await client.post(f"{address}/s/say", json={"text": "one"})

        async def let_go():
            return ended

        await until(let_go)
        assert (await Session(log, "s").conversation()).text == "[one]"
        await client.post(f"{address}/s/say", json={"text": "two"})

        async def answered():
            return (await Session(log, "s").conversation()).text == "[one][two]"

        await until(answered)
        assert len(started) == 2


async def test_a_message_that_comes_while_an_idle_attendant_ends_is_answered():
    log, ending = MemoryLog(), asyncio.Event()

    async def attendant(session):
        try:
            await attend(session, speaking(one_word), "agent", "simulated")
        finally:
            ending.set()
            await asyncio.sleep(0.2)  # it tidies up

    attendants = Attendants(attendant, KnownSessions(log), idle_s=0.1)
    session = Session(log, "s")

    async def answers(text):
        return (await session.conversation()).text == text

    attendants.wake(session)
    await session.say("one")
    await until(lambda: answers("[one]"))
    await asyncio.wait_for(ending.wait(), DEADLINE_S)
    attendants.wake(session)
    await session.say("two")
    attendants.wake(session)
    await until(lambda: answers("[one][two]"))
    await attendants.close()


async def test_an_attendant_stays_while_somebody_is_connected_and_while_a_run_is_under_way():
    go_on = asyncio.Event()
    ended = []

    async def slowly(text):
        yield "so "
        await go_on.wait()
        yield "far"

    async def attendant(session):
        try:
            await attend(session, speaking(slowly), "agent", "simulated")
        finally:
            ended.append(session.id)

    async with site(attendant, idle_s=0.1) as (log, address, client):
        socket = f"{address.replace('http', 'ws')}/connected/ws"
        async with websockets.connect(socket, proxy=None):
            await client.post(f"{address}/busy/say", json={"text": "hello"})
            await client.post(f"{address}/idle/say", json={"text": "hello"})
            assert (await client.post(f"{address}/idle/cancel")).status_code == 200

            async def the_idle_one_is_let_go():
                return ended == ["idle"]

            await until(the_idle_one_is_let_go)
            go_on.set()

            async def both_idle_ones_are_let_go():
                return ended == ["idle", "busy"]

            await until(both_idle_ones_are_let_go)
        assert (await Session(log, "busy").conversation()).text == "so far"


async def test_200_closed_connections_to_200_sessions_leave_no_task():
    async def attendant(session):
        await attend(session, speaking(one_word), "agent", "simulated")

    async with site(attendant, idle_s=0.2) as (_, address, client):
        before = asyncio.all_tasks()
        for n in range(200):
            async with client.stream("GET", f"{address}/s{n}/events") as answer:
                assert answer.status_code == 200

        async def as_before():
            return len(asyncio.all_tasks()) <= len(before) + 1  # the client's own connection

        await until(as_before)
