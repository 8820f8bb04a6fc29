"""How long until a token is seen by another connection, and until its writer knows that it is
stored.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.bench.measure import Row, compare
from tests.bench.rig import TIERS, TOKEN, Arrivals, Rig, rig, task, within

PER_ROUND = 50
ROUNDS = 40
AT_MOST = {"os": 1.5, "fsync": 6.0}

Send = Callable[[], Awaitable[object]]
Measure = Callable[[], Awaitable[list[float]]]


async def _seen_us(send: Send, arrivals: Arrivals) -> list[float]:
    taken = []
    for _ in range(PER_ROUND):
        start = time.perf_counter()
        await send()
        taken.append(1e6 * (await within(arrivals.seen.get()) - start))
    return taken


async def _acknowledged_us(send: Send) -> list[float]:
    taken = []
    for _ in range(PER_ROUND):
        start = time.perf_counter()
        await send()
        taken.append(1e6 * (time.perf_counter() - start))
    return taken


async def _in_turn(rounds: int, arms: dict[str, Measure]) -> dict[str, list[list[float]]]:
    """Each arm once a round, in an order that turns with the round; the first round only warms up."""
    kept: dict[str, list[list[float]]] = {name: [] for name in arms}
    names = list(arms)
    for number in range(rounds + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            taken = await arms[name]()
            if number:
                kept[name].append(taken)
    return kept


@asynccontextmanager
async def _arms(on: Rig) -> AsyncIterator[dict[str, Measure]]:
    ours, core, ordered = Arrivals(), Arrivals(), Arrivals()
    writer, reader = on.sessions()
    await on.raw_reader.subscribe("core", cb=core.heard)
    await on.raw_reader.jetstream().subscribe("raw.e2e", cb=ordered.heard, ordered_consumer=True)
    run = await writer.start_run("agent", source="simulated", window_s=0)
    plain = TOKEN.encode()
    async with task(ours.words(reader)):
        await run.write(TOKEN)
        await within(ours.seen.get())
        yield {
            "ours": lambda: _seen_us(lambda: run.write(TOKEN), ours),
            "core": lambda: _seen_us(lambda: on.raw_writer.publish("core", plain), core),
            "ordered": lambda: _seen_us(lambda: on.stream.publish("raw.e2e", plain), ordered),
            "ours, ack": lambda: _acknowledged_us(
                lambda: writer.append("note", "agent", {"text": TOKEN})
            ),
            "raw, ack": lambda: _acknowledged_us(lambda: on.stream.publish("raw.ack", plain)),
        }
    await run.finish()


async def latency(scale: float) -> list[Row]:
    """A token end to end at window 0, and an acknowledgement, at each tier."""
    rows = []
    for tier in TIERS:
        async with rig(tier) as on, _arms(on) as arms:
            kept = await _in_turn(max(3, int(ROUNDS * scale)), arms)
        limit = AT_MOST[tier]
        rows += [
            compare(
                "latency",
                f"token seen, p50, {tier}",
                kept["ours"],
                kept["core"],
                "us",
                limit,
                note="raw: core NATS",
            ),
            compare(
                "latency",
                f"token seen, p50, {tier}",
                kept["ours"],
                kept["ordered"],
                "us",
                note="raw: ordered consumer",
            ),
            compare(
                "latency", f"acknowledged, p50, {tier}", kept["ours, ack"], kept["raw, ack"], "us"
            ),
        ]
    return rows
