"""Calls: a model's words on a run as they come, and what they cost, also where the call was broken
off.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import aclosing, suppress
from dataclasses import asdict
from typing import Any, TypeVar

from toolkit.events import Event
from toolkit.models import BudgetExceeded, Model, Reply, Request, TapeMiss, UnknownModel
from toolkit.models.prices import cost_of, worst_case
from toolkit.sessions.held import HeldRun
from toolkit.sessions.log import Fenced, LogUnavailable

T = TypeVar("T")

BROKEN_CALL_S = 2.0
"""Whoever breaks a call off waits no longer than this for the log to have what it may have cost."""
WHY_CHARS = 2_000


async def stream_call(run: HeldRun, model: Model, request: Request) -> Reply:
    """Write the words of one call, then its ``model.usage``. The steers that it was asked with get
    their receipts.
    """
    # Not those taken while it streams: this call was made without them.
    asked_with = dict(run.inbox.taken)
    try:
        async with aclosing(model.stream(request)) as pieces:
            async for piece in pieces:
                run.acknowledge(asked_with)
                if isinstance(piece, Reply):
                    break
                await run.writer.add(piece)
    except (BudgetExceeded, UnknownModel, TapeMiss):
        raise  # no call was made
    except BaseException as error:
        await _note_broken_call(run, model, request, error)
        raise
    assert isinstance(piece, Reply)
    cost = round(cost_of(model, piece.usage), 8)
    data: dict[str, Any] = {"usage": asdict(piece.usage), "cost_usd": cost, "model": piece.model}
    if not piece.ok:
        data["stopped"] = piece.stopped
        data["why"] = piece.why
    await run.store("model.usage", data)
    return piece


async def _note_broken_call(
    run: HeldRun, model: Model, request: Request, error: BaseException
) -> None:
    """Record a call whose reply did not come, with the most that it can have cost: nobody said what
    it did cost.
    """
    was_cancelled = isinstance(error, asyncio.CancelledError)
    worst_usd = cost_of(model, worst_case(request))
    data = {
        "model": model.name,
        "stopped": "interrupted",
        "why": "the call was broken off" if was_cancelled else short(error),
        "possibly_billed": True,
        "worst_usd": round(worst_usd, 8),
    }
    # It waits in the writer's queue where the log is away, and goes before whatever is written
    # next.
    with suppress(Fenced, LogUnavailable, TimeoutError):
        async with asyncio.timeout(BROKEN_CALL_S):
            await run.store("model.usage", data)


async def unless_interrupted(run: HeldRun, work: Awaitable[T], by_steers: bool) -> T | None:
    """Await `work`, and break it off when a signal asks for that: None then."""
    task = asyncio.ensure_future(work)
    try:
        interrupts = await _interrupts(run, task, by_steers)
        if interrupts is None:
            return task.result()
    finally:
        # Also where the caller itself is cancelled: a call that nobody awaits would be paid for.
        task.cancel()
        await asyncio.wait([task])
        _ = task.cancelled() or task.exception()
    for interrupt in run.inbox.break_off(interrupts):
        run.inbox.answer(interrupt.id)
        with suppress(LogUnavailable):  # what was not acknowledged goes before the next
            await run.store("interrupt.consumed", {"event": interrupt.id})
    return None


async def _interrupts(
    run: HeldRun, task: "asyncio.Future[T]", by_steers: bool
) -> list[Event] | None:
    """Wait for `task`: None once it is done; else, where it is to be broken off, the interrupts
    that ask for it.
    """
    seen = len(run.signals)
    while not task.done():
        interrupts = [signal for signal in run.signals[seen:] if signal.kind == "interrupt"]
        seen = len(run.signals)
        if interrupts or run.cancelled or (by_steers and run.inbox.words_wait):
            return interrupts
        either: tuple[asyncio.Future[Any], ...] = task, run.next_signal()
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    return None


def short(error: BaseException) -> str:
    """An error as it is put on the log: one that quotes what it could not read may be of any
    length.
    """
    return repr(error)[:WHY_CHARS]
