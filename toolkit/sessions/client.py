"""Client: nats-py's, with a short way through it for a token and its acknowledgement.

nats-py hands what it publishes to a task that writes it, reads the headers of all that it hears, and wakes a task for
each answer: 60 us of a token's 240. Here a lone message goes to the socket at once, and an answer or a delivery to
whoever waits for it. All else is nats-py's, reconnecting above all. This file alone uses its inner names, five of them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from nats.aio import client as nats_py
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

Deliver = Callable[[tuple[bytes, bytes]], None]


class Client(nats_py.Client):
    """A connection to a NATS server."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[bytes, asyncio.Future[bytes | None]] = {}
        """Who waits for the first message on a subject."""
        self._deliver: dict[int, Deliver] = {}

    def answer(self, subject: bytes, data: bytes | None) -> None:
        """Give `data` to whoever still waits for it."""
        if (waiting := self.answers.get(subject)) and not waiting.done():
            waiting.set_result(data)

    async def listen(self, inbox: str, deliver: Deliver, told: Callable[[Msg], Awaitable[None]]) -> Subscription:
        """Subscribe a consumer: `deliver` gets each event's reply subject and payload, `told` word of itself."""
        subscription = await self.subscribe(inbox, cb=told)
        self._deliver[subscription._id] = deliver
        return subscription

    async def leave(self, subscription: Subscription) -> None:
        """End what `listen` began."""
        self._deliver.pop(subscription._id, None)
        await subscription.unsubscribe()

    async def send(
        self, subject: str, payload: bytes = b"", reply: str = "", told: dict[str, str] | None = None, now: bool = False
    ) -> None:
        """Publish, no more; with `now`, without a wait for what else could be written together with it."""
        if now and told and self._put(subject, payload, reply, told):
            return
        task = asyncio.current_task()
        assert task
        before = task.cancelling()
        await self.publish(subject, payload, reply, told)
        if task.cancelling() > before:  # nats-py swallows a cancellation while it waits for room.
            raise asyncio.CancelledError

    def _put(self, subject: str, payload: bytes, reply: str, told: dict[str, str]) -> bool:
        """Write it to the socket; False where something else comes first, or nats-py has to look at it."""
        stream = getattr(self._transport, "_io_writer", None)
        if stream is None or self._pending or not self.is_connected or len(payload) > self.max_payload:
            return False
        out: asyncio.WriteTransport = stream.transport
        lines = "".join([f"{name}: {value}\r\n" for name, value in told.items()])
        odd = subject.split() != [subject] or lines.count("\n") + lines.count("\r") > 2 * len(told)
        if odd or out.is_closing() or out.get_write_buffer_size():
            return False
        head = f"NATS/1.0\r\n{lines}\r\n".encode()
        first = f"HPUB {subject} {reply} {len(head)} {len(head) + len(payload)}\r\n"
        out.write(b"".join((first.encode(), head, payload, b"\r\n")))
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += len(payload)
        return True

    def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> Coroutine[Any, Any, None]:
        if subject in self.answers:
            # What a reader waits for goes before what its writer does.
            asyncio.get_running_loop().call_soon(self.answer, subject, data)
        elif reply.startswith(b"$JS.ACK.") and (deliver := self._deliver.get(sid)):
            deliver((reply, data))
        else:
            return super()._process_msg(sid, subject, reply, data, headers)
        self.stats["in_msgs"] += 1
        self.stats["in_bytes"] += len(data)
        return _nothing()


async def _nothing() -> None:
    """What nats-py awaits for a message that needs no more."""
