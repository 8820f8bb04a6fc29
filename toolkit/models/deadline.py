"""Deadlines on a model's silence, which stand still while we are not waiting for the model.

A call may wait on this side: for room under a cap, or for the SDK to be imported. Neither is the
model's silence.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

_deadlines: ContextVar[tuple["within", ...]] = ContextVar("deadlines", default=())
"""The deadlines that are under way: a task inherits those of the one that made it."""


class within:  # noqa: N801 - a context manager, named as the words that it stands for
    """Raise TimeoutError after `seconds`, as `asyncio.timeout` does; what `clock_stopped` covers
    does not count.

    The timer is set once the block waits for something: most blocks of an experiment of plain
    functions never do, and a timer costs more than they.
    """

    __slots__ = ("_arming", "_end", "_is_stopped", "_outer", "_seconds", "_timeout", "task")

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)
        self._is_stopped = False

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        loop = asyncio.get_running_loop()
        self._end = loop.time() + self._seconds
        self._arming = loop.call_soon(self._set_timer)
        self.task = asyncio.current_task()
        self._outer = _deadlines.get()
        _deadlines.set((*self._outer, self))

    async def __aexit__(self, *error: Any) -> None:
        self._arming.cancel()
        _deadlines.set(self._outer)
        await self._timeout.__aexit__(*error)

    def _set_timer(self) -> None:
        self._timeout.reschedule(self._end)

    @property
    def is_running(self) -> bool:
        """Whether the time goes on."""
        return not self._is_stopped and not self._timeout.expired()

    def stop_clock(self) -> None:
        """Put the deadline off until `go_on`."""
        self._is_stopped = True
        self._arming.cancel()
        self._timeout.reschedule(None)

    def go_on(self, waited_s: float) -> None:
        """Set the deadline again, later by what was waited."""
        self._is_stopped = False
        self._end += waited_s
        self._set_timer()


@asynccontextmanager
async def clock_stopped() -> AsyncIterator[None]:
    """Put off every deadline of the current task by as long as the block takes."""
    clock = asyncio.get_running_loop().time
    task = asyncio.current_task()
    began = clock()
    own = [
        deadline for deadline in _deadlines.get() if deadline.task is task and deadline.is_running
    ]
    for deadline in own:
        deadline.stop_clock()
    try:
        yield
    finally:
        for deadline in own:
            deadline.go_on(clock() - began)
