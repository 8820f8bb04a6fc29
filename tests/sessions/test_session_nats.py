"""NatsLog and NatsServer against a real nats-server: killed, restarted, orphaned, absent."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from toolkit.errors import Unavailable
from toolkit.events import new_event
from toolkit.sessions import LogUnavailable, NatsLog, NatsServer, Session, Surface, server_binary

pytestmark = pytest.mark.nats


async def gone(pid: int, deadline_s: float = 10.0) -> bool:
    async with asyncio.timeout(deadline_s):
        while is_running(pid):
            await asyncio.sleep(0.01)
    return True


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("durability", ["os", "fsync"])
async def test_a_server_killed_in_mid_stream_loses_no_acknowledged_event(tmp_path, durability):
    async with (
        NatsServer(durability=durability, store=tmp_path) as server,
        await NatsLog.connect(server.url) as log,
    ):
        session = Session(log, "kill")
        surface = Surface(session, "phone")
        await surface.connect()
        acknowledged = []

        async def speak():
            run = await session.start_run("agent", source="simulated", window_s=0)
            for n in range(400):
                acknowledged.append((await run.write(f"{n} ")).event.id)
            await run.finish()

        speaking = asyncio.create_task(speak())
        for threshold in (100, 250):
            async with asyncio.timeout(20):
                while len(acknowledged) < threshold:
                    await asyncio.sleep(0)
            await server.kill()
            await server.restart()
        await asyncio.wait_for(speaking, 30)
        conversation = await surface.wait_for(
            lambda c: any(r.state == "complete" for r in c.runs.values()), 30
        )
        stored = [event async for event in session.read(follow=False, lane="words")]
        assert [event.id for event in stored] == acknowledged
        assert conversation.text == "".join(f"{n} " for n in range(400))
        assert log.durability == durability
        await surface.disconnect()


async def test_an_append_while_the_server_is_away_is_acknowledged_once_it_is_back(server):
    async with await NatsLog.connect(server.url) as log:
        session = Session(log, "away")
        await session.say("before")
        await server.kill()
        pending = asyncio.create_task(session.say("meanwhile"))
        await asyncio.wait([pending], timeout=0.3)
        assert not pending.done()
        await server.restart()
        await asyncio.wait_for(pending, 15)
        assert [e.data["text"] async for e in session.read(follow=False)] == ["before", "meanwhile"]


async def test_a_cancelled_append_is_cancelled_even_while_the_server_is_away(server):
    async with await NatsLog.connect(server.url) as log:
        await server.kill()
        pending = asyncio.create_task(Session(log, "impatient").say("hello?"))
        await asyncio.wait([pending], timeout=0.2)
        pending.cancel()
        done, _ = await asyncio.wait([pending], timeout=5)
        assert done
        assert pending.cancelled()


@pytest.mark.parametrize("victim", ["parent", "warden"])
async def test_no_server_outlives_whoever_started_it(tmp_path, victim):
    program = (
        "import asyncio\n"
        "from toolkit.sessions import NatsServer\n"
        "async def main():\n"
        f"    async with NatsServer(store={str(tmp_path)!r}) as server:\n"
        "        print(server.pid, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        os.kill(parent.pid if victim == "parent" else psutil.Process(pid).ppid(), signal.SIGKILL)
        assert await gone(pid)
    finally:
        parent.kill()
        parent.communicate(timeout=10)


async def test_a_server_keeps_its_port_and_its_store_over_a_restart(server):
    url = server.url
    async with await NatsLog.connect(url) as log:
        await Session(log, "keep").say("still here")
    await server.restart()
    assert server.url == url
    async with await NatsLog.connect(url) as log:
        assert [e.data["text"] async for e in Session(log, "keep").read(follow=False)] == [
            "still here"
        ]


async def test_nats_url_means_use_that_server_and_start_nothing(server, monkeypatch):
    monkeypatch.setenv("NATS_URL", server.url)
    async with NatsServer() as borrowed, await NatsLog.connect(borrowed.url) as log:
        assert (borrowed.url, borrowed.pid) == (server.url, None)
        await Session(log, "borrowed").say("hello")
        with pytest.raises(RuntimeError, match="NATS_URL names it"):
            await borrowed.kill()


async def test_nobody_there_is_said_within_the_deadline():
    with pytest.raises(LogUnavailable, match="no NATS server at"):
        await NatsLog.connect("nats://127.0.0.1:9", timeout_s=0.5)


async def test_a_closed_log_says_so_instead_of_waiting(server):
    log = await NatsLog.connect(server.url)
    await log.close()
    with pytest.raises(LogUnavailable, match="closed"):
        await log.append(new_event("s", "message", "user", {"text": "late"}))


async def test_a_server_that_cannot_start_says_what_it_said(tmp_path, monkeypatch):
    broken = tmp_path / "nats-server"
    broken.write_text("#!/bin/sh\necho no such flag >&2; exit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("FIELDBOOK_NATS_SERVER", str(broken))
    with pytest.raises(RuntimeError, match="no such flag"):
        async with NatsServer(store=tmp_path / "store"):
            pass


async def test_a_server_that_never_says_its_port_is_given_up_and_killed(tmp_path, monkeypatch):
    silent = tmp_path / "nats-server"
    silent.write_text(
        f"#!/bin/sh\necho $$ > {tmp_path}/pid\necho waiting\nexec tail -f /dev/null\n"
    )
    silent.chmod(0o755)
    monkeypatch.setenv("FIELDBOOK_NATS_SERVER", str(silent))
    with pytest.raises(Unavailable, match="did not start: timed out; it said: waiting"):
        async with NatsServer(store=tmp_path / "store", start_timeout_s=3):
            pass
    assert await gone(int((tmp_path / "pid").read_text()))


def test_a_named_binary_that_is_missing_is_an_error_with_the_mend(monkeypatch):
    monkeypatch.setenv("FIELDBOOK_NATS_SERVER", "/nowhere/nats-server")
    with pytest.raises(FileNotFoundError, match="FIELDBOOK_NATS_SERVER=/nowhere"):
        server_binary()


def test_the_binary_comes_from_the_variable_then_path_then_the_package(monkeypatch, tmp_path):
    packaged = server_binary()
    own = tmp_path / "nats-server"
    own.symlink_to(packaged)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert server_binary() == own
    named = tmp_path / "named"
    named.symlink_to(packaged)
    monkeypatch.setenv("FIELDBOOK_NATS_SERVER", str(named))
    assert server_binary() == Path(named)


async def test_a_write_is_cancelled_even_where_so_much_waits_that_nats_py_holds_it_back(server):
    async with await NatsLog.connect(server.url) as log:
        session = Session(log, "stalled")
        await session.say("before")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            crowd = []
            for _ in range(2):  # The first wave fills the socket, the second what nats-py holds.
                crowd += [asyncio.create_task(session.say("x" * 900_000)) for _ in range(20)]
                await asyncio.sleep(0.1)
            late = asyncio.create_task(session.say("late"))
            await asyncio.sleep(0.1)
            for task in (late, *crowd):
                task.cancel()
            done, _ = await asyncio.wait([late, *crowd], timeout=5)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert len(done) == 41
        assert all(task.cancelled() for task in done)


async def test_a_server_that_says_nothing_is_given_up_and_leaves_nothing_open():
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as mute:
        url = f"nats://127.0.0.1:{mute.sockets[0].getsockname()[1]}"
        with pytest.raises(LogUnavailable, match="no NATS server"):
            await NatsLog.connect(url, timeout_s=0.3)
        connecting = asyncio.create_task(NatsLog.connect(url))
        await asyncio.sleep(0.1)
        connecting.cancel()
        await asyncio.wait([connecting], timeout=5)
        assert connecting.cancelled()
        mute.close()
        await asyncio.wait_for(mute.wait_closed(), 5)


async def test_a_log_closes_in_time_though_its_server_has_stopped(server):
    log = await NatsLog.connect(server.url)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        crowd = [asyncio.create_task(Session(log, "stopped").say("x" * 900_000)) for _ in range(20)]
        await asyncio.sleep(0.1)
        for task in crowd:
            task.cancel()
        await asyncio.wait_for(log.close(), 10)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    done, _ = await asyncio.wait(crowd, timeout=5)
    assert len(done) == 20
