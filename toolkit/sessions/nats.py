"""NatsLog: a log on one JetStream stream. The stream's sequence is the total order and the cursor.

Each session has its subjects (`subject` says which). Publishes are bounded and carry the event's id as
``Nats-Msg-Id``, so that a retry is stored once; past the server's dedupe window the log itself is looked up. A run's
fence is the last event on the subject ``sess.<id>.log.q.fence.<run>``; a write names its sequence number, and the
server refuses it once that has moved.

A reader owns a short-lived consumer, and makes a new one from its cursor whenever it falls silent or skips: an
acknowledged event is read once, in order, across cuts and restarts.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from toolkit.events import Event, RecordError, decode_event, encode
from toolkit.sessions.log import (
    FENCES,
    FRESH_ID,
    LANES,
    Ack,
    Durability,
    Fenced,
    Lane,
    LogUnavailable,
    place,
    shielded,
)
from toolkit.sessions.server import NAME_PREFIX

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

STREAM = "FIELDBOOK"
CONNECT_TIMEOUT_S = 10.0
RECONNECT_WAIT_S = 0.1
PUBLISH_TIMEOUT_S = 1.0
APPEND_DEADLINE_S = 30.0
DEDUPE_WINDOW_S = 120.0
"""For so long the server knows an event's id again; a later retry looks the log up first."""
HEARTBEAT_S = 0.5
SILENCE_S = 3 * HEARTBEAT_S
CONSUMER_LIFE_S = 30.0
PENDING_BYTES = 256 * 1024 * 1024
REFUSED_CODES = range(400, 500)
WRONG_LAST_SEQUENCE = 10071
DUPLICATE_IN_BATCH = 10201
AGAIN = {10005, 10164, 10175, 10176, 10210}
"""Refusals that pass: a cluster that is not whole yet (10005); another write of the run is on its way to the replicas
(10164); a batch whose beginning another connection, or the server before this one, had (the others)."""
BATCHES_AT_ONCE = 8
"""A stream has 50 begun at a time, of all its writers; it is silent on what it drops beyond that."""
NO_MESSAGE = 10037
UNREADABLE = "unreadable"
MAX_CONSUMERS = 100_000
"""Each reader and each run has one; the server's own limit is 1,000 a stream."""
BATCH_VERSION = (2, 12)
ROLLED_UP = {"snapshot", "lease"}
"""Only the last of these is kept for each run: each says all that the ones before it said."""
FILTERS: dict[str, str] = {
    "log": "log.>",
    "quiet": "log.q.>",
    "control": "log.q.ctl.*",
    "words": "log.txt.*",
    "snapshot": "snapshot.*",
    "lease": "lease.*",
}


class NatsLog:
    """A log on a nats-server with JetStream. Make one with `NatsLog.connect`."""

    def __init__(self, client: "Client", durability: Durability, streams: int = 1):
        self._client, self._durability, self._streams = client, durability, streams
        self._stream = client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        self._window_s = DEDUPE_WINDOW_S
        self.problems: list[RecordError] = []
        """Messages on a session's subjects that are no events: readers pass them over."""
        self._tried: dict[str, float] = {}
        self._batching = asyncio.Semaphore(BATCHES_AT_ONCE)
        version = client.connected_server_version
        self._batches = (version.major, version.minor) >= BATCH_VERSION

    @classmethod
    async def connect(
        cls,
        url: str,
        durability: Durability | None = None,
        replicas: int = 1,
        timeout_s: float = CONNECT_TIMEOUT_S,
        streams: int = 1,
        window_s: float = DEDUPE_WINDOW_S,
    ) -> Self:
        """Connect to the server or cluster at `url`, and make the streams where they are not there yet.

        Parameters
        ----------
        url : str
            As ``server.url``; several, separated by commas, for a cluster.
        durability : {"os", "fsync"}, optional
            The tier to state. By default what a `NatsServer` says of itself, else the lower one, ``os``.
        replicas : int
            Copies of the stream that a cluster keeps.
        timeout_s : float
            Deadline for the connection, and again for each stream.
        streams : int
            Sessions are spread over so many by the hash of their id. All who share a log name the same number.
        window_s : float
            The dedupe window of a stream that is made here.

        Raises
        ------
        LogUnavailable
            Where there is no such server within `timeout_s`.
        ValueError
            Where the sessions there are spread over another number of streams.
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
        log = cls(client, durability or _stated_durability(client), streams)
        try:
            await log._agree(timeout_s)
            for number in range(streams):
                await log._make_stream(number, replicas, window_s, timeout_s)
        except BaseException:
            await log.close()
            raise
        return log

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @property
    def durability(self) -> Durability:
        """The tier that each acknowledgement states."""
        return self._durability

    def _home(self, session: str) -> tuple[str, str]:
        """The stream of `session`, and what its subjects begin with."""
        return self._names(int(sha256(session.encode()).hexdigest()[:8], 16) % self._streams)

    def _names(self, number: int) -> tuple[str, str]:
        if self._streams == 1:
            return STREAM, "sess"
        return f"{STREAM}-{self._streams}-{number}", f"sess-{self._streams}-{number}"

    async def _agree(self, timeout_s: float) -> None:
        """Sessions that others spread over another number of streams would not be found here."""
        heard = await _persist(lambda: self._client.request("$JS.API.STREAM.NAMES", b""), timeout_s, "no stream names")
        for name in json.loads(heard.data).get("streams") or []:
            there = re.fullmatch(rf"{STREAM}(?:-(\d+)-\d+)?", name)
            if there and int(there[1] or 1) != self._streams:
                raise ValueError(f"sessions are spread over {there[1] or 1} here: connect with streams={there[1] or 1}")

    async def _make_stream(self, number: int, replicas: int, window_s: float, timeout_s: float) -> None:
        from nats.js.api import StorageType, StreamConfig

        name, root = self._names(number)
        config = StreamConfig(
            name=name,
            subjects=[f"{root}.>"],
            storage=StorageType.FILE,
            num_replicas=replicas,
            duplicate_window=window_s,
            max_consumers=MAX_CONSUMERS,
            allow_direct=True,
            allow_rollup_hdrs=True,
            allow_atomic=self._batches or None,
        )
        what, name_in_use = f"stream {name} was not made", 10058
        try:
            made = await _persist(lambda: self._stream.add_stream(config), timeout_s, what)
        except Refused as error:
            if error.code != name_in_use:
                raise
            made = await _persist(lambda: self._stream.stream_info(name), timeout_s, what)
        # Somebody else's stream may promise less than ours would.
        self._window_s = made.config.duplicate_window
        self._batches = self._batches and bool(made.config.allow_atomic)
        if made.config.persist_mode == "async" or made.config.storage != StorageType.FILE:
            self._durability = "memory"

    async def append(self, event: Event, fence: int | None = None) -> Ack:
        """Store `event` once. Tries again, with the same id, until `APPEND_DEADLINE_S`; see `Log.append`."""
        return (await self._append([event], fence))[0]

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Store `events` together by an atomic batch, where the server has them (2.12); see `Log.append_all`."""
        if self._batches and len(events) > 1:
            return await self._append(events, fence)
        return [await self.append(event, fence) for event in events]

    async def _append(self, events: Sequence[Event], fence: int | None) -> list[Ack]:
        key, now = f"{events[0].session}.{events[0].id}", time.monotonic()
        since, late = self._tried.setdefault(key, now), self._window_s / 2

        async def attempt() -> list[Ack]:
            overdue = time.monotonic() - since > late
            if overdue and (known := await self._known(events)):
                return known
            async with self._batching if len(events) > 1 else nullcontext():
                return await self._publish(events, fence)

        what = f"event {events[0].id} was not acknowledged"
        try:
            acks: list[Ack] = await _persist(attempt, APPEND_DEADLINE_S, what)
        except Refused as error:
            self._tried.pop(key, None)
            return await self._settle(events, fence, error)
        self._tried.pop(key, None)
        return acks

    async def _publish(self, events: Sequence[Event], fence: int | None) -> list[Ack]:
        batch = self._client.new_inbox()[-22:]
        for number, event in enumerate(events, 1):
            # Headers of its own for each try: nats-py writes into them.
            headers = self._headers(event, fence)
            if len(events) > 1:
                headers |= {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            place_, payload = self._subject(event), encode(event).encode()
            if number < len(events):
                await self._client.publish(place_, payload, headers=headers)
        if len(events) > 1:
            headers["Nats-Batch-Commit"] = "1"
        ack = await self._stream.publish(place_, payload, headers=headers)
        first, again = ack.seq - len(events) + 1, bool(ack.duplicate)
        return [Ack(replace(event, seq=first + n), self._durability, again) for n, event in enumerate(events)]

    async def _settle(self, events: Sequence[Event], fence: int | None, error: "Refused") -> list[Ack]:
        """What a refusal means: stored before, taken by another, or a leader that has yet to catch up."""
        if error.code == DUPLICATE_IN_BATCH:
            return await self._known(events) or [await self.append(event, fence) for event in events]
        if error.code != WRONG_LAST_SEQUENCE:
            raise error
        event = events[-1]
        subject, expected = self._guard(event, fence) or ("", 0)
        last = await self._last(event.session, subject)
        if last and last.id == event.id:
            return await self._known(events) or []
        if (last.seq if last else 0) == expected:
            await asyncio.sleep(RECONNECT_WAIT_S)
            return await self._append(events, fence)
        raise Fenced(f"run {event.run} of session {event.session} is another agent's now, or has ended")

    async def _known(self, events: Sequence[Event]) -> list[Ack] | None:
        """The acknowledgements of `events`, where the log has them all."""
        wanted = {event.id for event in events if place(event) in LANES["log"]}
        found = {one.id: one async for one in self.read(events[0].session, follow=False) if one.id in wanted}
        if not wanted or wanted - found.keys():
            return None
        return [Ack(found.get(event.id, event), self._durability, duplicate=True) for event in events]

    async def _last(self, session: str, subject: str) -> Event | None:
        """The last event on `subject`, by the word of the stream's leader."""
        stream, _ = self._home(session)
        try:
            what = f"nothing was heard of {subject}"
            last = await _persist(lambda: self._stream.get_last_msg(stream, subject), APPEND_DEADLINE_S, what)
        except Refused as error:
            if error.code == NO_MESSAGE:
                return None
            raise
        return self._decoded(last.seq, last.data or b"")

    def _decoded(self, seq: int | None, payload: bytes) -> Event:
        """An event; one of the kind ``unreadable`` for what is none, which is noted and costs nothing else."""
        try:
            return replace(decode_event(payload), seq=seq)
        except RecordError as error:
            self.problems.append(RecordError(error.why, f"sequence {seq}", field=error.field))
            return Event("", UNREADABLE, "", {"why": str(error)}, f"unreadable-{seq}", seq=seq)

    async def read(self, session: str, after: int = 0, follow: bool = True, lane: Lane = "log") -> AsyncIterator[Event]:
        """Yield events; see `Log.read`."""
        stream, root = self._home(session)
        wanted, cursor, end = f"{root}.{session}.{FILTERS[lane]}", after, None
        if not follow:
            # A consumer may stand on a replica that is behind: only the leader knows what is stored now.
            last = await self._last(session, wanted)
            end = (last.seq or 0) if last else 0
        while end is None or cursor < end:
            feed = _Feed(self._client, stream, wanted, cursor)
            try:
                await feed.open()
                async for seq, payload in feed.messages():
                    cursor = seq
                    event = self._decoded(seq, payload)
                    if event.kind != UNREADABLE:
                        yield event
                    if end is not None and seq >= end:
                        return
            finally:
                await feed.close()

    async def latest(self, session: str, lane: Lane) -> list[Event]:
        """The last event of each run on a lane; see `Log.latest`."""
        stream, root = self._home(session)
        wanted = f"{root}.{session}.{FILTERS[lane]}"
        last = await self._last(session, wanted)
        while last:
            feed = _Feed(self._client, stream, wanted)
            found: dict[str, Event] = {}
            try:
                await feed.open()
                async for seq, payload in feed.messages():
                    event = self._decoded(seq, payload)
                    if event.kind != UNREADABLE:
                        found[event.run or event.actor] = event
                    if seq >= (last.seq or 0):
                        return sorted(found.values(), key=lambda one: one.seq or 0)
            finally:
                await feed.close()
        return []

    def _subject(self, event: Event) -> str:
        return subject(event, self._home(event.session)[1])

    def _guard(self, event: Event, fence: int | None) -> tuple[str, int] | None:
        """The subject whose last sequence number a write names, and that number."""
        if fence is not None:
            return f"{self._home(event.session)[1]}.{event.session}.log.q.fence.{event.run}", fence
        return (self._subject(event), 0) if _chosen(event) else None

    def _headers(self, event: Event, fence: int | None) -> dict[str, str]:
        headers = {"Nats-Msg-Id": f"{event.session}.{event.id}"}
        if guard := self._guard(event, fence):
            headers["Nats-Expected-Last-Subject-Sequence-Subject"] = guard[0]
            headers["Nats-Expected-Last-Subject-Sequence"] = str(guard[1])
        if place(event) in ROLLED_UP:
            headers["Nats-Rollup"] = "sub"
        return headers

    async def close(self) -> None:
        """Close the connection. What was acknowledged stays; readers of this log end with it."""
        with suppress(Exception):
            await shielded(self._client.close())


def subject(event: Event, root: str = "sess") -> str:
    """Where an event is published: each run has its own for words, snapshots, leases and fences; so has a chosen id."""
    where = place(event)
    if event.kind in FENCES:
        tail = f"log.q.fence.{event.run}"
    elif where in {"event", "control"}:
        tail = f"log.q.{'ctl' if where == 'control' else 'evt'}.{_token(event.id) if _chosen(event) else '-'}"
    else:
        tail = f"{'log.txt' if where == 'words' else where}.{event.run or _token(event.actor)}"
    return f"{root}.{event.session}.{tail}"


def _chosen(event: Event) -> bool:
    """Whether a caller chose the id, and may come back with it when the server has forgotten it."""
    return place(event) in {"event", "control"} and event.kind not in FENCES and not FRESH_ID.fullmatch(event.id)


def _token(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]


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
            if error.code in REFUSED_CODES and error.err_code not in AGAIN:
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
                info = await _persist(lambda: manager.add_consumer(self._stream, config), APPEND_DEADLINE_S, what)
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


def _stated_durability(client: "Client") -> Durability:
    name = str(getattr(client, "_server_info", {}).get("server_name", ""))
    return "fsync" if name.startswith(f"{NAME_PREFIX}fsync-") else "os"


async def _quiet(error: Exception) -> None:
    """Reconnects are expected here; what could not be done shows in `append` and `read`."""
