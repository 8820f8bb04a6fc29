"""NatsLog: a log on one JetStream stream. The stream's sequence is the total order and the cursor.

Each session has its subjects (`subject` says which). Publishes are bounded and carry the event's id as
``Nats-Msg-Id``, so that a retry is stored once. A run's fence is the last event on the subject
``sess.<id>.log.fence-<run>``; a write names its sequence number, and the server refuses it once that has moved.

A reader owns a short-lived consumer, and makes a new one from its cursor whenever it falls silent or skips: an
acknowledged event is read once, in order, across cuts and restarts.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from toolkit.events import Event, decode_event, encode
from toolkit.sessions.log import FENCES, Ack, Durability, Fenced, Lane, LogUnavailable, place, shielded
from toolkit.sessions.server import NAME_PREFIX

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

STREAM = "FIELDBOOK"
CONNECT_TIMEOUT_S = 10.0
RECONNECT_WAIT_S = 0.1
PUBLISH_TIMEOUT_S = 1.0
APPEND_DEADLINE_S = 30.0
"""Well within the dedupe window, so that no retry is stored twice."""
DEDUPE_WINDOW_S = 120.0
HEARTBEAT_S = 0.5
SILENCE_S = 3 * HEARTBEAT_S
CONSUMER_LIFE_S = 30.0
PENDING_BYTES = 256 * 1024 * 1024
REFUSED_CODES = range(400, 500)
WRONG_LAST_SEQUENCE = 10071
DUPLICATE_IN_BATCH = 10201
BATCH_VERSION = (2, 12)
ROLLED_UP = {"snapshot", "lease"}
"""Only the last of these is kept for each run: each says all that the ones before it said."""
FILTERS: dict[str, str] = {
    "log": "sess.{}.log.>",
    "quiet": "sess.{}.log.*",
    "control": "sess.{}.log.ctl",
    "words": "sess.{}.log.txt.*",
    "snapshot": "sess.{}.snapshot.*",
    "lease": "sess.{}.lease.*",
}


class NatsLog:
    """A log on a nats-server with JetStream. Make one with `NatsLog.connect`."""

    def __init__(self, client: "Client", durability: Durability):
        self._client, self._durability = client, durability
        self._stream = client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        version = client.connected_server_version
        self._batches = (version.major, version.minor) >= BATCH_VERSION

    @classmethod
    async def connect(
        cls,
        url: str,
        durability: Durability | None = None,
        replicas: int = 1,
        timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> Self:
        """Connect to the server or cluster at `url`, and make the stream where it is not there yet.

        Parameters
        ----------
        url : str
            As ``server.url``; several, separated by commas, for a cluster.
        durability : {"os", "fsync"}, optional
            The tier to state. By default what a `NatsServer` says of itself, else the lower one, ``os``.
        replicas : int
            Copies of the stream that a cluster keeps.
        timeout_s : float
            Deadline for the connection, and again for the stream.

        Raises
        ------
        LogUnavailable
            Where there is no such server within `timeout_s`.
        """
        import nats

        try:
            async with asyncio.timeout(timeout_s):
                client = await nats.connect(
                    url.split(","),
                    name="fieldbook",
                    error_cb=_quiet,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=RECONNECT_WAIT_S,
                    ping_interval=2,
                )
        except (OSError, TimeoutError, nats.errors.Error) as error:
            raise LogUnavailable(f"no NATS server at {url} within {timeout_s} s: {error!r}") from None
        log = cls(client, durability or _stated_durability(client))
        await log._make_stream(replicas, timeout_s)
        return log

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @property
    def durability(self) -> Durability:
        """The tier that each acknowledgement states."""
        return self._durability

    async def _make_stream(self, replicas: int, timeout_s: float) -> None:
        from nats.js.api import StorageType, StreamConfig

        config = StreamConfig(
            name=STREAM,
            subjects=["sess.>"],
            storage=StorageType.FILE,
            num_replicas=replicas,
            duplicate_window=DEDUPE_WINDOW_S,
            allow_direct=True,
            allow_rollup_hdrs=True,
            allow_atomic=self._batches or None,
        )
        name_in_use = 10058
        try:
            await _persist(lambda: self._stream.add_stream(config), timeout_s, "the stream was not made")
        except Refused as error:
            if error.code != name_in_use:
                await self.close()
                raise

    async def append(self, event: Event, fence: int | None = None) -> Ack:
        """Store `event` once. Tries again, with the same id, until `APPEND_DEADLINE_S`; see `Log.append`."""

        async def publish() -> Any:
            # Headers of its own for each try: nats-py writes into them.
            return await self._stream.publish(subject(event), encode(event).encode(), headers=_headers(event, fence))

        try:
            ack = await _persist(publish, APPEND_DEADLINE_S, f"event {event.id} was not acknowledged")
        except Refused as error:
            raise _fenced(error, event) from None
        return Ack(replace(event, seq=ack.seq), self._durability, duplicate=bool(ack.duplicate))

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Store `events` together by an atomic batch, where the server has them (2.12); see `Log.append_all`."""
        if not self._batches or len(events) < 2:
            return [await self.append(event, fence) for event in events]
        what = f"a batch of {len(events)} events was not acknowledged"
        try:
            last = await _persist(lambda: self._publish_batch(events, fence), APPEND_DEADLINE_S, what)
        except Refused as error:
            if error.code != DUPLICATE_IN_BATCH:
                raise _fenced(error, events[0]) from None
            # A try whose answer was lost is stored already: alone, each event is told so.
            return [await self.append(event, fence) for event in events]
        first = last - len(events) + 1
        return [Ack(replace(event, seq=first + n), self._durability) for n, event in enumerate(events)]

    async def _publish_batch(self, events: Sequence[Event], fence: int | None) -> int:
        batch = self._client.new_inbox()[-22:]
        for number, event in enumerate(events, 1):
            headers = _headers(event, fence) | {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            payload = encode(event).encode()
            if number < len(events):
                await self._client.publish(subject(event), payload, headers=headers)
        headers["Nats-Batch-Commit"] = "1"
        ack = await self._stream.publish(subject(event), payload, headers=headers)
        return int(ack.seq)

    async def read(self, session: str, after: int = 0, follow: bool = True, lane: Lane = "log") -> AsyncIterator[Event]:
        """Yield events; see `Log.read`."""
        cursor = after
        while True:
            feed = _Feed(self._client, FILTERS[lane].format(session), cursor)
            try:
                left = await feed.open()
                if not follow and not left:
                    return
                async for seq, payload in feed.messages():
                    cursor = seq
                    yield replace(decode_event(payload), seq=seq)
                    left -= 1
                    if not follow and left <= 0:
                        return
            finally:
                await feed.close()

    async def latest(self, session: str, lane: Lane) -> list[Event]:
        """The last event of each run on a lane; see `Log.latest`."""
        feed = _Feed(self._client, FILTERS[lane].format(session))
        try:
            left, found = await feed.open(), []
            async for seq, payload in feed.messages() if left else _nothing():
                found.append(replace(decode_event(payload), seq=seq))
                if len(found) >= left:
                    return found
        finally:
            await feed.close()
        return await self.latest(session, lane) if left else []

    async def close(self) -> None:
        """Close the connection. What was acknowledged stays; readers of this log end with it."""
        with suppress(Exception):
            await shielded(self._client.close())


def subject(event: Event) -> str:
    """Where an event is published. Words, snapshots, leases and fences have a subject for each run."""
    where, run = place(event), event.run or "-"
    tail = {"event": "log.evt", "control": "log.ctl", "words": f"log.txt.{run}"}.get(where, f"{where}.{run}")
    return f"sess.{event.session}.{f'log.fence-{run}' if event.kind in FENCES else tail}"


def _headers(event: Event, fence: int | None) -> dict[str, str]:
    headers = {"Nats-Msg-Id": f"{event.session}.{event.id}"}
    if fence is not None:
        headers["Nats-Expected-Last-Subject-Sequence"] = str(fence)
        headers["Nats-Expected-Last-Subject-Sequence-Subject"] = f"sess.{event.session}.log.fence-{event.run}"
    if place(event) in ROLLED_UP:
        headers["Nats-Rollup"] = "sub"
    return headers


def _fenced(error: "Refused", event: Event) -> Exception:
    if error.code == WRONG_LAST_SEQUENCE:
        return Fenced(f"run {event.run} of session {event.session} is another agent's now")
    return error


async def _nothing() -> AsyncIterator[tuple[int, bytes]]:
    return
    yield


class Refused(RuntimeError):
    """The server understood and said no: trying again would not help."""

    def __init__(self, why: str, code: int | None):
        super().__init__(why)
        self.code = code


async def _persist(attempt: Any, deadline_s: float, what: str) -> Any:
    """Await `attempt()` again and again until it succeeds, is refused, or the deadline passes."""
    import nats

    give_up = time.monotonic() + deadline_s
    while True:
        try:
            return await shielded(attempt())
        except nats.js.errors.APIError as error:
            if error.code in REFUSED_CODES:
                raise Refused(f"{what}: {error.description}", error.err_code) from None
            why: Exception = error
        except nats.errors.ConnectionClosedError:
            raise LogUnavailable(f"{what}: this log is closed") from None
        except (nats.errors.Error, OSError) as error:
            why = error
        if time.monotonic() > give_up:
            raise LogUnavailable(f"{what} within {deadline_s} s: {why!r}")
        await asyncio.sleep(RECONNECT_WAIT_S)


class _Feed:
    """One consumer's life: from a cursor on (or from each subject's last), until it falls silent or skips."""

    def __init__(self, client: "Client", subject: str, after: int | None = None):
        self._client, self._subject, self._after = client, subject, after
        self._inbox = client.new_inbox()
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._subscription: Any = None

    async def open(self) -> int:
        """Make the consumer, however long the server is away. Returns how many messages are waiting."""
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
                info = await _persist(lambda: manager.add_consumer(STREAM, config), APPEND_DEADLINE_S, what)
                self._name = info.name
                return int(info.num_pending or 0)
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
        """Stop listening; the server drops the consumer when nobody has listened for a while."""
        with suppress(Exception):
            await shielded(self._subscription.unsubscribe())


def _sequences(reply: str) -> tuple[int, int]:
    """Stream and consumer sequence from a delivery's reply subject (nine tokens, or twelve with a domain)."""
    tokens = reply.split(".")
    stream, consumer = tokens[5:7] if len(tokens) == 9 else tokens[7:9]
    return int(stream), int(consumer)


def _stated_durability(client: "Client") -> Durability:
    name = str(getattr(client, "_server_info", {}).get("server_name", ""))
    return "fsync" if name.startswith(f"{NAME_PREFIX}fsync-") else "os"


async def _quiet(error: Exception) -> None:
    """Reconnects are expected here; what could not be done shows in `append` and `read`."""
