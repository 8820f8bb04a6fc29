"""The rig: a server, our log on two connections of its own, and raw nats-py on two more."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar
from uuid import uuid4

import nats
from nats.aio.client import Client as RawClient
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig

from toolkit.sessions import NatsLog, NatsServer, Session
from toolkit.sessions.nats.client import Client

T = TypeVar("T")

Tier = Literal["os", "fsync"]
TIERS: tuple[Tier, ...] = ("os", "fsync")
DEADLINE_S = 60.0
TOKEN = "word "


@dataclass(frozen=True, slots=True)
class Rig:
    """Who talks to the server. Writers and readers never share a connection."""

    server: NatsServer
    log: NatsLog
    read_log: NatsLog
    read_client: Client
    """The connection under `read_log`: its `stats` count the payloads that came in."""
    raw_writer: RawClient
    raw_reader: RawClient
    stream: JetStreamContext
    """JetStream on `raw_writer`, where the stream ``RAW`` takes ``raw.>``."""

    def sessions(self) -> tuple[Session, Session]:
        """A fresh session as its writer and as its reader see it."""
        name = f"bench-{uuid4().hex[:12]}"
        return Session(self.log, name), Session(self.read_log, name)


@asynccontextmanager
async def rig(tier: Tier) -> AsyncIterator[Rig]:
    """Start a server of this tier, with both streams on it."""
    async with NatsServer(tier) as server, await NatsLog.connect(server.url) as log:
        reader, clients = (
            await Client.dial(server.url, DEADLINE_S),
            [await nats.connect(server.url) for _ in range(2)],
        )
        stream = clients[0].jetstream()
        await stream.add_stream(
            StreamConfig(
                name="RAW", subjects=["raw.>"], storage=StorageType.FILE, allow_atomic=True
            )
        )
        try:
            yield Rig(server, log, NatsLog(reader, tier), reader, *clients, stream)
        finally:
            for client in (reader, *clients):
                await client.close()


class Arrivals:
    """When a reader saw each thing, by the clock that the writer uses too."""

    def __init__(self) -> None:
        self.seen: asyncio.Queue[float] = asyncio.Queue()

    async def heard(self, message: Any) -> None:
        """A callback for nats-py."""
        self.seen.put_nowait(time.perf_counter())

    async def words(self, reader: Session) -> None:
        """Follow the log of a session."""
        async for event in reader.read(lane="log"):
            if event.kind == "text.delta":
                self.seen.put_nowait(time.perf_counter())


@asynccontextmanager
async def task(work: Any) -> AsyncIterator["asyncio.Task[Any]"]:
    """Run `work` beside the block, and end it with the block."""
    running = asyncio.create_task(work)
    try:
        yield running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def within(work: Awaitable[T], seconds: float = DEADLINE_S) -> T:
    """Await `work`, with a deadline."""
    async with asyncio.timeout(seconds):
        return await work
