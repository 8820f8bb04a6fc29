"""Delivery: Harbor's agents stream through durable sessions while the reader and the server are
killed.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from toolkit.events import Event
from toolkit.harbor import Situation, Talk, Truth, harbor_policy, situations
from toolkit.models import Answer, Model, Request
from toolkit.render import block
from toolkit.sessions import Durability, Log, MemoryLog, NatsLog, NatsServer, Session, fold
from toolkit.tour.checker import check
from toolkit.tour.counted import HOLDERS, counts_table
from toolkit.tour.reader import Arrival, Kill, arrivals, start_process, start_task
from toolkit.traces import Trace

if TYPE_CHECKING:
    import pandas as pd

CONVERSATIONS = 24
AT_ONCE = 4
PIECE_DELAY_S = 0.02
AWAY_S = 0.5
ARRIVE_TIMEOUT_S = 60.0
POLL_S = 0.02

Say = Callable[[str], object]
"""Takes one sentence of the story."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was sent, what arrived, and what was done to the parts in between, all counted."""

    sent: tuple[Event, ...]
    """What the sessions hold in the end, session by session. The log acknowledged each of them."""
    received: tuple[Arrival, ...]
    """Events in the reading client's file, in the order in which they came."""
    faults: tuple[tuple[float, str], ...]
    """(seconds since the first event, what was done)."""
    traces: tuple[Trace, ...]
    """The sessions, folded from the log."""
    durability: Durability
    """What each acknowledgement stated."""
    complete: int
    """Conversations in which every run was complete."""
    truth: tuple[Truth, ...]
    """What is planted in each conversation; it says nothing about a live agent."""

    def _repr_html_(self) -> str:
        return block(counts_table(self.counts()))

    def counts(self) -> dict[str, int | bool | str | float]:
        """The figures of the tour.

        ``lost`` are ids of `sent` that never arrived, ``duplicated`` ids that came more than once,
        ``reordered`` those that came behind a later one of their session. ``sha256_match`` says
        whether each conversation, folded from what was received, is that of the log, and its words
        are those that the agent wrote.
        """
        arrived = [arrival.event for arrival in self.received]
        damage = check(arrived, [(event.id, event.seq or 0) for event in self.sent])
        times = Counter(what for _, what in self.faults)
        return {
            "sent": len(self.sent),
            "received": len(arrived),
            "lost": len(damage.lost),
            "duplicated": len(damage.duplicated),
            "reordered": len(damage.reordered),
            "sha256_match": self._conversations_match(arrived),
            "server_kills": times["server killed"],
            "client_kills": times["client killed"],
            "client_cuts": times["client cut"],
            "conversations": len(self.traces),
            "complete": self.complete,
            "durability": self.durability,
            "seconds": round(float(self.frame()["time_s"].max()), 2),
        }

    def _conversations_match(self, arrived: list[Event]) -> bool:
        for trace in self.traces:
            there = fold(trace.id, [event for event in self.sent if event.session == trace.id])
            here = fold(trace.id, [event for event in arrived if event.session == trace.id])
            # A run that ended says the hash of the words that its agent wrote.
            damaged = [run for run in there.runs.values() if run.ended and not run.intact]
            if here.sha256 != there.sha256 or damaged:
                return False
        return True

    def frame(self) -> "pd.DataFrame":
        """Cumulative counts over time, from the first event: ``time_s, sent, received``."""
        import pandas as pd

        moments = [(event.time or 0.0, 1, 0) for event in self.sent]
        moments += [(arrival.time, 0, 1) for arrival in self.received]
        frame = pd.DataFrame(sorted(moments), columns=["time_s", "sent", "received"])
        frame["time_s"] -= _first_time(self.sent)
        return frame.assign(sent=frame["sent"].cumsum(), received=frame["received"].cumsum())


def _first_time(events: tuple[Event, ...]) -> float:
    return min(event.time or 0.0 for event in events)


def paced_policy(request: Request) -> Answer:
    """Harbor's scripted agent, with a pause between its words, so that there is a middle to kill
    something in.
    """
    return replace(harbor_policy(request), delay_s=PIECE_DELAY_S)


def talks(n: int = CONVERSATIONS, tag: str = "tour", plant: bool = True) -> list[Talk]:
    """`n` different situations; every third one has a failure planted (unless not to `plant`), the
    modes in turn.
    """
    plan = []
    for number, situation in enumerate(list(situations().values())[:n]):
        failure = _failure_of(situation, number) if plant else None
        plan.append(Talk(f"{tag}-{number + 1:02}", situation, number + 1, failure))
    return plan


def _failure_of(situation: Situation, number: int) -> str | None:
    """The failure to plant in a conversation: in every third, where any can be planted."""
    if number % 3 != 2 or not situation.modes:
        return None
    return situation.modes[number // 3 % len(situation.modes)]


async def deliver(
    model: Model,
    folder: Path,
    memory: bool = False,
    conversations: int = CONVERSATIONS,
    say: Say = lambda _: None,
    progress: Callable[[int, int], object] = lambda _done, _total: None,
) -> Delivery:
    """Hold so many conversations on durable sessions, kill the reader twice and the server once,
    and count.

    `model` plays the agent; over loopback it is `paced_policy`. `folder` gets ``received.jsonl``,
    the reading client's file. With `memory` the log is in memory and the reader in this process: no
    server is there to be killed. `say` takes the story as it happens, and `progress` how many of
    the conversations have ended.
    """
    # Names of its own: the server may be somebody's cluster, and hold an earlier tour.
    plan = talks(conversations, f"tour-{uuid4().hex[:6]}", plant=model.source == "simulated")
    names = [talk.session for talk in plan]
    path = folder / "received.jsonl"
    path.write_bytes(b"")
    if memory:
        log = MemoryLog()
        start_reader = partial(start_task, log, path, names)
        return await _Drill(plan, model, log, start_reader, path, say, progress).run()
    async with NatsServer() as server, await NatsLog.connect(server.url) as nats:
        say(
            f"nats-server runs at {server.address} (pid {server.pid}); "
            f"what it acknowledges is held by {HOLDERS[nats.durability]}"
        )
        start_reader = partial(start_process, server.url, path, names)
        own_server = server if server.pid else None  # a borrowed one is not ours to kill
        drill = _Drill(plan, model, nats, start_reader, path, say, progress, own_server)
        return await drill.run()


class _Drill:
    """The conversations, and the kills while they are held."""

    def __init__(
        self,
        plan: list[Talk],
        model: Model,
        log: Log,
        start_reader: Callable[[], Awaitable[Kill]],
        path: Path,
        say: Say,
        progress: Callable[[int, int], object],
        server: NatsServer | None = None,
    ):
        self.plan = plan
        self.model = model
        self.log = log
        self.start_reader = start_reader
        self.path = path
        self.say = say
        self.progress = progress
        self.server = server
        self.ended = 0
        self.complete = 0
        self.faults: list[tuple[float, str]] = []
        """(seconds since 1970, what was done)."""

    async def run(self) -> Delivery:
        self.begun = time.time()
        await self._start_reader()
        try:
            async with asyncio.TaskGroup() as group:
                room = asyncio.Semaphore(AT_ONCE)
                for talk in self.plan:
                    group.create_task(self._hold(talk, room))
                await self._wait_for_quarter(1)
                await self._kill_client()
                await self._wait_for_quarter(2)
                await self._kill_server()
                await self._wait_for_quarter(3)
                await self._kill_client()
            sent = await self._stored()
            await self._wait_for_reader({event.id for event in sent})
        finally:
            await self.kill_reader()
        first = _first_time(sent)
        return Delivery(
            sent=sent,
            received=tuple(arrivals(self.path)),
            faults=tuple((at - first, what) for at, what in self.faults),
            traces=tuple([await Session(self.log, talk.session).trace() for talk in self.plan]),
            durability=self.log.durability,
            complete=self.complete,
            truth=tuple(talk.truth for talk in self.plan),
        )

    async def _hold(self, talk: Talk, room: asyncio.Semaphore) -> None:
        async with room:
            complete = await talk.hold(Session(self.log, talk.session), self.model)
        self.ended += 1
        self.complete += complete
        self.progress(self.ended, len(self.plan))

    async def _wait_for_quarter(self, quarter: int) -> None:
        while self.ended < quarter * (len(self.plan) // 4):
            await asyncio.sleep(POLL_S)

    async def _start_reader(self) -> None:
        self.kill_reader = await self.start_reader()

    async def _kill_client(self) -> None:
        await self._until_read()  # to kill a client that has not begun to read proves nothing
        how = "cut" if self.log.durability == "memory" else "killed"
        await self._away("client", how, self.kill_reader, self._read_again)

    async def _read_again(self) -> None:
        """Start the reader anew, and wait until it has come through."""
        await self._start_reader()
        await self._until_read()

    async def _until_read(self) -> None:
        """Return once the reader has read one more event, or all conversations have ended."""
        size = self.path.stat().st_size
        async with asyncio.timeout(ARRIVE_TIMEOUT_S):
            while self.ended < len(self.plan) and self.path.stat().st_size <= size:
                await asyncio.sleep(POLL_S)

    async def _kill_server(self) -> None:
        if self.server:
            await asyncio.sleep(AWAY_S)  # what the reader has missed before is read first
            await self._away("server", "killed", self.server.kill, self.server.restart)

    async def _away(self, part: str, how: str, kill: Kill, start: Kill) -> None:
        await kill()
        self._note(f"{part} {how}")
        await asyncio.sleep(AWAY_S)
        await start()
        self._note(f"{part} back")

    def _note(self, what: str) -> None:
        now = time.time()
        self.faults.append((now, what))
        ended = f"{self.ended} of {len(self.plan)} conversations have ended"
        self.say(f"  {now - self.begun:5.1f} s  {what} ({ended})")

    async def _stored(self) -> tuple[Event, ...]:
        """What the sessions hold now."""
        events: list[Event] = []
        for talk in self.plan:
            session = Session(self.log, talk.session)
            events += [event async for event in session.read(follow=False, lane="log")]
        return tuple(events)

    async def _wait_for_reader(self, ids: set[str]) -> None:
        """Wait until the reader's file holds every event, or the deadline: then some are lost."""
        give_up = time.monotonic() + ARRIVE_TIMEOUT_S
        while time.monotonic() < give_up:
            if ids <= {arrival.event.id for arrival in arrivals(self.path)}:
                return
            await asyncio.sleep(POLL_S * 5)
