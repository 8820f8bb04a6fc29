"""Delivery: Harbor's agents stream through durable sessions while the reader and the server are
killed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from uuid import uuid4

from toolkit.harbor import Talk, harbor_policy, situations
from toolkit.models import Answer, Model, Request
from toolkit.sessions import MemoryLog, NatsLog, NatsServer, Session
from toolkit.tour.count import Delivery, Witness
from toolkit.tour.reader import Kill, arrivals, start_process, start_task

CONVERSATIONS = 24
AT_ONCE = 4
PIECE_DELAY_S = 0.02
AWAY_S = 0.5
ARRIVE_TIMEOUT_S = 60.0
POLL_S = 0.02

Say = Callable[[str], object]
"""Takes one sentence of the story."""


def paced_policy(request: Request) -> Answer:
    """Harbor's scripted agent, with a pause between its words, so that there is a middle to kill
    something in.
    """
    return replace(harbor_policy(request), delay_s=PIECE_DELAY_S)


def talks(n: int = CONVERSATIONS, tag: str = "tour", plant: bool = True) -> list[Talk]:
    """`n` different situations; every third one has a failure planted (unless not to `plant`), the
    modes in turn.
    """

    def planted(i: int, modes: tuple[str, ...]) -> str | None:
        return modes[i // 3 % len(modes)] if plant and i % 3 == 2 and modes else None

    chosen = enumerate(list(situations().values())[:n])
    return [Talk(f"{tag}-{i + 1:02}", one, i + 1, planted(i, one.modes)) for i, one in chosen]


async def deliver(
    model: Model,
    folder: Path,
    memory: bool = False,
    conversations: int = CONVERSATIONS,
    say: Say = lambda _: None,
) -> Delivery:
    """Hold so many conversations on durable sessions, kill the reader twice and the server once,
    and count.

    `model` plays the agent; over loopback it is `paced_policy`. `folder` gets ``received.jsonl``,
    the reading client's file. With `memory` the log is in memory and the reader in this process: no
    server is there to be killed. `say` takes the story as it happens.
    """
    # Names of its own: the server may be somebody's cluster, and hold an earlier tour.
    plan = talks(conversations, f"tour-{uuid4().hex[:6]}", plant=model.source == "simulated")
    path, names = folder / "received.jsonl", [talk.session for talk in plan]
    path.write_bytes(b"")
    if memory:
        log = MemoryLog()
        return await _Run(
            plan, model, Witness(log), partial(start_task, log, path, names), path, say, None
        ).whole()
    async with NatsServer() as server, await NatsLog.connect(server.url) as nats:
        say(
            f"nats-server runs at {server.address} (pid {server.pid}); acknowledged means: {nats.durability}"
        )
        start = partial(start_process, server.url, path, names)
        return await _Run(
            plan, model, Witness(nats), start, path, say, server if server.pid else None
        ).whole()


@dataclass
class _Run:
    plan: list[Talk]
    model: Model
    log: Witness
    start_reader: Callable[[], Awaitable[Kill]]
    path: Path
    say: Say
    server: NatsServer | None
    done: int = 0
    complete: int = 0
    faults: list[tuple[float, str]] = field(default_factory=list)

    async def whole(self) -> Delivery:
        await self._start()
        try:
            async with asyncio.TaskGroup() as group:
                room = asyncio.Semaphore(AT_ONCE)
                for talk in self.plan:
                    group.create_task(self._hold(talk, room))
                for quarter, harm in enumerate(
                    (self._kill_client, self._kill_server, self._kill_client), 1
                ):
                    while self.done < quarter * (len(self.plan) // 4):
                        await asyncio.sleep(POLL_S)
                    await harm()
            await self._all_arrived()
        finally:
            await self.kill_reader()
        return Delivery(
            sent=tuple(self.log.sent),
            received=tuple(arrivals(self.path)),
            faults=tuple(self.faults),
            traces=tuple([await Session(self.log, talk.session).trace() for talk in self.plan]),
            durability=self.log.durability,
            complete=self.complete,
            truth=tuple(talk.truth for talk in self.plan),
        )

    async def _hold(self, talk: Talk, room: asyncio.Semaphore) -> None:
        async with room:
            whole = await talk.hold(Session(self.log, talk.session), self.model)
        self.done += 1
        self.complete += whole

    async def _start(self) -> None:
        self.kill_reader = await self.start_reader()

    async def _kill_client(self) -> None:
        size = self.path.stat().st_size
        async with asyncio.timeout(
            ARRIVE_TIMEOUT_S
        ):  # to kill a client that has not begun to read proves nothing
            while self.done < len(self.plan) and self.path.stat().st_size <= size:
                await asyncio.sleep(POLL_S)
        how = "cut" if self.log.durability == "memory" else "killed"
        await self._away("client", how, self.kill_reader, self._start)

    async def _kill_server(self) -> None:
        if self.server:
            await self._away("server", "killed", self.server.kill, self.server.restart)

    async def _away(self, part: str, how: str, kill: Kill, start: Kill) -> None:
        await kill()
        self._note(f"{part} {how}")
        await asyncio.sleep(AWAY_S)
        await start()
        self._note(f"{part} back")

    def _note(self, what: str) -> None:
        at = time.time() - self.log.sent[0].time
        self.faults.append((at, what))
        self.say(f"  {at:5.1f} s  {what} ({len(self.log.sent)} events acknowledged)")

    async def _all_arrived(self) -> None:
        """Wait until the reader's file holds every event, or the deadline: then some are lost."""
        sent, give_up = {one.event.id for one in self.log.sent}, time.monotonic() + ARRIVE_TIMEOUT_S
        while time.monotonic() < give_up and not sent <= {
            one.event.id for one in arrivals(self.path)
        }:
            await asyncio.sleep(POLL_S * 5)
