"""Surface: a laptop, a phone, a notebook: a cursor into a session, and the conversation folded so far."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

from toolkit.events import Event
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.log import LogUnavailable, stop
from toolkit.sessions.session import Session

LEAVE_TIMEOUT_S = 1.0
PRESENCE_TTL_S = 10.0
RENEWALS = 3


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
        self._reading: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
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
        if self._renewing:  # of a reading that ended by itself
            self._renewing.cancel()
        await self._say_here()
        await self.session.append("joined", self.name)
        self._reading = asyncio.create_task(self._read())
        self._renewing = asyncio.create_task(self._renew())

    async def disconnect(self) -> None:
        """Stop reading where it stands. Says ``left`` if the log can hear it within a second."""
        reading, self._reading = self._reading, None
        if reading is None or self._renewing is None:
            return
        for task in (reading, self._renewing):
            with suppress(LogUnavailable):
                await stop(task)
        with suppress(TimeoutError, LogUnavailable):
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await self.session.append("left", self.name)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self.ttl_s / RENEWALS)
            with suppress(LogUnavailable):
                await self._say_here()

    async def _say_here(self) -> None:
        data = {"ttl_s": self.ttl_s}
        here = Event(self.session.id, "presence.renewed", self.name, data, uuid4().hex, None, time.time())
        await self.session.log.append(here)

    async def _read(self) -> None:
        async for event in self.session.read(self.cursor):
            self.conversation.apply(event)
            self._news.set()
            self._news = asyncio.Event()

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
