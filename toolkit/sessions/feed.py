"""Feed: one JetStream consumer's life; and `persist`, which tries a request until it succeeds or its time is up."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from toolkit.sessions.log import LogUnavailable, shielded

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

RECONNECT_WAIT_S = 0.1
PUBLISH_TIMEOUT_S = 1.0
APPEND_DEADLINE_S = 30.0
HEARTBEAT_S = 0.5
SILENCE_S = 3 * HEARTBEAT_S
CONSUMER_LIFE_S = 30.0
PENDING_BYTES = 256 * 1024 * 1024
REFUSED_CODES = range(400, 500)
AGAIN = {10005, 10164, 10175, 10176, 10210}
"""Refusals that pass: a cluster that is not whole yet (10005); another write of the run is on its way to the replicas
(10164); a batch whose beginning another connection, or the server before this one, had (the others)."""


class Refused(RuntimeError):
    """The server understood and said no: trying again would not help."""

    def __init__(self, why: str, code: int | None):
        super().__init__(why)
        self.code = code


async def persist(attempt: Any, deadline_s: float, what: str) -> Any:
    """Await `attempt()` again and again until it succeeds, is refused, or the deadline passes."""
    import nats

    give_up = time.monotonic() + deadline_s
    while True:
        try:
            return await shielded(attempt())
        except nats.js.errors.APIError as error:
            if error.code in REFUSED_CODES and error.err_code not in AGAIN:
                raise Refused(f"{what}: {error.description}", error.err_code) from None
            why: Exception = error
        except nats.errors.MaxPayloadError:
            raise Refused(f"{what}: it is larger than the server takes in one message", None) from None
        except nats.errors.ConnectionClosedError:
            raise LogUnavailable(f"{what}: this log is closed") from None
        except (nats.errors.Error, OSError) as error:
            why = error
        if time.monotonic() > give_up:
            raise LogUnavailable(f"{what} within {deadline_s} s: {why!r}")
        await asyncio.sleep(RECONNECT_WAIT_S)


class Feed:
    """One consumer's life: from a cursor on (or from each subject's last), until it falls silent or skips."""

    def __init__(self, client: "Client", stream: str, subject: str, after: int | None = None):
        self._client, self._stream, self._subject, self._after = client, stream, subject, after
        self._name = ""
        self._inbox = client.new_inbox()
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._subscription: Any = None

    async def open(self) -> None:
        """Make the consumer, however long the server is away."""
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        self._subscription = await shielded(
            self._client.subscribe(
                self._inbox, cb=self._queue.put, pending_msgs_limit=-1, pending_bytes_limit=PENDING_BYTES
            )
        )
        config = ConsumerConfig(
            deliver_subject=self._inbox,
            filter_subject=self._subject,
            deliver_policy=(DeliverPolicy.LAST_PER_SUBJECT if self._after is None else DeliverPolicy.BY_START_SEQUENCE),
            opt_start_seq=None if self._after is None else self._after + 1,
            ack_policy=AckPolicy.NONE,
            idle_heartbeat=HEARTBEAT_S,
            flow_control=True,
            inactive_threshold=CONSUMER_LIFE_S,
            mem_storage=True,
            num_replicas=1,
        )
        manager = self._client.jsm(timeout=PUBLISH_TIMEOUT_S)
        while True:
            with suppress(LogUnavailable):
                what = f"no consumer for {self._subject}"
                info = await persist(lambda: manager.add_consumer(self._stream, config), APPEND_DEADLINE_S, what)
                self._name = info.name
                return
            if self._client.is_closed:
                raise LogUnavailable(f"no consumer for {self._subject}: this log is closed")

    async def messages(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (stream sequence, payload) as long as the consumer is whole."""
        delivered = 0
        while True:
            message = await self._next()
            if message is None:
                return
            if not message.data and message.headers and message.headers.get("Status") == "100":
                await self._answer_flow_control(message)
                last = message.headers.get("Nats-Last-Consumer")
                if last is not None and int(last) > delivered:
                    return
                continue
            seq, count = _sequences(message.reply)
            if count != delivered + 1:
                return
            delivered = count
            yield seq, message.data

    async def _next(self) -> "Msg | None":
        if not self._queue.empty():
            return self._queue.get_nowait()
        try:
            async with asyncio.timeout(SILENCE_S):
                return await self._queue.get()
        except TimeoutError:
            if self._client.is_closed:
                raise LogUnavailable("this log is closed") from None
            return None

    async def _answer_flow_control(self, message: "Msg") -> None:
        wanted = message.reply or (message.headers or {}).get("Nats-Consumer-Stalled")
        if wanted:
            await shielded(self._client.publish(wanted))

    async def close(self) -> None:
        """Stop listening, and let the server drop the consumer now; it does so by itself after a while."""
        with suppress(Exception):
            await shielded(self._subscription.unsubscribe())
            if self._name and self._client.is_connected:
                await self._client.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}")


def _sequences(reply: str) -> tuple[int, int]:
    """Stream and consumer sequence from a delivery's reply subject (nine tokens, or twelve with a domain)."""
    tokens = reply.split(".")
    stream, consumer = tokens[5:7] if len(tokens) == 9 else tokens[7:9]
    return int(stream), int(consumer)
