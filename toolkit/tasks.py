"""Tasks: how an asyncio task is stopped, and how a coroutine is protected from a cancellation."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def shielded(operation: Coroutine[Any, Any, T]) -> T:
    """The result of `operation`, which runs to its end even where the caller is cancelled.

    A cancellation reaches the caller at once. A write must not be broken off half-way, and nats-py
    swallows a cancellation that meets one of its flushes.
    """
    task = asyncio.ensure_future(operation)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise


def cancelled_from_within() -> bool:
    """Whether a CancelledError is that of something that the current task waited for, and nobody
    has cancelled the task itself.
    """
    current = asyncio.current_task()
    return current is None or not current.cancelling()


async def stop(task: "asyncio.Task[Any]") -> None:
    """Cancel `task` and wait until it has ended. An error of its own is raised."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
