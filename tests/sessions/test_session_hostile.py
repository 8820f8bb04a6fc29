"""Ids, runs and actors that somebody else chose: nothing of theirs reaches a subject or a header as
it is.
"""

import asyncio

import pytest

from toolkit.sessions import NatsLog, NatsServer, Session, fold

LANES = {
    "log": ["text.delta", "run.started", "cancel", "note"],
    "words": ["text.delta"],
    "control": ["cancel"],
    "quiet": ["run.started", "cancel", "note"],
}


async def plainly_folded(session):
    return fold(session.id, [event async for event in session.read(follow=False, lane="log")])


async def test_ids_that_differ_by_white_space_are_different_events(log):
    session, ids = Session(log, "spaces"), ["m", "m ", " m", "a b", "a\nb", "a\r\nNats-Rollup: all"]
    for id_ in ids:
        assert not (await session.say(f"by {id_!r}", id=id_)).duplicate
    assert [event.id async for event in session.read(follow=False)] == ids


@pytest.mark.parametrize(
    "run", ["a.b", "*", ">", "a b", "a..b", "-", "-x", "ü", "r\r\nPUB x 0", "", "x" * 300]
)
async def test_a_run_of_any_name_stands_on_the_lanes_of_its_events(log, run):
    session = Session(log, "names")
    data = {"text": "x", "covers": 0, "items": [], "open": False, "ttl_s": 3}
    async with asyncio.timeout(10):
        for kind in (
            "text.delta",
            "run.started",
            "text.snapshot",
            "lease.renewed",
            "cancel",
            "note",
        ):
            await session.append(kind, "agent", data, run)
        read = {
            lane: [e.kind async for e in session.read(follow=False, lane=lane)] for lane in LANES
        }
        mine = [event.kind async for event in session.read(follow=False, lane="control", run=run)]
    assert (read, mine) == (LANES, ["cancel"])
    assert [
        [event.run for event in await log.latest("names", lane)] for lane in ("lease", "snapshot")
    ] == [[run]] * 2


async def test_an_actor_who_is_called_like_a_run_hides_neither_its_words_nor_its_lease(log):
    session = Session(log, "namesake")
    await session.append("text.delta", "r", {"text": "words of no run"})
    run = await session.start_run("agent", "simulated", "r", window_s=0)
    for _ in range(50):
        await run.write("words of a run, ")
    await session.append("presence.renewed", "r", {"ttl_s": 5})
    assert (await session.conversation()).to_json() == (await plainly_folded(session)).to_json()
    assert {(event.run, event.kind) for event in await log.latest("namesake", "lease")} == {
        ("r", "lease.renewed"), (None, "presence.renewed"),
    }  # fmt: skip
    await run.finish()


async def test_a_signal_from_somebody_called_like_the_agent_does_not_part_its_words(log):
    session = Session(log, "same-name")
    run = await session.start_run("agent", "simulated", "r", window_s=0)
    for n in range(100):
        await run.write(f"word{n} ")
        if n == 30:
            await session.steer("hm", "r", actor="agent")
    assert (await session.conversation()).to_json() == (await plainly_folded(session)).to_json()
    await run.finish()


@pytest.mark.nats
async def test_a_message_that_poses_as_a_heartbeat_holds_nobody_up(tmp_path):
    import nats

    async with NatsServer(store=tmp_path) as server, await NatsLog.connect(server.url) as log:
        session = Session(log, "pose")
        await session.say("before")
        client = await nats.connect(server.url)
        await client.jetstream().publish("sess.pose.log.q.evt.-", b"", headers={"Status": "100"})
        await client.close()
        await session.say("after")
        async with asyncio.timeout(10):
            assert [event.data["text"] async for event in session.read(follow=False)] == [
                "before",
                "after",
            ]
