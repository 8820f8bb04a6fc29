"""Sub-agents through an orchestrator against sub-agents that write to the session: what the way
round costs.

The orchestrator is a process of its own, which gets SIGKILL in the middle. The sub-agents are
simulated.
"""

import asyncio
import json
import os
import sys
import time
from statistics import median_high
from typing import TYPE_CHECKING, Any

from toolkit.sessions.nats.log import NatsLog
from toolkit.sessions.nats.server import SERVER_URL, NatsServer
from toolkit.sessions.session import Session
from toolkit.tasks import stop

if TYPE_CHECKING:
    import pandas as pd

PACE_S = 0.01
DEADLINE_S = 15.0
PROGRAM = """
import asyncio, os, sys
from toolkit.sessions.lab.relay import orchestrate
asyncio.run(orchestrate(os.environ["FIELDBOOK_SERVER_URL"], *sys.argv[1:]))
"""


async def compare_relay(
    workers: int = 4, words: int = 60, die_after: float = 0.5
) -> "pd.DataFrame":
    """Let `workers` sub-agents say `words` words each; the orchestrator dies after the share
    `die_after` of them.

    Returns
    -------
    DataFrame
        A row for ``relay`` and one for ``direct``: words made and lost, latency_p50_ms from the
        making of a word to its arrival at a reader, through_orchestrator (words that it was
        handed), source.
    """
    import pandas as pd

    async with NatsServer() as server, await NatsLog.connect(server.url) as log:
        arms = [
            await _measure(arm, log, server.url, workers, words, die_after)
            for arm in ("relay", "direct")
        ]
    return pd.DataFrame(arms)


async def _measure(
    arm: str, log: NatsLog, url: str, workers: int, words: int, die_after: float
) -> dict[str, Any]:
    session, arrived, handed = Session(log, arm), list[float](), 0
    program = [sys.executable, "-c", PROGRAM, arm]
    pipe, environment = asyncio.subprocess.PIPE, {**os.environ, SERVER_URL: url}
    orchestrator = await asyncio.create_subprocess_exec(
        *program, stdin=pipe, stdout=pipe, env=environment
    )
    to_it, from_it = orchestrator.stdin, orchestrator.stdout
    assert to_it
    assert from_it

    async def watch() -> None:
        async for event in session.read():
            arrived.append(1000 * (time.time() - event.data["made"]))

    async def sub_agent(name: str) -> None:
        nonlocal handed
        for n in range(words):
            await asyncio.sleep(PACE_S)
            word = {"actor": name, "n": n, "made": time.time()}
            if arm == "direct":
                await session.append("word", name, word)
            elif orchestrator.returncode is None:
                to_it.write(json.dumps(word).encode() + b"\n")
                handed += 1
            if n == int(words * die_after) and orchestrator.returncode is None:
                orchestrator.kill()

    watching = asyncio.create_task(watch())
    try:
        async with asyncio.timeout(DEADLINE_S):
            await from_it.readline()  # it is connected
            await asyncio.gather(*(sub_agent(f"worker-{n}") for n in range(workers)))
            stored = [event async for event in session.read(follow=False)]
            while len(arrived) < len(stored):
                await asyncio.sleep(PACE_S)
    finally:
        await stop(watching)
        if orchestrator.returncode is None:
            orchestrator.kill()
        to_it.close()
        await orchestrator.wait()
    p50, lost = round(median_high(arrived), 2), workers * words - len(stored)
    figures = {
        "made": workers * words,
        "lost": lost,
        "latency_p50_ms": p50,
        "through_orchestrator": handed,
    }
    return {"arm": arm, **figures, "source": "simulated"}


async def orchestrate(url: str, session: str) -> None:
    """The orchestrator: what its sub-agents hand it on stdin goes on to the session, one after the
    other.
    """
    async with await NatsLog.connect(url) as log:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            word = json.loads(line)
            await Session(log, session).append("word", word["actor"], word)
