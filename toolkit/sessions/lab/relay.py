"""Sub-agents through an orchestrator, against sub-agents that write to the session themselves.

The orchestrator is a process of its own, which gets SIGKILL in the middle. The sub-agents are
simulated.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median_high
from typing import TYPE_CHECKING, Any

from toolkit.sessions.lab.processes import child_command, child_environment
from toolkit.sessions.nats.log import NatsLog
from toolkit.sessions.nats.server import SERVER_URL, NatsServer
from toolkit.sessions.session import Session
from toolkit.tasks import stop

if TYPE_CHECKING:
    import pandas as pd

PACE_S = 0.01
DEADLINE_S = 15.0


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

    rows = []
    async with NatsServer() as server, await NatsLog.connect(server.url) as log:
        for arm in ("relay", "direct"):
            row = await _measure(Session(log, arm), server.url, workers, words, die_after)
            rows.append(row)
    return pd.DataFrame(rows)


class _Orchestrator:
    """The process that sub-agents hand their words to."""

    def __init__(self, process: asyncio.subprocess.Process):
        assert process.stdin
        self._process = process
        self._stdin = process.stdin
        self.n_handed = 0

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    def hand(self, word: dict[str, Any]) -> None:
        """Give it a word. A word for a dead orchestrator is lost."""
        if self.is_alive:
            self._stdin.write(json.dumps(word).encode() + b"\n")
            self.n_handed += 1

    def kill(self) -> None:
        if self.is_alive:
            self._process.kill()


@asynccontextmanager
async def _orchestrator(url: str, session: str) -> AsyncIterator[_Orchestrator]:
    """An orchestrator that is connected. It is gone when the block is left."""
    process = await asyncio.create_subprocess_exec(
        *child_command("toolkit.sessions.lab.relay:orchestrate", session),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=child_environment(url),
    )
    orchestrator = _Orchestrator(process)
    try:
        assert process.stdout
        await process.stdout.readline()
        yield orchestrator
    finally:
        orchestrator.kill()
        assert process.stdin
        process.stdin.close()
        await process.wait()


async def _measure(
    session: Session, url: str, workers: int, words: int, die_after: float
) -> dict[str, Any]:
    """The row of the arm that the session is named after."""
    latencies_ms: list[float] = []

    async def watch() -> None:
        async for event in session.read():
            latencies_ms.append(1000 * (time.time() - event.data["made"]))

    async def sub_agent(name: str) -> None:
        for n in range(words):
            await asyncio.sleep(PACE_S)
            word = {"actor": name, "n": n, "made": time.time()}
            if session.id == "direct":
                await session.append("word", name, word)
            else:
                orchestrator.hand(word)
            if n == int(words * die_after):
                orchestrator.kill()

    watching = asyncio.create_task(watch())
    try:
        async with asyncio.timeout(DEADLINE_S), _orchestrator(url, session.id) as orchestrator:
            await asyncio.gather(*(sub_agent(f"worker-{n}") for n in range(workers)))
            n_stored = len([event async for event in session.read(follow=False)])
            while len(latencies_ms) < n_stored:
                await asyncio.sleep(PACE_S)
    finally:
        await stop(watching)
    return {
        "arm": session.id,
        "made": workers * words,
        "lost": workers * words - n_stored,
        "latency_p50_ms": round(median_high(latencies_ms), 2),
        "through_orchestrator": orchestrator.n_handed,
        "source": "simulated",
    }


async def orchestrate(session: str) -> None:
    """The orchestrator: each word that it is handed on stdin goes on to the session."""
    async with await NatsLog.connect(os.environ[SERVER_URL]) as log:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            word = json.loads(line)
            await Session(log, session).append("word", word["actor"], word)
