"""Who is there, who has left, and what those who were killed leave behind."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import httpx2
import psutil
import pytest
import websockets

from toolkit.sessions import Conversation, MemoryLog, NatsLog, NatsServer, Session
from toolkit.sessions.http.app import Tokens, serve

DEADLINE_S = 20
SURFACE = """
import asyncio, sys
from toolkit.sessions import NatsLog, Session, Surface

async def stay():
    async with await NatsLog.connect(sys.argv[1]) as log:
        await Surface(Session(log, "s"), "phone", ttl_s=1.0).connect()
        await Surface(Session(log, "s"), "tablet", ttl_s=60.0).connect()
        print("connected", flush=True)
        await asyncio.Event().wait()

asyncio.run(stay())
"""
OWNER = """
import asyncio
from toolkit.sessions import NatsServer

async def stay():
    async with NatsServer() as server:
        print(server.pid, server.log_file.parent, flush=True)
        await asyncio.Event().wait()

asyncio.run(stay())
"""


@asynccontextmanager
async def child(program, *args, **options):
    """A Python process that has said its first line; killed with SIGKILL in the end."""
    command = [sys.executable, "-c", program, *args]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, **options)
    try:
        async with asyncio.timeout(DEADLINE_S):
            said = (await process.stdout.readline()).decode().split()
        assert said
        yield process, said
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until(session, who):
    """Wait until just these are present."""
    async with asyncio.timeout(DEADLINE_S):
        while await session.present() != who:
            await asyncio.sleep(0.02)


async def heard(session, who, after=0):
    """The next renewal of somebody's presence, as a sequence number."""
    async with asyncio.timeout(DEADLINE_S), aclosing(session.read(after, lane="lease")) as feed:
        return await anext(event.seq async for event in feed if event.actor == who)


@pytest.mark.nats
async def test_a_surface_whose_process_is_killed_is_present_until_its_time_is_out_and_then_no_longer(
    server,
):
    async with await NatsLog.connect(server.url) as log, child(SURFACE, server.url) as (process, _):
        session = Session(log, "s")
        assert await session.present() == {"phone", "tablet"}
        await heard(session, "phone", after=await heard(session, "phone"))
        process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
        assert "phone" in await session.present(), "nobody can know that yet"
        await until(session, {"tablet"})
        kinds = [event.kind async for event in session.read(follow=False)]
        assert kinds == ["joined", "joined"], "nobody was there to say left"


@asynccontextmanager
async def site(**options):
    log, tokens = MemoryLog(), Tokens()
    async with (
        asyncio.timeout(60),
        serve(log, tokens, **options) as url,
        httpx2.AsyncClient(trust_env=False, timeout=DEADLINE_S) as client,
    ):
        yield Session(log, "s"), tokens, f"{url}/sessions/s", client


@asynccontextmanager
async def sse(client, url, **params):
    """A connection over SSE that is up to date."""
    async with (
        client.stream("GET", f"{url}/events", params=params) as response,
        aclosing(response.aiter_lines()) as feed,
    ):
        async for line in feed:
            if line == "event: live":
                break
        yield


@asynccontextmanager
async def socket(_, url, **params):
    """A connection over WebSocket that is up to date."""
    address = httpx2.URL(url.replace("http", "ws") + "/ws", params=params)
    async with websockets.connect(str(address), proxy=None) as ws:
        while '"live"' not in await asyncio.wait_for(ws.recv(), DEADLINE_S):
            pass
        yield


CONNECT = pytest.mark.parametrize("connect", [sse, socket], ids=["SSE", "WebSocket"])


async def kinds(session):
    return [event.kind async for event in session.read(follow=False)]


@CONNECT
async def test_a_page_is_present_while_it_is_connected_and_closing_it_cancels_nothing(connect):
    async with site(presence_s=0.3) as (session, tokens, url, client):
        run = await session.start_run("agent", source="simulated", window_s=0)
        async with connect(client, url, token=tokens.issue("s", "control"), name="phone é"):
            assert await session.present() == {"web:phone é"}
            await heard(session, "web:phone é", after=await heard(session, "web:phone é"))
        await until(session, set())
        await run.write("still here")
        assert not run.cancelled
        await run.finish()
        seen = await session.conversation()
        assert [one.state for one in seen.runs.values()] == ["complete"]
        assert await kinds(session) == [
            "run.started",
            "joined",
            "left",
            "text.delta",
            "text.done",
            "run.finished",
        ]


@CONNECT
async def test_the_name_of_a_token_counts_for_more_than_what_its_holder_says(connect):
    async with (
        site() as (session, tokens, url, client),
        connect(
            client,
            url,
            token=tokens.issue("s", "control", name="Ada's phone"),
            name="somebody else",
        ),
    ):
        assert await session.present() == {"Ada's phone"}


@CONNECT
async def test_who_gives_no_name_is_not_announced(connect):
    async with site() as (session, tokens, url, client):
        async with connect(client, url, token=tokens.issue("s", "control")):
            assert await session.present() == set()
        assert await kinds(session) == []


@CONNECT
async def test_of_two_connections_with_one_name_the_last_says_left(connect):
    async with site() as (session, tokens, url, client):
        token = tokens.issue("s", "control")
        async with connect(client, url, token=token, name="phone"):
            async with (
                sse(client, url, token=token, name="phone"),
                socket(client, url, token=token, name="laptop"),
            ):
                assert await session.present() == {"web:phone", "web:laptop"}
            await until(session, {"web:phone"})
        await until(session, set())


@pytest.mark.parametrize("name", ["x" * 65, "a\nb", "\x00", "\u202eevil"])
async def test_a_name_that_is_too_long_or_cannot_be_printed_is_refused(name):
    async with site() as (session, tokens, url, client):
        secret = {"authorization": f"Bearer {tokens.issue('s')}"}
        answer = await client.get(f"{url}/events", params={"name": name}, headers=secret)
        assert answer.status_code == 400
        assert await kinds(session) == []


async def test_a_name_cannot_pass_for_an_agent_a_run_or_markup():
    async with site() as (session, tokens, url, client):
        run = await session.start_run("agent", source="simulated", id="r" * 32, window_s=0)
        await run.write("one ")
        hostile = (run.id, "agent", "<script>alert(1)</script>")
        for name in hostile:
            async with sse(client, url, token=tokens.issue("s", "control"), name=name):
                assert await session.present() == {f"web:{name}"}
                await run.write("two ")
        assert await session.end_orphans() == []
        await run.finish()
        seen = await session.conversation()
        assert isinstance(seen, Conversation)
        assert [item.text for item in seen.items] == ["one two two two "]
        assert "<script>" not in seen._repr_html_()


@pytest.mark.nats
async def test_a_folder_whose_owner_was_killed_goes_with_the_next_server_and_no_other_does(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    at_home = {"env": {**os.environ, "TMPDIR": str(tmp_path)}}
    named = tmp_path / "fieldbook-nats-mine"
    async with NatsServer(store=named):
        pass
    async with (
        child(OWNER, **at_home) as (_, [_, lives]),
        child(OWNER, **at_home) as (process, [pid, killed]),
    ):
        warden = psutil.Process(int(pid)).ppid()
        process.kill()
        await process.wait()
        async with asyncio.timeout(DEADLINE_S):
            while psutil.pid_exists(int(pid)) or psutil.pid_exists(warden):
                await asyncio.sleep(0.02)
        assert Path(killed).is_dir()
        async with NatsServer() as server:
            mine = server.log_file.parent
            assert not Path(killed).exists()
            for folder in (mine, Path(lives), named):
                assert (folder / "server.conf").is_file()
        assert not mine.exists()


async def test_a_server_that_does_not_start_says_why_and_leaves_nothing_behind(
    tmp_path, monkeypatch
):
    broken = tmp_path / "nats-server"
    broken.write_text("#!/bin/sh\necho no luck today\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("FIELDBOOK_NATS_SERVER", str(broken))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(RuntimeError, match="no luck today"):
        async with NatsServer():
            pass
    assert list(tmp_path.iterdir()) == [broken]
