"""Three servers: the one that leads is killed again and again under load, and nothing that was
acknowledged is lost.
"""

import asyncio

import pytest

from tests.faults.cluster import NatsCluster
from toolkit.sessions import NatsLog, NatsServer, Session, fold
from toolkit.tour import NO_DAMAGE, check

pytestmark = pytest.mark.nats

DEADLINE_S = 60.0


async def until(condition, deadline_s=DEADLINE_S):
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
async def test_the_leader_is_killed_again_and_again_and_no_acknowledged_event_is_lost(
    tmp_path, kills
):
    acknowledged, stalls = [], []
    async with (
        NatsCluster(store=tmp_path) as cluster,
        await NatsLog.connect(cluster.url, replicas=3, timeout_s=30) as log,
    ):
        stop = asyncio.Event()

        async def speak(name):
            run = await Session(log, name).start_run("agent", "simulated", "answer", window_s=0)
            n = 0
            while not stop.is_set():
                ack = await run.write(f"{n} ")
                acknowledged.append((ack.event.id, ack.seq))
                n += 1
            await run.finish()
            return name, "".join(f"{k} " for k in range(n))

        speaking = [asyncio.create_task(speak(f"s{n}")) for n in range(8)]
        for _ in range(kills):
            mark = len(acknowledged)
            await until(lambda m=mark: len(acknowledged) >= m + 200)
            leader = await cluster.leader()
            await leader.kill()
            killed, mark = asyncio.get_running_loop().time(), len(acknowledged)
            await until(lambda m=mark: len(acknowledged) >= m + 20)
            stalls.append(asyncio.get_running_loop().time() - killed)
            await leader.restart()
        stop.set()
        texts = dict(await asyncio.wait_for(asyncio.gather(*speaking), DEADLINE_S))
        print(
            f"{kills} kills, {len(acknowledged)} acknowledged; stalls {sorted(round(s, 2) for s in stalls)} s"
        )
        stored = []
        for name, text in texts.items():
            events = [event async for event in Session(log, name).read(follow=False, lane="log")]
            stored += events
            assert fold(name, events).text == text
            assert (await Session(log, name).conversation()).sha256 == fold(name, events).sha256
        stored.sort(key=lambda event: event.seq)
        assert check(stored, acknowledged) == NO_DAMAGE


async def test_sessions_are_spread_over_the_streams_and_each_is_whole(tmp_path):
    names = [f"session-{n}" for n in range(40)]
    async with NatsServer(store=tmp_path) as server:
        async with await NatsLog.connect(server.url, streams=4) as log:
            for name in names:
                run = await Session(log, name).start_run("agent", "simulated", "answer", window_s=0)
                await run.write(f"{name} ")
                await run.write("speaks")
                await run.finish()
            import nats

            async with await nats.connect(server.url) as client:
                streams = await client.jetstream().streams_info()
        counts = {info.config.name: info.state.messages for info in streams}
        assert len(counts) == 4
        assert min(counts.values()) > 0
        async with await NatsLog.connect(server.url, streams=4) as log:
            for name in names:
                assert (await Session(log, name).conversation()).text == f"{name} speaks"


async def test_a_number_of_streams_that_others_do_not_share_is_refused(server):
    async with await NatsLog.connect(server.url, streams=4) as log:
        await Session(log, "here").say("hello")
    with pytest.raises(ValueError, match="streams=4"):
        await NatsLog.connect(server.url)
    async with await NatsLog.connect(server.url, streams=4) as log:
        assert [event.data["text"] async for event in Session(log, "here").read(follow=False)] == [
            "hello"
        ]


@pytest.fixture
async def server(tmp_path):
    async with NatsServer(store=tmp_path / "store") as running:
        yield running
