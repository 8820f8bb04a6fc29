"""Publisher: a write to JetStream and its acknowledgement; `persist` tries until one succeeds or
its time is up.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from toolkit.errors import FieldbookError
from toolkit.sessions.log import LogClosed, LogUnavailable, TooLarge, shielded

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from toolkit.sessions.nats.client import Client

T = TypeVar("T")

RECONNECT_WAIT_S = 0.1
PUBLISH_TIMEOUT_S = 1.0
"""For so long a write waits for room, and again for its answer."""
APPEND_DEADLINE_S = 30.0
REFUSED_CODES = range(400, 500)
MAX_GIVEN_UP = 10_000
NO_STREAM = 10059
LARGER_THAN_THE_STREAM_TAKES = 10054
AGAIN = {10005, 10164, 10175, 10176, 10210}
"""Refusals that pass: a cluster that is not whole yet (10005); another write of the run is on its
way to the replicas (10164); a batch whose beginning another connection, or the server before this
one, had (the others).
"""


class Refused(FieldbookError, RuntimeError):
    """The server understood and said no: trying again would not help."""

    def __init__(self, why: str, code: int | None):
        super().__init__(why)
        self.code = code


async def persist(attempt: Callable[[], Awaitable[T]], deadline_s: float, what: str) -> T:
    """Await `attempt()` again and again until it succeeds, is refused, or the deadline passes."""
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
    import nats

    match error:
        case nats.errors.MaxPayloadError():
            raise TooLarge(f"{what}: it is larger than the server takes in one message") from None
        case nats.js.errors.APIError() if error.err_code == LARGER_THAN_THE_STREAM_TAKES:
            raise TooLarge(f"{what}: it is larger than its stream takes in one message") from None
        case nats.js.errors.APIError() if (
            error.code in REFUSED_CODES and error.err_code not in AGAIN
        ):
            raise Refused(f"{what}: {error.description}", error.err_code) from None
        case nats.errors.ConnectionClosedError():
            raise LogClosed(f"{what}: this log is closed") from None
        case nats.errors.Error() | OSError():
            return error
    raise error


def is_for_want_of_a_stream(error: Exception) -> bool:
    """Whether the server said that there is no such stream."""
    from nats.js.errors import APIError, NoStreamResponseError

    return isinstance(error, NoStreamResponseError) or (
        isinstance(error, APIError) and error.err_code == NO_STREAM
    )


def whole(
    call: Callable[..., Coroutine[Any, Any, T]], *arguments: Any
) -> Callable[[], Awaitable[T]]:
    """An attempt at one of nats-py's own requests, which may swallow a cancellation."""
    return lambda: shielded(call(*arguments))


class Tried:
    """When each write that is not known to be stored was first tried.

    A retry past the server's dedupe window must look whether the event is stored. Of the writes
    that were given up only the newest `max_given_up` are remembered.
    """

    def __init__(self, max_given_up: int = MAX_GIVEN_UP):
        self._max_given_up = max_given_up
        self.first: dict[str, float] = {}
        """By the session and the id of the event, in the order of the first tries."""

    def since(self, key: str) -> float:
        """The time of the first try: now, or that of an earlier call."""
        return self.first.setdefault(key, time.monotonic())

    def end(self, key: str, is_known: bool) -> None:
        """End a call. Its key is forgotten where it is known whether the event is stored."""
        if is_known:
            self.first.pop(key, None)
        elif len(self.first) > self._max_given_up:
            del self.first[next(iter(self.first))]


class Publisher:
    """Publishes on one connection, each time with a deadline.

    nats-py's own ``publish`` swallows a cancellation that comes together with the acknowledgement,
    and so would need a task around it; the futures of its ``publish_async`` never resolve once the
    server was killed.
    """

    def __init__(self, client: "Client"):
        self._client, self._inbox = client, client.new_inbox()
        self._count, self._listening = 0, False

    async def publish(
        self, subject: str, payload: bytes, headers: dict[str, str]
    ) -> tuple[int, bool]:
        """Store one message. Returns its sequence number, and whether the stream had it already."""
        if not self._listening:
            self._listening = True
            await self._client.subscribe(f"{self._inbox}.*", cb=self._heard)
        self._count += 1
        reply = f"{self._inbox}.{self._count}"
        key = reply.encode()
        loop, answers = asyncio.get_running_loop(), self._client.answers
        future = answers[key] = loop.create_future()
        try:
            # Where others are under way too, one write to the socket serves them all.
            await self._client.send(subject, payload, reply, headers, now=len(answers) == 1)
            late = loop.call_later(PUBLISH_TIMEOUT_S, self._client.answer, key, None)
            try:
                data = await future
            finally:
                late.cancel()
        finally:
            del answers[key]
        if data is None:
            raise TimeoutError
        answer = json.loads(data or b"{}")
        if not answer.get("seq"):
            _refuse(answer.get("error"))
        return answer["seq"], answer.get("duplicate", False)

    async def _heard(self, message: "Msg") -> None:
        """What comes too late, and the client had nobody to give it to."""
        self._client.answer(message.subject.encode(), message.data)


def _refuse(error: dict[str, Any] | None) -> NoReturn:
    """Raise what the server said; it says nothing where there is no stream."""
    from nats.js.errors import APIError, NoStreamResponseError

    if error:
        APIError.from_error(error)
    raise NoStreamResponseError
