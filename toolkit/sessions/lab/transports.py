"""Five ways to get an answer to a screen, under the same faults, counted token by token.

The agent is simulated: scripted tokens at a pace. Sockets, faults, processes, signals and NATS are real.
"""

import asyncio
import re
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from toolkit.events import Event
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.lab.faults import FaultyProxy, Kind, Schedule, WebProcess
from toolkit.sessions.nats import NatsLog
from toolkit.sessions.server import NatsServer
from toolkit.sessions.session import Session
from toolkit.sessions.wire import as_json, broken, listen

if TYPE_CHECKING:
    import pandas as pd

ARMS: dict[str, tuple[str, str]] = {
    "direct SSE": ("http", "direct/{}"),
    "SSE with a buffer": ("http", "buffer/{}"),
    "bare WebSocket": ("ws", "live/{}"),
    "durable over SSE": ("http", "sessions/{}/events"),
    "durable over WebSocket": ("ws", "sessions/{}/ws"),
}
N_TOKENS = 50
PACE_S = 0.02
SILENCE_S = 0.4
"""A client that hears nothing for so long connects again, in every arm."""
RETRY_S = 0.05
PHONE_AT_S = 0.4
"""When the second surface comes, on a network of its own, without faults."""
STALL_S = 0.15
"""A pause between two words that is longer counts as a stall."""
DEADLINE_S = 10.0
TOKEN = re.compile(r"([\w-]+):(\d+) ")


async def speak(name: str, place: Path) -> AsyncGenerator[str, None]:
    """The simulated model. Each token is paid for by a dot in the file `name`; a cross says that it was broken off."""
    with (place / name).open("ab", buffering=0) as paid:
        try:
            for n in range(N_TOKENS):
                await asyncio.sleep(PACE_S)
                paid.write(b".")
                yield f"{name}:{n} "
        except (asyncio.CancelledError, GeneratorExit):
            paid.write(b"x")
            raise


@dataclass
class Screen:
    """What one client shows, and when each word came. A durable one folds; the others append."""

    fold: Conversation | None = None
    text: str = ""
    times: list[float] = field(default_factory=list)
    cursor: str = ""

    def take(self, name: str, cursor: str, told: dict[str, Any]) -> bool | None:
        """One message from the wire. True where the answer is whole, False where nobody knows it any more."""
        self.cursor, before = cursor or self.cursor, len(self.text)
        event = told.get("event", told)
        if self.fold is None:
            self.text += told.get("text", "")
        elif "kind" in event:
            self.fold.apply(Event(**event))
            self.text = self.fold.text
        if len(self.text) > before:
            self.times.append(time.monotonic())
        ended = self.fold and any(run.ended for run in self.fold.runs.values())
        return True if ended or "done" in (name, *told) else False if name == "refused" else None

    def tokens(self, name: str) -> list[int]:
        """The numbers of the tokens of answer `name`, as shown."""
        return [int(n) for whose, n in TOKEN.findall(self.text) if whose == name]


async def compare_transports(
    seeds: int | Sequence[int] = 5, faults: Sequence[Kind] = get_args(Kind), count: int = 3
) -> "pd.DataFrame":
    """Run the five arms at the same time under one schedule of faults for each seed.

    A coroutine: a notebook says ``await compare_transports(5)``, a script ``asyncio.run(compare_transports(5))``.

    Parameters
    ----------
    seeds : int or sequence of int
        A number n stands for the seeds 0 to n - 1. A seed that is there twice is run twice.
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
        stack.push_async_callback(web.kill)
        await web.start()
        for number, seed in enumerate(range(seeds) if isinstance(seeds, int) else seeds):
            schedule = Schedule.draw(seed, faults, count)
            async with FaultyProxy(web.port) as proxy, asyncio.TaskGroup() as group:
                started = time.monotonic()
                arms = [_Arm(arm, number, seed, place, log, proxy.port, web.port) for arm in ARMS]
                runs = [group.create_task(arm.run()) for arm in arms]
                await _break(schedule, started, proxy, web)
            rows += [{**run.result(), "source": "simulated", "faults": str(schedule)} for run in runs]
    return pd.DataFrame(rows)


async def _break(schedule: Schedule, started: float, proxy: FaultyProxy, web: WebProcess) -> None:
    async with asyncio.TaskGroup() as group:
        for fault in schedule.faults:
            await asyncio.sleep(started + fault.at_s - time.monotonic())
            match fault.kind:
                case "cut":
                    proxy.cut()
                case "half-open":
                    proxy.half_open()
                case "stall":
                    proxy.stall(fault.for_s)
                case "slow":
                    proxy.slow(fault.for_s)
                case "freeze":
                    group.create_task(web.freeze(fault.for_s))
                case "kill":
                    await web.kill()
                    await web.start()


@dataclass
class _Arm:
    """One arm under one schedule: an answer is asked for, a laptop shows it, a phone joins in the middle."""

    arm: str
    number: int
    seed: int
    place: Path
    log: NatsLog
    through: int
    """The proxy's port."""
    straight: int
    """The web server's."""

    def __post_init__(self) -> None:
        self.scheme, self.path = ARMS[self.arm]
        self.durable, self.direct = self.path.startswith("sessions"), self.path.startswith("direct")
        self.name = f"{self.number}-{list(ARMS).index(self.arm)}"
        """The answer that is asked for; when it is lost, another is."""

    async def run(self) -> dict[str, Any]:
        """Its row."""
        started = time.monotonic()
        laptop, phone = (Screen(Conversation(self.name) if self.durable else None) for _ in range(2))
        with suppress(TimeoutError):  # what has not come by then is lost
            async with asyncio.timeout(DEADLINE_S):
                agent = [self._agent()] if self.durable else []
                await asyncio.gather(self._laptop(laptop), self._phone(phone), *agent)
        shown, gaps = laptop.tokens(self.name), [b - a for a, b in pairwise(laptop.times)]
        paid = "".join(file.read_text() for file in self.place.glob(f"{self.name}*"))
        return {
            "seed": self.seed,
            "arm": self.arm,
            "delivered": len(set(shown)),
            "lost": N_TOKENS - len(set(shown)),
            "duplicated": len(shown) - len(set(shown)),
            "reordered": sum(b < a for a, b in pairwise(shown)),
            "regenerated": max(0, paid.count(".") - N_TOKENS),
            "stall_s": round(sum(gap for gap in gaps if gap > STALL_S), 3),
            "ttft_s": round(laptop.times[0] - started, 3) if laptop.times else None,
            "wrong_cancels": paid.count("x"),
            "second_surface_saw_all": phone.tokens(self.name) == list(range(N_TOKENS)),
        }

    async def _agent(self) -> None:
        run = await Session(self.log, self.name).start_run("agent", "simulated")
        async for word in speak(self.name, self.place):
            await run.write(word)
        await run.finish()

    async def _laptop(self, screen: Screen) -> None:
        name, asked = self.name, 1
        while not await self._watch(screen, name, self.through, ask=True):
            name, screen.cursor, asked = f"{self.name}-{asked}", "", asked + 1

    async def _phone(self, screen: Screen) -> None:
        await asyncio.sleep(PHONE_AT_S)
        if not self.direct:  # there is nothing that a second surface could ask for
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
            if self.direct:
                return False
            await asyncio.sleep(RETRY_S)
