"""Surface: a laptop, a phone, a notebook: a cursor into a session, and the conversation folded so far."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from toolkit.events import Event, fresh_id
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.log import LogClosed, LogUnavailable, stop
from toolkit.sessions.session import Session

LEAVE_TIMEOUT_S = 1.0
PRESENCE_TTL_S = 10.0
RENEWALS = 3
RETRY_S = 0.2


@asynccontextmanager
async def presence(
    session: Session, name: str, ttl_s: float = PRESENCE_TTL_S, among: Counter[tuple[str, str]] | None = None
) -> AsyncIterator[None]:
    """Be there as `name`: ``joined``, renewed meanwhile, ``left`` if the log hears it within a second.

    Unheard of for `ttl_s`, it counts as gone: nobody says ``left`` in a crash. Of several connections with one name,
    which count themselves in `among`, the last to go says it.
    """

    async def say_here() -> None:
        data = {"ttl_s": ttl_s}
        await session.log.append(Event(session.id, "presence.renewed", name, data, fresh_id(), None, time.time()))

    async def renew() -> None:
        while True:
            await asyncio.sleep(ttl_s / RENEWALS)
            with suppress(LogUnavailable):
                await say_here()

    among, key = Counter() if among is None else among, (session.id, name)
    await say_here()
    among[key] += 1
    try:
        await session.append("joined", name)
        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            await stop(renewing)
    finally:
        among[key] -= 1
        if not among[key]:
            del among[key]
            with suppress(TimeoutError, LogUnavailable):
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await session.append("left", name)


class Surface:
    """What one device shows of a session. Disconnecting loses nothing and cancels nothing.

    Parameters
    ----------
    session : Session
        What it shows.
    name : str
        Who it is on the log, in ``joined`` and ``left``.
    ttl_s : float
        Unheard of for so long, it counts as gone in ``session.present()``: nobody says ``left`` in a crash.
    """

    def __init__(self, session: Session, name: str, ttl_s: float = PRESENCE_TTL_S):
        self.session, self.name, self.ttl_s = session, name, ttl_s
        self.conversation = Conversation(session.id)
        self._here = AsyncExitStack()
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    @property
    def cursor(self) -> int:
        """The sequence number of the last event that it has seen."""
        return self.conversation.cursor

    @property
    def connected(self) -> bool:
        """Whether it reads."""
        return self._reading is not None and not self._reading.done()

    async def connect(self) -> None:
        """Say ``joined`` and go on from the cursor, live."""
        if self.connected:
            return
        await self.disconnect()  # what is left of a reading that broke
        await self._here.enter_async_context(presence(self.session, self.name, self.ttl_s))
        self._reading = asyncio.create_task(self._read())

    async def disconnect(self) -> None:
        """Stop reading where it stands. Says ``left`` if the log can hear it within a second."""
        reading, self._reading = self._reading, None
        async with self._here:
            if reading:
                with suppress(LogUnavailable):
                    await stop(reading)

    async def _read(self) -> None:
        while True:
            try:
                async for event in self.session.read(self.cursor):
                    self.conversation.apply(event)
                    self._news.set()
                    self._news = asyncio.Event()
            except LogClosed:
                raise
            except LogUnavailable:
                await asyncio.sleep(RETRY_S)  # However long it is away: the cursor stays.

    async def wait_for(self, condition: Callable[[Conversation], bool], timeout_s: float = 10.0) -> Conversation:
        """Wait until the conversation meets `condition`. Raises TimeoutError, saying how far it came."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self.conversation):
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(f"surface {self.name!r} waited {timeout_s} s at cursor {self.cursor}") from None
        return self.conversation

    def __repr__(self) -> str:
        state = "connected" if self.connected else "away"
        return f"Surface({self.name!r}, {state}, cursor={self.cursor}, {len(self.conversation.items)} items)"
