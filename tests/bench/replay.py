"""Reading 20,000 stored events from the start, beside nats-py's ordered consumer on the same
stream.
"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from tests.bench.measure import Row, compare
from tests.bench.rig import Rig, rig, within
from toolkit.events import decode_event
from toolkit.sessions import Session

EVENTS = 20_000
BATCH = 500
ROUNDS = 7
AT_LEAST = 0.8


async def _fill(session: Session, events: int) -> None:
    for at in range(0, events, BATCH):
        batch = [session.event("note", "agent", {"text": f"word {at + n}"}) for n in range(BATCH)]
        await session.log.append_all(batch)


async def _ours_per_s(session: Session, events: int, lane: Any) -> float:
    start, count = time.perf_counter(), 0
    async for _event in session.read(follow=False, lane=lane):
        count += 1
    assert count == events
    return count / (time.perf_counter() - start)


async def _raw_per_s(
    on: Rig, session: Session, events: int, decode: Callable[[bytes], object] | None
) -> float:
    start, count, done = time.perf_counter(), 0, asyncio.Event()

    async def take(message: Any) -> None:
        nonlocal count
        count += 1
        if decode:
            decode(message.data)
        if count == events:
            done.set()

    subscription = await on.raw_reader.jetstream().subscribe(
        f"sess.{session.id}.log.>",
        cb=take,
        ordered_consumer=True,
        pending_bytes_limit=2**30,
        pending_msgs_limit=-1,
    )
    await within(done.wait())
    taken = time.perf_counter() - start
    await subscription.unsubscribe()
    return events / taken


async def replay(scale: float) -> list[Row]:
    """Events a second; the ordered consumer once bare, once with json.loads, once with our
    validation.
    """
    events = max(BATCH, int(EVENTS * scale) // BATCH * BATCH)
    arms: dict[str, list[list[float]]] = {
        name: [] for name in ("log", "whole", "bare", "json", "validated")
    }
    async with rig("os") as on:
        session, reader = on.sessions()
        await _fill(session, events)
        for number in range(ROUNDS + 1):
            taken = {
                "log": await _ours_per_s(reader, events, "log"),
                "bare": await _raw_per_s(on, session, events, None),
                "whole": await _ours_per_s(reader, events, None),
                "json": await _raw_per_s(on, session, events, json.loads),
                "validated": await _raw_per_s(on, session, events, decode_event),
            }
            for name, value in taken.items() if number else ():
                arms[name].append([value])
    what, unit = f"{events:,} events", "events/s"
    return [
        compare(
            "replay",
            what,
            arms["whole"],
            arms["bare"],
            unit,
            at_least=AT_LEAST,
            note="raw: not decoded",
        ),
        compare(
            "replay",
            what,
            arms["whole"],
            arms["json"],
            unit,
            at_least=AT_LEAST,
            note="raw: json.loads",
        ),
        compare(
            "replay",
            what,
            arms["whole"],
            arms["validated"],
            unit,
            note="raw: validated as an Event",
        ),
        compare(
            "replay", f"{what}, lane log", arms["log"], arms["json"], unit, note="raw: json.loads"
        ),
    ]
