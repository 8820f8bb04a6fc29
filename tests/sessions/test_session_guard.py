"""What guards a NatsServer: a lock on its store, and a token for its port that nobody else can
read.
"""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from contextlib import asynccontextmanager, suppress

import psutil
import pytest

from tests.faults.cluster import NatsCluster
from toolkit.errors import FieldbookError
from toolkit.sessions import LogUnavailable, NatsLog, NatsServer, Session
from toolkit.sessions.nats.server import masked
from toolkit.sessions.nats.store import StoreInUse

pytestmark = pytest.mark.nats

DEADLINE_S = 30.0
HOLDER = """
import asyncio, sys
from toolkit.sessions import NatsLog, NatsServer, Session

async def hold():
    async with NatsServer(store=sys.argv[1]) as server, await NatsLog.connect(server.url) as log:
        await Session(log, "s").say("from another process")
        print(server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


@asynccontextmanager
async def holder(store):
    """A process that has a server on `store`; gives it and the server's pid."""
    command = [sys.executable, "-c", HOLDER, str(store)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        async with asyncio.timeout(DEADLINE_S):
            pid = int(await process.stdout.readline())
        yield process, pid
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_second_server_on_one_store_is_refused_and_says_what_to_do(tmp_path):
    assert issubclass(StoreInUse, FieldbookError)  # the command line tells it in one line
    store = tmp_path / "store"
    async with NatsServer(store=store) as first, await NatsLog.connect(first.url) as log:
        await Session(log, "s").say("one")
        with pytest.raises(
            StoreInUse, match=r"store: another nats-server has this store\. Connect to that one"
        ):
            async with NatsServer(store=store):
                pass
        await first.restart()
        with pytest.raises(StoreInUse):
            async with NatsServer(store=store):
                pass
        await first.kill()
        with pytest.raises(StoreInUse):  # it may be started again at any time
            async with NatsServer(store=store):
                pass
        await first.restart()
        await Session(log, "s").say("two")
    async with NatsServer(store=store) as second, await NatsLog.connect(second.url) as log:
        assert [event.data["text"] async for event in Session(log, "s").read(follow=False)] == [
            "one",
            "two",
        ]


async def test_another_process_is_refused_until_the_owner_has_ended_and_killed_owners_let_go(
    tmp_path,
):
    async with holder(tmp_path) as (process, pid):
        with pytest.raises(StoreInUse):
            async with NatsServer(store=tmp_path):
                pass
        process.send_signal(signal.SIGKILL)
        await process.wait()
        async with NatsServer(store=tmp_path) as server, await NatsLog.connect(server.url) as log:
            assert not psutil.pid_exists(pid), (
                "the store was given away while its last server still ran"
            )
            texts = [event.data["text"] async for event in Session(log, "s").read(follow=False)]
            assert texts == ["from another process"]


async def test_a_server_that_does_not_start_lets_its_store_go(tmp_path, monkeypatch):
    broken = tmp_path / "nats-server"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    store = tmp_path / "store"
    with monkeypatch.context() as patch:
        patch.setenv("FIELDBOOK_NATS_SERVER", str(broken))
        with pytest.raises(RuntimeError, match="did not start"):
            async with NatsServer(store=store):
                pass
    async with NatsServer(store=store) as server:
        assert server.pid


async def test_each_member_of_a_cluster_has_its_store_for_itself(tmp_path):
    async with NatsCluster(store=tmp_path) as cluster:
        assert len(cluster.servers) == 3
        with pytest.raises(StoreInUse):
            async with NatsServer(store=tmp_path / "server-1"):
                pass


async def answer_of(port, connect):
    """What a server says to a client that introduces itself by `connect`, and asks for an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    try:
        async with asyncio.timeout(DEADLINE_S):
            greeting = await reader.readline()
            writer.write(b"CONNECT " + connect + b"\r\nPING\r\n")
            return greeting + await reader.readline()
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("secret", [b"{}", b'{"auth_token":"guess"}', b'{"user":"a","pass":"b"}'])
async def test_whoever_has_no_token_is_sent_away(server, secret):
    answer = await answer_of(server.url.rsplit(":", 1)[1], secret)
    assert b'"auth_required":true' in answer
    assert b"Authorization Violation" in answer
    right = b'{"auth_token":"' + token_of(server).encode() + b'","verbose":false}'
    assert (await answer_of(server.url.rsplit(":", 1)[1], right)).endswith(b"PONG\r\n")


async def test_a_log_without_the_token_is_told_what_is_wrong(server):
    for wrong in (
        server.address,
        server.url.replace("//", "//x"),
        "nats://user:word@" + server.address[7:],
    ):
        with pytest.raises(LogUnavailable, match="it wants a token: connect by the whole url"):
            await NatsLog.connect(wrong, timeout_s=2.0)


async def test_two_servers_have_two_tokens_and_a_restart_keeps_its_own(tmp_path):
    async with NatsServer(store=tmp_path / "a") as one, NatsServer(store=tmp_path / "b") as other:
        before = one.url
        assert token_of(one) != token_of(other)
        assert len(token_of(one)) >= 32
        await one.restart()
        assert one.url == before


def token_of(server):
    return server.url.removeprefix("nats://").partition("@")[0]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
async def test_the_token_stands_in_no_place_that_a_stranger_may_read(tmp_path):
    loose = tmp_path / "server.conf"
    loose.touch(mode=0o666)
    async with NatsServer(store=tmp_path) as server, await NatsLog.connect(server.url) as log:
        token = token_of(server)
        await Session(log, "s").say("hello")
        assert stat.S_IMODE((tmp_path / "server.conf").stat().st_mode) == 0o600
        with pytest.raises(LogUnavailable) as refused:
            await NatsLog.connect(
                server.url.replace(str(server.url.rsplit(":", 1)[1]), "9"), timeout_s=0.5
            )
        seen = [
            repr(server),
            str(server),
            repr(log),
            server.address,
            str(refused.value),
            server.log_file.read_text(),
        ]
        family = [psutil.Process(server.pid), *psutil.Process().children(recursive=True)]
        seen += [" ".join(process.cmdline()) for process in family]
        assert [text for text in seen if token in text] == []
        open_files = [
            path
            for path in tmp_path.rglob("*")
            if path.is_file() and token.encode() in path.read_bytes()
        ]
        assert open_files == [tmp_path / "server.conf"]


async def test_a_url_of_somebody_elses_keeps_its_password_out_of_what_is_said(monkeypatch):
    monkeypatch.setenv("NATS_URL", "nats://ada:secret@127.0.0.1:9,nats://ada:secret@127.0.0.1:10")
    async with NatsServer() as borrowed:
        assert borrowed.url == os.environ["NATS_URL"]
        assert "secret" not in repr(borrowed)
        with pytest.raises(RuntimeError, match="NATS_URL names it") as refused:
            await borrowed.kill()
        with pytest.raises(LogUnavailable) as away:
            await NatsLog.connect(borrowed.url, timeout_s=0.5)
    for error in (refused, away):
        assert "secret" not in str(error.value)
        assert "***@127.0.0.1:9" in str(error.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nats://t0k@a:1,nats://t0k@b:2", "nats://***@a:1,nats://***@b:2"),
        ("tls://u:p@host/", "tls://***@host/"),
        ("nats://host:1 and me@home", "nats://host:1 and me@home"),
    ],
)
def test_a_url_is_shown_without_its_secrets(text, shown):
    assert masked(text) == shown


async def test_a_log_shows_its_token_to_servers_too_that_only_the_cluster_told_it_of(tmp_path):
    async with NatsCluster(store=tmp_path) as cluster:
        known, *others = cluster.servers
        async with await NatsLog.connect(known.url, replicas=3, timeout_s=60) as log:
            await Session(log, "s").say("one")
            await cluster.leader()
            await known.kill()
            async with asyncio.timeout(DEADLINE_S):
                await Session(log, "s").say("two")
            assert log._client.connected_url.port in {
                int(server.url.rsplit(":", 1)[1]) for server in others
            }


async def test_the_ports_by_which_a_cluster_is_joined_want_a_password_too(tmp_path):
    async with (
        NatsCluster(store=tmp_path) as cluster,
        await NatsLog.connect(cluster.url, replicas=3, timeout_s=60),
    ):
        routes = [
            server._settings[0].split('listen: "127.0.0.1:')[1].split('"')[0]
            for server in cluster.servers
        ]
        answer = await answer_of(routes[0], b'{"name":"stranger","verbose":false}')
        assert b'"auth_required":true' in answer
        assert b"Authorization" in answer
