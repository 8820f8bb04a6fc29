"""What the checks of a log do: events, a talk, and how they are read."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from toolkit.events import Event, new_event
from toolkit.sessions.log import Lane, Log

T = TypeVar("T")

PATIENCE_S = 10.0
S = "s"
"""The session of the checks."""


def run_event(kind: str, **data: Any) -> Event:
    """An event of the run ``r``."""
    return new_event(S, kind, "agent", data, "r")


def user_message(text: str, session: str = S) -> Event:
    """A message of the user."""
    return new_event(session, "message", "user", {"text": text})


async def append_event(log: Log, event: Event) -> Event:
    """The event as it is stored."""
    ack = await log.append(event)
    return ack.event


async def append_message(log: Log, text: str, session: str = S) -> Event:
    """A message of the user, as it is stored."""
    return await append_event(log, user_message(text, session))


async def append_word(log: Log, text: str, fence: int) -> None:
    """A word of the run ``r``, by the writer who names this fence."""
    await log.append(run_event("text.delta", text=text), fence)


async def in_time(waiting: Awaitable[T]) -> T:
    """The result of what is waited for, which comes before the patience is at an end."""
    return await asyncio.wait_for(waiting, PATIENCE_S)


def place_of(event: Event) -> int:
    """The place of a stored event in the log."""
    assert event.seq is not None, event
    return event.seq


async def store_talk(log: Log) -> list[Event]:
    """Store events of each lane, a steer to one run and a cancel to all among them."""
    events = [
        user_message("Hello"),
        run_event("run.started"),
        run_event("text.delta", text="Good "),
        run_event("steer", text="in German"),
        run_event("text.delta", text="day"),
        new_event(S, "cancel", "user", {}),
        run_event("text.snapshot", text="Good day"),
        run_event("lease.renewed", ttl_s=10.0),
    ]
    return [await append_event(log, event) for event in events]


async def read_all(log: Log, after: int = 0, lane: Lane = "log") -> list[Event]:
    """What is stored now."""
    return [event async for event in log.read(S, after, follow=False, lane=lane)]


async def follow_first(log: Log, count: int, after: int = 0, lane: Lane = "log") -> list[Event]:
    """The first events, waited for."""
    events: list[Event] = []
    async for event in log.read(S, after, lane=lane):
        events.append(event)
        if len(events) == count:
            break
    return events


@contextmanager
def must_raise(expected: type[Exception]) -> Iterator[None]:
    """Fail where what is inside does not raise `expected`."""
    try:
        yield
    except expected:
        return
    raise AssertionError(f"{expected.__name__} was not raised")
