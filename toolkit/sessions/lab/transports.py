"""Five ways to get an answer to a screen, under the same faults, counted token by token.

The agent is simulated: scripted tokens at a pace. Sockets, faults, processes, signals and NATS are real.
"""

import asyncio
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from toolkit import warden
from toolkit.events import Event
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.lab.faults import FaultyProxy, Kind, Schedule
from toolkit.sessions.lab.web import N_TOKENS, READY, speak
from toolkit.sessions.lab.wire import as_json, broken, listen
from toolkit.sessions.nats import NatsLog
from toolkit.sessions.server import NatsServer
from toolkit.sessions.session import Session

if TYPE_CHECKING:
    import pandas as pd

ARMS: dict[str, tuple[str, str]] = {
    "direct SSE": ("http", "direct/{}"),
    "SSE with a buffer": ("http", "buffer/{}"),
    "bare WebSocket": ("ws", "live/{}"),
    "durable over SSE": ("http", "sessions/{}/events"),
    "durable over WebSocket": ("ws", "sessions/{}/ws"),
}
SILENCE_S = 0.4
"""A client that hears nothing for so long connects again, in every arm."""
RETRY_S = 0.05
PHONE_AT_S = 0.4
"""When the second surface comes, on a network of its own, without faults."""
STALL_S = 0.15
"""A pause between two words that is longer counts as a stall."""
DEADLINE_S = 10.0
START_S = 15.0
PROGRAM = """
import asyncio, pathlib, sys
from toolkit.sessions.lab.web import serve_arms
asyncio.run(serve_arms(int(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])))
"""
TOKEN = re.compile(r"([\w-]+):(\d+) ")


@dataclass
class Screen:
    """What one client shows, and when each word came."""

    text: str = ""
    times: list[float] = field(default_factory=list)
    fold: Conversation | None = None
    cursor: str = ""

    def take(self, name: str, cursor: str, told: dict[str, Any]) -> bool | None:
        """One message from the wire. True where the answer is whole, False where nobody knows it any more."""
        self.cursor = cursor or self.cursor
        before = len(self.text)
        event = told.get("event", told)
        if self.fold and "kind" in event:
            self.fold.apply(Event(**event))
            self.text = self.fold.text
        elif not self.fold:
            self.text += told.get("text", "")
        if len(self.text) > before:
            self.times.append(time.monotonic())
        if "done" in (name, *told) or (self.fold and any(run.ended for run in self.fold.runs.values())):
            return True
        return False if name == "refused" or "unknown" in told else None

    def tokens(self, name: str) -> list[int]:
        """The numbers of the tokens of answer `name`, as shown."""
        return [int(n) for whose, n in TOKEN.findall(self.text) if whose == name]


class WebProcess:
    """The web server as a child: killed with SIGKILL, frozen with SIGSTOP, started again on its port."""

    def __init__(self, url: str, place: Path):
        self._url, self._place, self.port, self._pid = url, place, 0, 0

    async def start(self) -> None:
        (self._place / READY).unlink(missing_ok=True)
        program = [sys.executable, "-c", PROGRAM, str(self.port), self._url, str(self._place)]
        with (self._place / "web.log").open("ab") as log:
            self._warden = await asyncio.create_subprocess_exec(
                *warden.command(program), stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log
            )
        async with asyncio.timeout(START_S):
            while not (self._place / READY).exists():
                await asyncio.sleep(0.01)
        self._pid, self.port = map(int, (self._place / READY).read_text().split())

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        await asyncio.wait_for(self._warden.wait(), START_S)

    async def freeze(self, for_s: float) -> None:
        os.kill(self._pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(for_s)
        finally:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGCONT)


async def compare_transports(
    seeds: int | Sequence[int] = 5, faults: Sequence[Kind] = get_args(Kind), count: int = 3
) -> "pd.DataFrame":
    """Run the five arms at the same time under one schedule of faults for each seed.

    Parameters
    ----------
    seeds : int or sequence of int
        A number n stands for the seeds 0 to n - 1.
    faults : sequence of str
        The kinds to draw from; none runs without faults.
    count : int
        Faults in a run.

    Returns
    -------
    DataFrame
        One row a run: seed, arm, delivered, lost, duplicated and reordered (tokens of the answer that was asked for),
        regenerated (tokens paid for again because the client had to ask again), stall_s, ttft_s, wrong_cancels,
        second_surface_saw_all, source, faults.
    """
    import pandas as pd

    broken()  # imported before the clock runs
    rows: list[dict[str, Any]] = []
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fieldbook-lab-")))
        server = await stack.enter_async_context(NatsServer())
        log = await stack.enter_async_context(await NatsLog.connect(server.url))
        web = WebProcess(server.url, place)
        await web.start()
        stack.push_async_callback(web.kill)
        for seed in range(seeds) if isinstance(seeds, int) else seeds:
            schedule = Schedule.draw(seed, faults, count)
            async with FaultyProxy(web.port) as proxy, asyncio.TaskGroup() as group:
                started = time.monotonic()
                runs = [group.create_task(_Run(arm, seed, place, log, proxy.port, web.port).row()) for arm in ARMS]
                await _break(schedule, started, proxy, web)
            rows += [{**run.result(), "source": "simulated", "faults": str(schedule)} for run in runs]
    return pd.DataFrame(rows)


async def _break(schedule: Schedule, started: float, proxy: FaultyProxy, web: WebProcess) -> None:
    async with asyncio.TaskGroup() as group:
        for fault in schedule.faults:
            await asyncio.sleep(started + fault.at_s - time.monotonic())
            if fault.kind == "cut":
                proxy.cut()
            elif fault.kind == "half-open":
                proxy.half_open()
            elif fault.kind == "kill":
                await web.kill()
                await web.start()
            else:
                lasting = {"stall": proxy.stall, "slow": proxy.slow, "freeze": web.freeze}[fault.kind]
                group.create_task(lasting(fault.for_s))


class _Run:
    """One arm under one schedule: an answer is asked for, a laptop shows it, a phone joins in the middle."""

    def __init__(self, arm: str, seed: int, place: Path, log: NatsLog, through: int, straight: int):
        self.arm, self.seed, self.place = arm, seed, place
        self.scheme, self.path = ARMS[arm]
        self.durable = self.path.startswith("sessions")
        self.log, self.through, self.straight = log, through, straight
        self.name = f"{seed}-{self.scheme}"
        """The answer that is asked for; when it is lost, another is."""
        self.tally = place / (self.scheme if self.durable else self.path.partition("/")[0])
        self.before = {kind: self._tally(kind) for kind in ("paid", "cancelled")}

    async def row(self) -> dict[str, Any]:
        started, laptop, phone = time.monotonic(), self._screen(), self._screen()
        with suppress(TimeoutError):  # what has not come by then is lost
            async with asyncio.timeout(DEADLINE_S):
                agent = [self._agent()] if self.durable else []
                await asyncio.gather(self._laptop(laptop), self._phone(phone), *agent)
        shown = laptop.tokens(self.name)
        gaps = [b - a for a, b in pairwise(laptop.times)]
        return {
            "seed": self.seed,
            "arm": self.arm,
            "delivered": len(set(shown)),
            "lost": N_TOKENS - len(set(shown)),
            "duplicated": len(shown) - len(set(shown)),
            "reordered": sum(b < a for a, b in pairwise(shown)),
            "regenerated": max(0, self._tally("paid") - self.before["paid"] - N_TOKENS),
            "stall_s": round(sum(gap for gap in gaps if gap > STALL_S), 3),
            "ttft_s": round(laptop.times[0] - started, 3) if laptop.times else None,
            "wrong_cancels": self._tally("cancelled") - self.before["cancelled"],
            "second_surface_saw_all": phone.tokens(self.name) == list(range(N_TOKENS)),
        }

    def _screen(self) -> Screen:
        return Screen(fold=Conversation(self.name) if self.durable else None)

    def _tally(self, kind: str) -> int:
        file = Path(f"{self.tally}-{kind}")
        return file.stat().st_size if file.exists() else 0

    async def _agent(self) -> None:
        run = await Session(self.log, self.name).start_run("agent", "simulated")
        async for word in speak(self.name, Path(f"{self.tally}-paid")):
            await run.write(word)
        await run.finish()

    async def _laptop(self, screen: Screen) -> None:
        name, asked = self.name, 1
        while not await self._watch(screen, name, self.through, ask=True):
            name, screen.cursor, asked = f"{self.name}-{asked}", "", asked + 1

    async def _phone(self, screen: Screen) -> None:
        await asyncio.sleep(PHONE_AT_S)
        if self.path != "direct/{}":  # there is nothing that a second surface could ask for
            await self._watch(screen, self.name, self.straight, ask=False)

    async def _watch(self, screen: Screen, name: str, port: int, ask: bool) -> bool:
        """Follow an answer across connections, as far as the arm can. False where it is lost to this client."""
        url = f"{self.scheme}://127.0.0.1:{port}/{self.path.format(name)}"
        while True:
            with suppress(*broken()):
                async with aclosing(listen(url + "?ask=1" * ask, screen.cursor, SILENCE_S)) as frames:
                    async for event, cursor, data in frames:
                        ask = False
                        if (whole := screen.take(event, cursor, as_json(data))) is not None:
                            return whole
            if self.path == "direct/{}":
                return False
            await asyncio.sleep(RETRY_S)
