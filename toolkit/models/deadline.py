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


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError after `seconds`, as `asyncio.timeout` does; what `clock_stopped` covers
    does not count.
    """
    async with asyncio.timeout(seconds) as deadline:
        outer = _deadlines.get()
        _deadlines.set((*outer, (asyncio.current_task(), deadline)))
        try:
            yield
        finally:
            _deadlines.set(outer)


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
