"""Deadlines on a model's silence, which stand still while we are not waiting for the model.

A call may wait on this side: for room under a cap, or for the SDK to be imported. Neither is the
model's silence.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

_deadlines: ContextVar[tuple[tuple[asyncio.Task[Any] | None, asyncio.Timeout], ...]] = ContextVar(
    "deadlines", default=()
)
"""The deadlines that are under way, each with its task: a task inherits those of the one that made
it.
"""


class within:  # noqa: N801 - a context manager, named as the words that it stands for
    """Raise TimeoutError after `seconds`, as `asyncio.timeout` does; what `clock_stopped` covers
    does not count.
    """

    __slots__ = ("_deadline", "_outer")

    def __init__(self, seconds: float):
        self._deadline = asyncio.timeout(seconds)
        self._outer = _deadlines.get()

    async def __aenter__(self) -> None:
        await self._deadline.__aenter__()
        _deadlines.set((*self._outer, (asyncio.current_task(), self._deadline)))

    async def __aexit__(self, *error: Any) -> None:
        _deadlines.set(self._outer)
        await self._deadline.__aexit__(*error)


@asynccontextmanager
async def clock_stopped() -> AsyncIterator[None]:
    """Put off every deadline of the current task by as long as the block takes."""
    clock = asyncio.get_running_loop().time
    task = asyncio.current_task()
    began = clock()
    own = [
        deadline for owner, deadline in _deadlines.get() if owner is task and not deadline.expired()
    ]
    ends = {deadline: deadline.when() for deadline in own}
    for deadline in ends:
        deadline.reschedule(None)
    try:
        yield
    finally:
        waited = clock() - began
        for deadline, end in ends.items():
            deadline.reschedule(None if end is None else end + waited)
