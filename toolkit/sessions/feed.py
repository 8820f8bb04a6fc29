"""Feed: one JetStream consumer's life, from a cursor until it falls silent or skips."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from toolkit.sessions.log import LogClosed, LogUnavailable, shielded
from toolkit.sessions.publish import APPEND_DEADLINE_S, PUBLISH_TIMEOUT_S, persist, send, whole

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

HEARTBEAT_S = 0.5
SILENCE_S = 3 * HEARTBEAT_S
CONSUMER_LIFE_S = 30.0


class Feed:
    """One consumer's life: from a cursor on (or from each subject's last), until it falls silent or skips."""

    def __init__(self, client: "Client", stream: str, subjects: Sequence[str], after: int | None, patient: bool):
        self._client, self._stream, self._subjects, self._after = client, stream, subjects, after
        self._patient = patient
        self._inbox = client.new_inbox()
        self._name = ""
        self._subscription: Any = None
        self.pending = 0
        """Messages that were stored for it when it was opened."""

    async def open(self) -> None:
        """Make the consumer, however long the server is away where it is patient; else LogUnavailable is raised."""
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        # The server's flow control bounds what waits here.
        subscribing = self._client.subscribe(self._inbox, pending_msgs_limit=-1, pending_bytes_limit=0)
        self._subscription = await shielded(subscribing)
        config = ConsumerConfig(
            deliver_subject=self._inbox,
            filter_subject=self._subjects[0] if len(self._subjects) == 1 else None,
            filter_subjects=list(self._subjects) if len(self._subjects) > 1 else None,
            deliver_policy=(DeliverPolicy.LAST_PER_SUBJECT if self._after is None else DeliverPolicy.BY_START_SEQUENCE),
            opt_start_seq=None if self._after is None else self._after + 1,
            ack_policy=AckPolicy.NONE,
            idle_heartbeat=HEARTBEAT_S,
            flow_control=True,
            inactive_threshold=CONSUMER_LIFE_S,
            mem_storage=True,
            num_replicas=1,
        )
        manager, what = self._client.jsm(timeout=PUBLISH_TIMEOUT_S), f"no consumer for {', '.join(self._subjects)}"
        while not self._name:
            try:
                making = whole(manager.add_consumer, self._stream, config)
                info = await persist(making, APPEND_DEADLINE_S, what)
                self._name, self.pending = info.name, info.num_pending or 0
            except LogUnavailable:
                if self._client.is_closed or not self._patient:
                    raise

    async def messages(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (stream sequence, payload) as long as the consumer is whole."""
        # nats-py's own iterator makes two tasks for each message, a callback has one more queue.
        queue, delivered = self._subscription._pending_queue, 0
        while True:
            message = queue.get_nowait() if not queue.empty() else await self._next(queue)
            if message is None:
                return
            if not message.reply.startswith("$JS.ACK."):  # No event of the stream, but word of the consumer itself.
                await self._answer_flow_control(message)
                if int((message.headers or {}).get("Nats-Last-Consumer") or 0) > delivered:
                    return
                continue
            seq, count = _sequences(message.reply)
            if count != delivered + 1:
                return
            delivered = count
            yield seq, message.data

    async def _next(self, queue: "asyncio.Queue[Msg]") -> "Msg | None":
        try:
            async with asyncio.timeout(SILENCE_S):
                return await queue.get()
        except TimeoutError:
            if self._client.is_closed:
                raise LogClosed("this log is closed") from None
            return None

    async def _answer_flow_control(self, message: "Msg") -> None:
        wanted = message.reply or (message.headers or {}).get("Nats-Consumer-Stalled")
        if wanted:
            await send(self._client, wanted)

    async def close(self) -> None:
        """Stop listening, and let the server drop the consumer now; it does so by itself after a while."""
        with suppress(Exception):
            await shielded(self._subscription.unsubscribe())
            if self._name and self._client.is_connected:
                await send(self._client, f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}")


def _sequences(reply: str) -> tuple[int, int]:
    """Stream and consumer sequence from a delivery's reply subject (nine tokens, or twelve with a domain)."""
    tokens = reply.split(".")
    stream, consumer = tokens[5:7] if len(tokens) == 9 else tokens[7:9]
    return int(stream), int(consumer)
