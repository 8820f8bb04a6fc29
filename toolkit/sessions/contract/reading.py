"""Promises to whoever reads a log."""

import asyncio
from typing import get_args

from toolkit.sessions.contract.acts import (
    S,
    append_message,
    follow_first,
    in_time,
    must_raise,
    place_of,
    read_all,
    store_talk,
    user_message,
)
from toolkit.sessions.log import CursorLost, Extent, Lane, Log, is_on

LANES_OF_THE_LOG: tuple[Lane, ...] = ("log", "quiet", "control", "words")


async def order_of_acknowledgement(log: Log) -> None:
    """Events are read in the order in which they were acknowledged; each states its durability."""
    stored = []
    for n in range(20):
        ack = await log.append(user_message(f"{n}"))
        assert ack.durability == log.durability, ack
        stored.append(ack.event)
    assert stored == sorted(stored, key=place_of)
    assert await read_all(log) == stored


async def any_cursor_resumes(log: Log) -> None:
    """A reader goes on at any event that it has read, on each lane, without loss or double."""
    await store_talk(log)
    everything = await read_all(log)
    for lane in LANES_OF_THE_LOG:
        events = await read_all(log, lane=lane)
        for event in everything:
            cursor = place_of(event)
            later = [other for other in events if place_of(other) > cursor]
            assert await read_all(log, cursor, lane) == later, (lane, cursor)


async def replay_meets_live(log: Log) -> None:
    """A reader that follows gets what was stored and what comes, in one stream."""
    stored = []
    for n in range(20):
        event = await append_message(log, f"{n}")
        stored.append(event)
    reading = asyncio.create_task(follow_first(log, 40))
    for n in range(20, 40):
        event = await append_message(log, f"{n}")
        stored.append(event)
    events = await in_time(reading)
    assert events == stored


async def end_is_a_cursor(log: Log) -> None:
    """A reader at the end reads nothing, and then what comes."""
    last = await append_message(log, "before")
    cursor = place_of(last)
    assert await read_all(log, cursor) == []
    reading = asyncio.create_task(follow_first(log, 1, cursor))
    later = await append_message(log, "after")
    events = await in_time(reading)
    assert events == [later]


async def kinds_of_each_lane(log: Log) -> None:
    """Each lane has its kinds of events; what stands beside the log is on no other lane."""
    talk = await store_talk(log)
    for lane in get_args(Lane):
        expected = [event for event in talk if is_on(event, lane)]
        assert await read_all(log, lane=lane) == expected, lane
    (cancel,) = [event for event in talk if event.kind == "cancel"]
    reading = log.read(S, follow=False, lane="control", run="other")
    of_other_run = [event async for event in reading]
    assert of_other_run == [cancel], "it is for all, the steer is for one"


async def last_of_each_run(log: Log) -> None:
    """`latest` gives the last event of each run on a lane; where there is none, of each actor."""
    await store_talk(log)
    words = await read_all(log, lane="words")
    signals = await read_all(log, lane="control")
    assert await log.latest(S, "words") == words[-1:]
    assert await log.latest(S, "control") == signals
    assert await log.latest("other", "words") == []


async def extent_of_a_session(log: Log) -> None:
    """`extent` tells where a history begins and ends."""
    assert await log.extent(S) == Extent(None, 0)
    await store_talk(log)
    events = await read_all(log)
    first = events[0]
    last = events[-1]
    assert await log.extent(S) == Extent(first.id, place_of(last))
    assert await log.extent("other") == Extent(None, 0)


async def lost_cursors(log: Log) -> None:
    """A cursor that nobody can have is lost, on each lane, for each reader."""
    with must_raise(CursorLost):
        await read_all(log, 1)
    for n in range(3):
        await append_message(log, f"{n}", "other")
    first = await append_message(log, "first")
    before = place_of(first) - 1
    assert await read_all(log, before) == [first]
    with must_raise(CursorLost):
        await read_all(log, before - 1)
    for lane in get_args(Lane):
        with must_raise(CursorLost):
            await read_all(log, 2**53, lane)
        with must_raise(CursorLost):
            await in_time(follow_first(log, 1, 2**53, lane))
