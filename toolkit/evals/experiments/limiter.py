"""Limits: how much is under way at once, and the most that was. They can be changed meanwhile."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress


class Slots:
    """Room for `limit` things at once. Who waits is let in in turn.

    >>> async def demo():
    ...     slots = Slots(2)
    ...     async with slots.one(), slots.one():
    ...         return slots.taken, slots.most
    >>> asyncio.run(demo())
    (2, 2)
    """

    def __init__(self, limit: float, share: Callable[[], float] | None = None):
        self.limit = limit
        self.share = share
        """What this process may take of it, where several share the limit; see `let_in`."""
        self.taken = 0
        self.most = 0
        """The high-water mark of `taken`."""
        self.paused = False
        """Nobody is let in meanwhile."""
        self._turns: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for room, and take it."""
        if self._has_room() and not self._turns:
            self._enter()
            return
        turn = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        self.let_in()
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.give_back()
            with suppress(ValueError):
                self._turns.remove(turn)
            raise

    def give_back(self) -> None:
        """Leave the room to the next."""
        self.taken -= 1
        self.let_in()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Room for the block."""
        await self.take()
        try:
            yield
        finally:
            self.give_back()

    def tune(self, limit: float | None = None, paused: bool | None = None) -> None:
        """Change the limit, or pause. What is under way goes on."""
        if limit is not None:
            self.limit = limit
        if paused is not None:
            self.paused = paused
        self.let_in()

    def let_in(self) -> None:
        """Let in who waits, as far as there is room: to be called where the share has grown."""
        while self._turns and self._has_room():
            turn = self._turns.popleft()
            if not turn.done():
                self._enter()
                turn.set_result(None)

    def _has_room(self) -> bool:
        if self.paused or self.taken >= self.limit:
            return False
        return self.share is None or self.taken < self.share()

    def _enter(self) -> None:
        self.taken += 1
        self.most = max(self.most, self.taken)


class Limiter:
    """The same limit for the calls to each provider, whoever makes them: a task or a judge."""

    def __init__(self, limit: float):
        self.share: Callable[[], float] | None = None
        """What this process may take of each; see `Slots.share`."""
        self._limit = limit
        self._slots: dict[str, Slots] = {}

    def of(self, provider: str) -> Slots:
        """The room for calls to `provider`."""
        return self._slots.setdefault(provider, Slots(self._limit, self.share))

    def tune(self, limit: float) -> None:
        """Change the limit for each provider."""
        self._limit = limit
        for slots in self._slots.values():
            slots.tune(limit)

    def let_in(self) -> None:
        """Let in who waits, where the share has grown."""
        for slots in self._slots.values():
            slots.let_in()

    @property
    def most(self) -> dict[str, int]:
        """The high-water mark of each provider."""
        return {provider: slots.most for provider, slots in sorted(self._slots.items())}
