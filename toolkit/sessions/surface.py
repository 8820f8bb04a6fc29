"""Surface: a laptop, a phone, a notebook: a cursor into a session, and the conversation folded so
far.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

from toolkit.sessions.conversation import Conversation
from toolkit.sessions.log import CursorLost, LogClosed, LogUnavailable
from toolkit.sessions.presence import PRESENCE_TTL_S, presence
from toolkit.sessions.session import Session
from toolkit.shown import Shown
from toolkit.tasks import stop
from toolkit.traces.amounts import quantity

RETRY_S = 0.2


class Surface(Shown):
    """What one device shows of a session. Disconnecting loses nothing and cancels nothing.

    Parameters
    ----------
    session : Session
        What it shows.
    name : str
        Who it is on the log, in ``joined`` and ``left``.
    ttl_s : float
        Unheard of for so long, it counts as gone in ``session.present()``: nobody says ``left`` in
        a crash.
    """

    def __init__(self, session: Session, name: str, ttl_s: float = PRESENCE_TTL_S):
        self.session = session
        self.name = name
        self.ttl_s = ttl_s
        self.conversation = Conversation(session.id)
        self.began_anew = 0
        """How often the log turned out to hold another history, so that all shown before was
        dropped.
        """
        self._here = AsyncExitStack()
        self._reading: asyncio.Task[None] | None = None
        self._switching = asyncio.Lock()
        self._news = asyncio.Event()
        self._closed: LogClosed | None = None

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
        async with self._switching:
            if self.connected:
                return
            await self._let_go()  # what is left of a reading that broke
            await self._here.enter_async_context(presence(self.session, self.name, self.ttl_s))
            self._closed = None
            self._reading = asyncio.create_task(self._read())

    async def disconnect(self) -> None:
        """Stop reading where it stands. Says ``left`` if the log can hear it within a second."""
        async with self._switching:
            await self._let_go()

    async def _let_go(self) -> None:
        reading = self._reading
        self._reading = None
        async with self._here:
            if reading:
                with suppress(LogUnavailable):
                    await stop(reading)

    async def _read(self) -> None:
        while True:
            try:
                async for event in self.session.read(self.cursor):
                    self.conversation.apply(event)
                    self._announce()
            except CursorLost:
                self.conversation = Conversation(self.session.id)
                self.began_anew += 1
                self._announce()
            except LogClosed as error:
                self._closed = error
                self._announce()
                return
            except LogUnavailable:
                await asyncio.sleep(RETRY_S)  # However long it is away: the cursor stays.

    def _announce(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def wait_for(
        self, condition: Callable[[Conversation], bool], timeout_s: float = 10.0
    ) -> Conversation:
        """Wait until the conversation meets `condition`.

        Raises TimeoutError, saying how far it came, and LogClosed where nothing can come any more.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self.conversation):
                    if self._closed:
                        raise self._closed
                    await self._news.wait()
        except TimeoutError:
            waited = f"surface {self.name!r} waited {timeout_s} s at cursor {self.cursor}"
            raise TimeoutError(waited) from None
        return self.conversation

    def __str__(self) -> str:
        state = "connected" if self.connected else "away"
        n_items = quantity(len(self.conversation.items), "item")
        return f"The {self.name} is {state}: it has read up to event {self.cursor}, {n_items}."

    def __repr__(self) -> str:
        state = "connected" if self.connected else "away"
        n_items = len(self.conversation.items)
        return f"Surface({self.name!r}, {state}, cursor={self.cursor}, {n_items} items)"
