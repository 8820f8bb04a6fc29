"""A model that puts out 10,000 tokens a second, and one that is faster than its log."""

import asyncio
import time
from uuid import uuid4

from tests.bench.measure import Row, compare, percentile
from tests.bench.rig import TIERS, TOKEN, Rig, Tier, rig, task, within
from toolkit.sessions import Session

RATE_PER_S = 10_000
SECONDS = 5.0
TICK_S = 0.001
CEILING_TOKENS = 200_000
BATCH = 100
BATCHES = 60
KEPT_UP_S = 0.1
"""A producer that ends later than this behind its schedule did not keep its pace."""


async def _seen_at(reader: Session, tokens: int) -> list[float]:
    """When each token was seen, in order."""
    seen: list[float] = []
    async for event in reader.read(lane="log"):
        if event.kind == "text.delta":
            seen += [time.perf_counter()] * (len(event.data["text"]) // len(TOKEN))
        if len(seen) >= tokens:
            break
    return seen


async def _paced(on: Rig, tier: Tier, seconds: float) -> list[Row]:
    """Tokens on a schedule of `RATE_PER_S`: how far behind it the producer ends, and how late they
    are seen.
    """
    writer, reader = on.sessions()
    run = await writer.start_run("agent", source="simulated")
    tokens = int(RATE_PER_S * seconds)
    due = [number / RATE_PER_S for number in range(tokens)]
    async with task(_seen_at(reader, tokens)) as reading:
        start = time.perf_counter()
        for number in range(tokens):
            while time.perf_counter() - start < due[number]:
                await asyncio.sleep(TICK_S)
            await run.write(TOKEN)
        written = time.perf_counter() - start
        await run.flush()
        stored = time.perf_counter() - start
        seen = await within(reading)
    await run.finish()
    lags = [1000 * (at - start - when) for at, when in zip(seen, due, strict=True)]
    behind = 1000 * (written - seconds)
    pace = tokens / stored
    met = behind < 1000 * KEPT_UP_S if tier == "fsync" else None
    what = f"10,000 tokens/s for {seconds:g} s"
    return [
        Row("sustained", f"{what}: stored, {tier}", pace, "tokens/s", target="keeps pace", met=met),
        Row("sustained", f"{what}: producer behind at the end, {tier}", behind, "ms"),
        Row(
            "sustained", f"{what}: last word stored after, {tier}", 1000 * (stored - written), "ms"
        ),
        Row(
            "sustained",
            f"{what}: seen after, p50, {tier}",
            percentile(lags, 50),
            "ms",
            note="window 40 ms",
        ),
        Row(
            "sustained",
            f"{what}: seen after, p99, {tier}",
            percentile(lags, 99),
            "ms",
            note="window 40 ms",
        ),
    ]


async def _ceiling(on: Rig, tier: Tier, tokens: int) -> Row:
    """Tokens as fast as `write` takes them."""
    writer, _ = on.sessions()
    run = await writer.start_run("agent", source="simulated")
    start = time.perf_counter()
    for number in range(tokens):
        await run.write(TOKEN)
        if number % 200 == 0:
            await asyncio.sleep(0)
    await run.flush()
    taken = time.perf_counter() - start
    await run.finish()
    return Row("sustained", f"ceiling of write, window 40 ms, {tier}", tokens / taken, "tokens/s")


async def _single(on: Rig, tier: Tier, tokens: int) -> Row:
    """Tokens one by one, each acknowledged before the next."""
    writer, _ = on.sessions()
    run = await writer.start_run("agent", source="simulated", window_s=0)
    start = time.perf_counter()
    for _number in range(tokens):
        await run.write(TOKEN)
    taken = time.perf_counter() - start
    await run.finish()
    return Row("sustained", f"window 0, one by one, {tier}", tokens / taken, "tokens/s")


async def _ours_per_s(on: Rig, writer: Session) -> float:
    start = time.perf_counter()
    await on.log.append_all(
        [writer.event("note", "agent", {"text": TOKEN}) for _event in range(BATCH)]
    )
    return BATCH / (time.perf_counter() - start)


async def _raw_per_s(on: Rig) -> float:
    start, name = time.perf_counter(), uuid4().hex[:22]
    for number in range(1, BATCH):
        headers = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(number)}
        await on.raw_writer.publish("raw.batch", TOKEN.encode(), headers=headers)
    headers = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(BATCH), "Nats-Batch-Commit": "1"}
    await on.stream.publish("raw.batch", TOKEN.encode(), headers=headers)
    return BATCH / (time.perf_counter() - start)


async def _batches(on: Rig, tier: Tier, batches: int) -> Row:
    """Events by atomic batches of `BATCH`, one after another; raw ones hold a bare token and no id."""
    writer, _ = on.sessions()
    ours: list[list[float]] = []
    raw: list[list[float]] = []
    for _number in range(batches):
        ours.append([await _ours_per_s(on, writer)])
        raw.append([await _raw_per_s(on)])
    return compare("sustained", f"atomic batches of {BATCH}, {tier}", ours, raw, "events/s")


async def sustained(scale: float) -> list[Row]:
    """10,000 tokens a second by rollup, and what each way of writing can take."""
    rows = []
    for tier in TIERS:
        async with rig(tier) as on:
            rows += await _paced(on, tier, max(1.0, SECONDS * scale))
            rows.append(await _ceiling(on, tier, int(CEILING_TOKENS * scale)))
            rows.append(await _single(on, tier, int(2000 * max(scale, 0.1))))
            rows.append(await _batches(on, tier, max(5, int(BATCHES * scale))))
    return rows
