"""Many sessions at once, and one session that many surfaces watch."""

import asyncio
import os
import time

import psutil

from tests.bench.measure import Row, percentile
from tests.bench.rig import TOKEN, Arrivals, Rig, rig, task, within
from toolkit.sessions import Session

SESSIONS = 1000
AT_ONCE = 50
TOKENS = 50
SURFACES = 100
WATCHED_TOKENS = 100
PACE_S = 0.02


def _memory_mb() -> float:
    return float(psutil.Process(os.getpid()).memory_info().rss) / 1e6


async def _one_session(on: Rig, free: asyncio.Semaphore, delays_ms: list[float]) -> None:
    async with free:
        writer, reader = on.sessions()
        arrivals, sent = Arrivals(), []
        async with task(arrivals.words(reader)):
            run = await writer.start_run("agent", source="simulated", window_s=0)
            for _ in range(TOKENS):
                sent.append(time.perf_counter())
                await run.write(TOKEN)
            await run.finish()
            for start in sent:
                delays_ms.append(1000 * (await within(arrivals.seen.get()) - start))


async def _many_sessions(sessions: int) -> list[Row]:
    delays_ms: list[float] = []
    async with rig("os") as on:
        before, free, start = _memory_mb(), asyncio.Semaphore(AT_ONCE), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(sessions):
                group.create_task(_one_session(on, free, delays_ms))
        taken, grown = time.perf_counter() - start, _memory_mb() - before
    what = f"{sessions} sessions, {AT_ONCE} at once"
    return [
        Row(
            "crowd",
            f"{what}: tokens",
            sessions * TOKENS / taken,
            "tokens/s",
            note="window 0, unpaced",
        ),
        Row("crowd", f"{what}: sessions", sessions / taken, "sessions/s"),
        Row("crowd", f"{what}: seen, p50", percentile(delays_ms, 50), "ms"),
        Row("crowd", f"{what}: seen, p99", percentile(delays_ms, 99), "ms"),
        Row("crowd", f"{what}: memory of the client grew by", grown, "MB"),
        Row("crowd", f"{what}: memory of the client", _memory_mb(), "MB"),
    ]


async def _watch(reader: Session, seen: list[float], tokens: int) -> None:
    chars = 0
    async for event in reader.read():
        if event.kind == "text.delta":
            chars += len(event.data["text"])
            seen.extend([time.perf_counter()] * (chars // len(TOKEN) - len(seen)))
        if len(seen) >= tokens:
            return


async def _many_surfaces(window_s: float, tokens: int) -> list[Row]:
    """Surfaces of one session, on one connection; a token every 20 ms, as a fast model puts them
    out.
    """
    async with rig("os") as on:
        writer, reader = on.sessions()
        before = _memory_mb()
        seen: list[list[float]] = [[] for _ in range(SURFACES)]
        async with asyncio.TaskGroup() as group:
            for one in seen:
                group.create_task(_watch(reader, one, tokens))
            run = await writer.start_run("agent", source="simulated", window_s=window_s)
            sent = []
            for _ in range(tokens):
                sent.append(time.perf_counter())
                await run.write(TOKEN)
                await asyncio.sleep(max(0.0, PACE_S - (time.perf_counter() - sent[-1])))
            await run.finish()
        taken, grown = max(one[-1] for one in seen) - sent[0], _memory_mb() - before
    delays_ms = [1000 * (at - start) for one in seen for at, start in zip(one, sent, strict=True)]
    what = f"{SURFACES} surfaces on one session, window {1000 * window_s:g} ms"
    return [
        Row(
            "crowd",
            f"{what}: tokens seen",
            SURFACES * tokens / taken,
            "tokens/s",
            note="50 tokens/s written",
        ),
        Row("crowd", f"{what}: seen, p50", percentile(delays_ms, 50), "ms"),
        Row("crowd", f"{what}: seen, p99", percentile(delays_ms, 99), "ms"),
        Row("crowd", f"{what}: memory of the client grew by", grown, "MB"),
    ]


async def crowd(scale: float) -> list[Row]:
    """1,000 sessions with a reader each; 100 surfaces on one session. One process holds writers and
    readers.
    """
    tokens = max(20, int(WATCHED_TOKENS * scale))
    return [
        *await _many_sessions(max(AT_ONCE, int(SESSIONS * scale))),
        *await _many_surfaces(0.0, tokens),
        *await _many_surfaces(0.04, tokens),
    ]
