"""Asking: a request to the server is tried until it is answered, refused, or its time is up."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from toolkit.errors import FieldbookError
from toolkit.sessions.log import LogClosed, LogUnavailable, TooLarge
from toolkit.tasks import shielded

T = TypeVar("T")

RECONNECT_WAIT_S = 0.1
PUBLISH_TIMEOUT_S = 1.0
"""For so long a write waits for room, and again for its answer."""
APPEND_DEADLINE_S = 30.0
REFUSED_CODES = range(400, 500)
NO_STREAM = 10059
LARGER_THAN_THE_STREAM_TAKES = 10054
PASSING_REFUSALS = {10005, 10164, 10175, 10176, 10210}
"""A cluster that is not complete yet (10005); another write of the run is on its way to the
replicas (10164); a batch whose beginning another connection, or the server before this one, had
(the others).
"""


class Refused(FieldbookError, RuntimeError):
    """A refusal by the server, which understood: trying again would not help."""

    def __init__(self, why: str, code: int | None):
        super().__init__(why)
        self.code = code


async def persist(attempt: Callable[[], Awaitable[T]], deadline_s: float, what: str) -> T:
    """The result of `attempt()`, which is made again until it succeeds.

    Raises
    ------
    LogClosed, Refused, TooLarge
        At once, where another attempt would not help.
    LogUnavailable
        Where the deadline has passed; `what` says what failed.
    """
    give_up = time.monotonic() + deadline_s
    while True:
        try:
            return await attempt()
        except Exception as error:
            why = _passing(error, what)
        if time.monotonic() > give_up:
            raise LogUnavailable(f"{what} within {deadline_s} s: {why!r}")
        await asyncio.sleep(RECONNECT_WAIT_S)


def _passing(error: Exception, what: str) -> Exception:
    """`error`, where another try may succeed; else it is raised, as what it means."""
    from nats.errors import ConnectionClosedError, Error, MaxPayloadError
    from nats.js.errors import APIError

    if isinstance(error, MaxPayloadError):
        raise TooLarge(f"{what}: it is larger than the server takes in one message") from None
    if isinstance(error, ConnectionClosedError):
        raise LogClosed(f"{what}: this log is closed") from None
    if isinstance(error, APIError):
        if error.err_code == LARGER_THAN_THE_STREAM_TAKES:
            raise TooLarge(f"{what}: it is larger than its stream takes in one message") from None
        if error.code in REFUSED_CODES and error.err_code not in PASSING_REFUSALS:
            raise Refused(f"{what}: {error.description}", error.err_code) from None
    if not isinstance(error, Error | OSError):
        raise error
    return error


def is_for_want_of_a_stream(error: Exception) -> bool:
    """Whether the server said that there is no such stream."""
    from nats.js.errors import APIError, NoStreamResponseError

    if isinstance(error, APIError):
        return error.err_code == NO_STREAM
    return isinstance(error, NoStreamResponseError)


def uncancelled(
    call: Callable[..., Coroutine[Any, Any, T]], *arguments: Any
) -> Callable[[], Awaitable[T]]:
    """An attempt at one of nats-py's own requests, which may swallow a cancellation."""
    return lambda: shielded(call(*arguments))
