"""Publisher: a write to JetStream and its acknowledgement."""

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, NoReturn

from toolkit.sessions.nats.ask import PUBLISH_TIMEOUT_S

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from toolkit.sessions.nats.client import Client

MAX_GIVEN_UP = 10_000
MAX_IN_FLIGHT = 256
"""Of more at once, a busy server would answer the last after their time is up, and be asked again.
"""


class Tried:
    """The time of the first try of each write that is not known to be stored.

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
            oldest = next(iter(self.first))
            del self.first[oldest]


class Publisher:
    """The writes of one connection, each with a deadline.

    nats-py's own ``publish`` swallows a cancellation that comes together with the acknowledgement,
    and so would need a task around it; the futures of its ``publish_async`` never resolve once the
    server was killed.
    """

    def __init__(self, client: "Client", timeout_s: float = PUBLISH_TIMEOUT_S):
        self._client = client
        self._timeout_s = timeout_s
        self._inbox = client.new_inbox()
        self._count = 0
        self._turns = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._listening = False

    async def publish(
        self, subject: str, payload: bytes, headers: dict[str, str]
    ) -> tuple[int, bool]:
        """Store one message. Returns its sequence number, and whether the stream had it already.

        Raises TimeoutError where no answer comes in time, and nats-py's APIError for a refusal.
        """
        if not self._listening:
            self._listening = True
            await self._client.subscribe(f"{self._inbox}.*", cb=self._hear_late_answer)
        self._count += 1
        reply = f"{self._inbox}.{self._count}"
        await self._take_turn()
        try:
            data = await self._answer(subject, payload, reply, headers)
        finally:
            self._turns.release()
        if data is None:
            raise TimeoutError
        answer = json.loads(data or b"{}")
        if not answer.get("seq"):
            _refuse(answer.get("error"))
        return answer["seq"], answer.get("duplicate", False)

    async def _take_turn(self) -> None:
        if self._turns.locked():
            async with asyncio.timeout(self._timeout_s):
                await self._turns.acquire()
        else:
            await self._turns.acquire()

    async def _answer(
        self, subject: str, payload: bytes, reply: str, headers: dict[str, str]
    ) -> bytes | None:
        """The server's answer to a message; None where it does not come in time."""
        loop = asyncio.get_running_loop()
        answers = self._client.answers
        key = reply.encode()
        answer: asyncio.Future[bytes | None] = loop.create_future()
        answers[key] = answer
        try:
            # Where others are under way too, one write to the socket serves them all.
            is_alone = len(answers) == 1
            await self._client.send(subject, payload, reply, headers, now=is_alone)
            late = loop.call_later(self._timeout_s, self._client.answer, key, None)
            try:
                return await answer
            finally:
                late.cancel()
        finally:
            del answers[key]

    async def _hear_late_answer(self, message: "Msg") -> None:
        self._client.answer(message.subject.encode(), message.data)


def _refuse(error: dict[str, Any] | None) -> NoReturn:
    """Raise what the server said; it says nothing where there is no stream."""
    from nats.js.errors import APIError, NoStreamResponseError

    if error:
        APIError.from_error(error)
    raise NoStreamResponseError
