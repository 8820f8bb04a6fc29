"""Feed: one JetStream consumer's life, from a cursor until it falls silent or skips."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from toolkit.sessions.log import LogClosed, LogUnavailable
from toolkit.sessions.nats.ask import PUBLISH_TIMEOUT_S, uncancelled
from toolkit.tasks import shielded

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription
    from nats.js.api import ConsumerConfig

    from toolkit.sessions.nats.client import Client

HEARTBEAT_S = 0.5
SILENCE_S = 3 * HEARTBEAT_S
CONSUMER_LIFE_S = 30.0
Ask = Callable[[Callable[[], Awaitable[Any]], str], Awaitable[Any]]
"""Awaits an attempt until it succeeds or a deadline passes; the text says what failed then."""


class Stop:
    """Where a reader ends: nowhere, where it follows; else at the sequence number `end`, where the
    leader of a cluster was asked for it; else after all that its consumer began with.
    """

    def __init__(self, follow: bool, end: int):
        self._follow = follow
        self._end = end
        self._left = 0

    def begin(self, pending: int) -> bool:
        """Note that a consumer begins with `pending` messages. Returns whether there is nothing to
        wait for.
        """
        self._left = pending
        return not (self._follow or self._end or pending)

    def reached(self, seq: int) -> bool:
        """Whether the message with `seq`, which was just delivered, is the last."""
        self._left -= 1
        if self._follow:
            return False
        if self._end:
            return seq >= self._end
        return self._left <= 0


class Feed:
    """One consumer's life: from a cursor on (or from each subject's last), until it falls silent or
    skips.
    """

    def __init__(
        self,
        client: "Client",
        ask: Ask,
        stream: str,
        subjects: Sequence[str],
        after: int | None,
        patient: bool,
    ):
        self._client = client
        self._ask = ask
        self._stream = stream
        self._subjects = subjects
        self._after = after
        self._patient = patient
        self._inbox = client.new_inbox()
        self._name = ""
        self._queue: asyncio.Queue[tuple[bytes, bytes] | Msg | None] = asyncio.Queue()
        self._listening: asyncio.Future[Subscription] | None = None
        self.pending = 0
        """Messages that were stored for it when it was opened."""

    async def open(self) -> None:
        """Make the consumer, however long the server is away where it is patient; else
        LogUnavailable is raised.
        """
        from nats.errors import ConnectionClosedError

        # The server's flow control bounds what waits here.
        self._listening = asyncio.ensure_future(
            self._client.listen(self._inbox, self._queue.put_nowait, self._hear)
        )
        try:
            await asyncio.shield(self._listening)
        except ConnectionClosedError:
            raise LogClosed("this log is closed") from None
        manager = self._client.jsm(timeout=PUBLISH_TIMEOUT_S)
        making = uncancelled(manager.add_consumer, self._stream, self._config())
        what = f"no consumer for {', '.join(self._subjects)}"
        while not self._name:
            try:
                info = await self._ask(making, what)
                self._name = info.name
                self.pending = info.num_pending or 0
            except LogUnavailable:
                if self._client.is_closed or not self._patient:
                    raise

    def _config(self) -> "ConsumerConfig":
        """The consumer: from the cursor on, or the last message of each subject."""
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        config = ConsumerConfig(
            deliver_subject=self._inbox,
            deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
            ack_policy=AckPolicy.NONE,
            idle_heartbeat=HEARTBEAT_S,
            flow_control=True,
            inactive_threshold=CONSUMER_LIFE_S,
            mem_storage=True,
            num_replicas=1,
        )
        if len(self._subjects) == 1:  # the one form that servers before 2.10 know
            config.filter_subject = self._subjects[0]
        else:
            config.filter_subjects = list(self._subjects)
        if self._after is not None:
            config.deliver_policy = DeliverPolicy.BY_START_SEQUENCE
            config.opt_start_seq = self._after + 1
        return config

    async def messages(
        self, look: Callable[[], Awaitable[None]], every_s: float
    ) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (stream sequence, payload) as long as the consumer is whole; `look` is called now
        and then.
        """
        delivered = 0
        queue = self._queue
        next_look = time.monotonic() + every_s
        while True:
            if queue.empty():
                if time.monotonic() > next_look:
                    await look()
                    next_look = time.monotonic() + every_s
                arrival = await self._next()
            else:
                arrival = queue.get_nowait()
            if arrival is None:
                return  # it fell silent
            if isinstance(arrival, tuple):
                reply, payload = arrival
                seq, count = _sequences(reply)
                if count != delivered + 1:
                    return
                delivered = count
                yield seq, payload
            elif await self._answer(arrival) > delivered:
                return  # it skipped: more was delivered than came

    async def _next(self) -> "tuple[bytes, bytes] | Msg | None":
        silent = asyncio.get_running_loop().call_later(SILENCE_S, self._queue.put_nowait, None)
        try:
            arrival = await self._queue.get()
        finally:
            silent.cancel()
        if arrival is None and self._client.is_closed:
            raise LogClosed("this log is closed")
        return arrival

    async def _hear(self, message: "Msg") -> None:
        if message.reply.startswith("$JS.ACK."):
            self._queue.put_nowait((message.reply.encode(), message.data))
        elif message.reply or self._queue.empty():
            # A heartbeat says nothing to a reader that is busy; more will come.
            self._queue.put_nowait(message)

    async def _answer(self, message: "Msg") -> int:
        """Answer flow control. Returns how many deliveries the server has counted, where the
        message says so.
        """
        from nats.errors import Error as NatsError

        headers = message.headers or {}
        subject = message.reply or headers.get("Nats-Consumer-Stalled")
        if subject:
            with suppress(NatsError, TimeoutError):  # The server asks again.
                await self._client.send(subject)
        return int(headers.get("Nats-Last-Consumer") or 0)

    async def close(self) -> None:
        """Stop listening, and let the server drop the consumer now; it does so by itself after a
        while.
        """
        with suppress(Exception):
            if self._listening:
                await shielded(self._leave(self._listening))
            if self._name and self._client.is_connected:
                await self._client.send(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}")

    async def _leave(self, listening: "asyncio.Future[Subscription]") -> None:
        await self._client.leave(await listening)


def _sequences(reply: bytes) -> tuple[int, int]:
    """Stream and consumer sequence from a delivery's reply subject (nine tokens, or twelve with a
    domain).
    """
    tokens = reply.split(b".")
    stream, consumer = tokens[5:7] if len(tokens) == 9 else tokens[7:9]
    return int(stream), int(consumer)
