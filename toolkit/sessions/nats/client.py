"""Client: nats-py's, with a short way through it for a token and its acknowledgement.

nats-py hands what it publishes to a task that writes it, reads the headers of all that it hears,
and wakes a task for each answer: 50 us of a token's 240. Here a lone message goes to the socket at
once, and an answer or a delivery to whoever waits for it. All else is nats-py's, reconnecting above
all. This file alone uses its inner names.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Self
from urllib.parse import urlsplit

from nats.aio import client as nats_py
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error, MaxPayloadError

from toolkit.sessions.log import LogUnavailable
from toolkit.sessions.nats.ask import PUBLISH_TIMEOUT_S, RECONNECT_WAIT_S
from toolkit.sessions.nats.server import masked
from toolkit.tasks import shielded

Deliver = Callable[[tuple[bytes, bytes]], None]

CLOSE_TIMEOUT_S = 2.0
CANCELLATIONS = 20
CANCEL_TIMEOUT_S = 0.1
ROOM_BYTES = 1 << 20
"""A message waits for room where more than this waits for the socket already."""
ROOM_WAIT_S = 0.002
HEADERS = {
    "Nats-Msg-Id",
    "Nats-Expected-Last-Subject-Sequence-Subject",
    "Nats-Expected-Last-Subject-Sequence",
    "Nats-Rollup",
}
"""A message with others than these is left to nats-py, which looks at their names."""


class Client(nats_py.Client):
    """A connection to a NATS server."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[bytes, asyncio.Future[bytes | None]] = {}
        """Who waits for the first message on a subject."""
        self._deliver: dict[int, Deliver] = {}

    @classmethod
    async def dial(cls, url: str, timeout_s: float) -> Self:
        """Connect, and reconnect ever after. Raises LogUnavailable where nobody answers within
        `timeout_s`.
        """
        client = cls()
        refusals: set[str] = set()

        async def note(error: Exception) -> None:
            """Reconnects are expected here; what could not be done shows in `append` and `read`."""
            if "authorization" in str(error).lower():
                refusals.add("it wants a token: connect by the whole url of the server")

        options: dict[str, Any] = {
            "name": "fieldbook",
            "error_cb": note,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": RECONNECT_WAIT_S,
            "pending_size": 0,  # nats-py's own limit holds a write back for ever; `send` does not
            "ping_interval": 2,
            **_credentials(url),
        }
        connecting = asyncio.create_task(client.connect(url.split(","), **options))
        try:
            # nats-py may swallow a cancellation, and then goes on for ever: nobody waits for it
            await asyncio.wait([connecting], timeout=timeout_s)
            if not connecting.done():
                raise TimeoutError
            connecting.result()
        except (OSError, TimeoutError, Error) as error:
            why = ", ".join(refusals) or masked(repr(error))
            where = f"no NATS server at {masked(url)} within {timeout_s} s"
            raise LogUnavailable(f"{where}: {why}") from None
        finally:
            await _end(connecting)
            if not client.is_connected:  # what had been opened is open still
                await client.hang_up()
        return client

    async def hang_up(self) -> None:
        """Close the connection; whoever waits for an answer learns of it at once."""
        await shielded(self._hang_up())

    async def _hang_up(self) -> None:
        closing = asyncio.create_task(self.close())
        await asyncio.sleep(0)  # from here on nats-py takes no new request
        self._answer_none()
        # A server that has stopped takes no last bytes.
        await asyncio.wait([closing], timeout=CLOSE_TIMEOUT_S)
        # A reconnection that was under way may have gone on past the close.
        self._status = nats_py.Client.CLOSED
        stream = getattr(self._transport, "_io_writer", None)
        if stream is not None:
            stream.transport.abort()
        background = (
            closing,
            self._reconnection_task,
            self._reading_task,
            self._flusher_task,
            self._ping_interval_task,
        )
        for task in background:
            if task is not None:
                await _end(task)
        self._answer_none()

    def _answer_none(self) -> None:
        for subject in list(self.answers):
            self.answer(subject, None)

    @property
    def server_name(self) -> str:
        """What the server calls itself."""
        return str(self._server_info.get("server_name", ""))

    def answer(self, subject: bytes, data: bytes | None) -> None:
        """Give `data` to whoever still waits for it."""
        if (waiting := self.answers.get(subject)) and not waiting.done():
            waiting.set_result(data)

    async def listen(
        self, inbox: str, deliver: Deliver, control: Callable[[Msg], Awaitable[None]]
    ) -> Subscription:
        """Subscribe a consumer: `deliver` gets each event's reply subject and payload, `control`
        all else.
        """
        subscription = await self.subscribe(inbox, cb=control)
        self._deliver[subscription._id] = deliver
        return subscription

    async def leave(self, subscription: Subscription) -> None:
        """End what `listen` began."""
        self._deliver.pop(subscription._id, None)
        await subscription.unsubscribe()

    async def send(
        self,
        subject: str,
        payload: bytes = b"",
        reply: str = "",
        headers: dict[str, str] | None = None,
        now: bool = False,
    ) -> None:
        """Publish, no more; with `now`, without a wait for what else could be written together with
        it.

        Raises TimeoutError where there is no room for it in time, and MaxPayloadError where the
        server would close the connection because of it.
        """
        lines = "".join([f"{name}: {value}\r\n" for name, value in (headers or {}).items()])
        head = f"NATS/1.0\r\n{lines}\r\n".encode()
        if len(payload) + len(head) > self.max_payload:
            raise MaxPayloadError
        goes_now = now and _goes_as_it_is(subject + reply, lines, headers or {})
        if goes_now and self._put(f"{subject} {reply}", head, payload):
            return
        if self.pending_data_size > ROOM_BYTES:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                while self.pending_data_size > ROOM_BYTES:
                    await asyncio.sleep(ROOM_WAIT_S)
        await self.publish(subject, payload, reply, headers)

    def _put(self, subjects: str, head: bytes, payload: bytes) -> bool:
        """Write a message to the socket; False where it is not the only one on its way."""
        stream = getattr(self._transport, "_io_writer", None)
        if stream is None or self._pending or not self.is_connected or self.is_draining:
            return False
        out: asyncio.WriteTransport = stream.transport
        if out.is_closing() or out.get_write_buffer_size():
            return False
        first = f"HPUB {subjects} {len(head)} {len(head) + len(payload)}\r\n"
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


def _credentials(url: str) -> dict[str, str]:
    """What all servers of a `url` want, said once: those that a cluster tells of later come without
    it.
    """
    servers = [urlsplit(server) for server in url.split(",")]
    known = {(server.username, server.password) for server in servers}
    if len(known) != 1:
        return {}
    ((user, password),) = known
    if user is None:
        return {}
    return {"token": user} if password is None else {"user": user, "password": password}


def _goes_as_it_is(subjects: str, lines: str, headers: dict[str, str]) -> bool:
    """Whether a message needs nothing of nats-py, which looks at subjects and names of headers."""
    if not headers or not HEADERS.issuperset(headers):
        return False
    has_white_space = subjects.split() != [subjects]
    line_ends = lines.count("\n") + lines.count("\r")
    return not has_white_space and line_ends == 2 * len(headers)


async def _end(task: "asyncio.Task[Any]") -> None:
    """Cancel `task` until it has ended: nats-py swallows the cancellation that meets a flush."""
    for _ in range(CANCELLATIONS):
        if task.done():
            break
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_TIMEOUT_S)
    if task.done() and not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not warn of it


async def _nothing() -> None:
    """What nats-py awaits for a message that needs no more."""
