"""Delivery: Harbor's agents stream through durable sessions while the reader and the server are killed."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from toolkit.harbor import Situation, Truth, World, harbor_policy, serve, situations
from toolkit.models import Answer, Model, Request
from toolkit.sessions import MemoryLog, NatsLog, NatsServer, Session
from toolkit.tour.count import Delivery, Witness
from toolkit.tour.reader import Reader, ReaderProcess, ReaderTask, arrivals

CONVERSATIONS = 24
AT_ONCE = 4
PIECE_DELAY_S = 0.02
SERVER_AWAY_S = 0.5
ARRIVE_TIMEOUT_S = 60.0
POLL_S = 0.02

Say = Callable[[str], object]
"""Takes one sentence of the story."""


def paced_policy(request: Request) -> Answer:
    """Harbor's scripted agent, with a pause between its words, so that there is a middle to kill something in."""
    return replace(harbor_policy(request), delay_s=PIECE_DELAY_S)


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation to be had."""

    session: str
    situation: Situation
    phrasing: int
    failure: str | None

    @property
    def truth(self) -> Truth:
        """What is planted in it."""
        return Truth(self.session, self.failure, self.situation.id)


def talks(n: int = CONVERSATIONS, tag: str = "tour", plant: bool = True) -> list[Talk]:
    """`n` different situations; every third one has a failure planted (unless not to `plant`), the modes in turn."""
    chosen = list(situations().values())[:n]
    planted = (
        (s.modes[i // 3 % len(s.modes)] if plant and i % 3 == 2 and s.modes else None) for i, s in enumerate(chosen)
    )
    return [Talk(f"{tag}-{i:02}", s, i, mode) for i, (s, mode) in enumerate(zip(chosen, planted, strict=True), 1)]


async def deliver(
    model: Model, folder: Path, memory: bool = False, conversations: int = CONVERSATIONS, say: Say = lambda _: None
) -> Delivery:
    """Hold the conversations on durable sessions, kill the reader twice and the server once, and count.

    Parameters
    ----------
    model : Model
        Plays the agent; over loopback it is `paced_policy`.
    folder : Path
        Gets ``received.jsonl``, the reading client's file.
    memory : bool
        A log in memory and a reader in this process; there is no server to kill then.
    conversations : int
        How many, each on a session of its own.
    say : callable
        Takes the story as it happens.
    """
    # Names of its own: the server may be somebody's cluster, and hold an earlier tour.
    plan = talks(conversations, f"tour-{uuid4().hex[:6]}", plant=model.source == "simulated")
    path = folder / "received.jsonl"
    path.unlink(missing_ok=True)
    names = [talk.session for talk in plan]
    if memory:
        log = MemoryLog()
        return await _Run(plan, model, Witness(log), ReaderTask(log, path, names), path, say, None).whole()
    async with NatsServer() as server, await NatsLog.connect(server.url) as nats:
        say(f"nats-server runs at {server.url} (pid {server.pid}); acknowledged means: {nats.durability}")
        reader = ReaderProcess(server.url, path, names)
        killable = server if server.pid else None
        return await _Run(plan, model, Witness(nats), reader, path, say, killable).whole()


@dataclass
class _Run:
    plan: list[Talk]
    model: Model
    log: Witness
    reader: Reader
    path: Path
    say: Say
    server: NatsServer | None
    started: float = 0.0
    done: int = 0
    complete: int = 0
    faults: list[tuple[float, str]] = field(default_factory=list)

    async def whole(self) -> Delivery:
        self.started = time.time()
        await self.reader.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._harm())
                room = asyncio.Semaphore(AT_ONCE)
                for talk in self.plan:
                    group.create_task(self._hold(talk, room))
            await self._all_arrived()
        finally:
            await self.reader.kill()
        traces = [await Session(self.log, talk.session).trace() for talk in self.plan]
        received = tuple(arrivals(self.path))
        end = max(one.time for one in (*self.log.sent, *received))
        first = min(one.time for one in self.log.sent)
        faults = tuple((when - first, what) for when, what in self.faults)
        sent = tuple(self.log.sent)
        truth = tuple(talk.truth for talk in self.plan)
        return Delivery(sent, received, faults, tuple(traces), self.log.durability, end - first, self.complete, truth)

    async def _hold(self, talk: Talk, room: asyncio.Semaphore) -> None:
        async with room:
            session = Session(self.log, talk.session)
            with World.open(now=talk.situation.now) as world:
                whole = await serve(
                    session, talk.situation, self.model, world, phrasing=talk.phrasing, failure=talk.failure
                )
        self.done += 1
        self.complete += whole

    async def _harm(self) -> None:
        """Kill the reader, the server, the reader again, each while conversations are under way."""
        quarter = len(self.plan) // 4
        for after, harm in (
            (quarter, self._kill_client),
            (2 * quarter, self._kill_server),
            (3 * quarter, self._kill_client),
        ):
            while self.done < after:
                await asyncio.sleep(POLL_S)
            await harm()

    async def _kill_client(self) -> None:
        await self._received_something()
        await self.reader.kill()
        self._note("client killed" if isinstance(self.reader, ReaderProcess) else "client cut")
        await asyncio.sleep(SERVER_AWAY_S)
        await self.reader.start()
        self._note("client back")

    async def _kill_server(self) -> None:
        if self.server is None:
            return
        await self.server.kill()
        self._note("server killed")
        await asyncio.sleep(SERVER_AWAY_S)
        await self.server.restart()
        self._note("server back")

    async def _received_something(self) -> None:
        """Killing a client that has not begun to read would prove nothing."""
        size = self.path.stat().st_size if self.path.exists() else 0
        async with asyncio.timeout(ARRIVE_TIMEOUT_S):
            while self.done < len(self.plan) and (not self.path.exists() or self.path.stat().st_size <= size):
                await asyncio.sleep(POLL_S)

    def _note(self, what: str) -> None:
        self.faults.append((time.time(), what))
        self.say(f"  {time.time() - self.started:5.1f} s  {what} ({len(self.log.sent)} events acknowledged)")

    async def _all_arrived(self) -> None:
        """Wait until the reader's file holds the last event of each session, or the deadline: then some are lost."""
        last = {one.event.session: one.event.seq or 0 for one in self.log.sent}
        give_up = time.monotonic() + ARRIVE_TIMEOUT_S
        while time.monotonic() < give_up:
            got = {one.event.session: one.event.seq or 0 for one in arrivals(self.path)}
            if all(got.get(session, 0) >= seq for session, seq in last.items()):
                return
            await asyncio.sleep(POLL_S * 5)
