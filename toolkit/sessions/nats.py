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
from typing import TYPE_CHECKING, Self

from toolkit.events import Event, RecordError, decode_event, encode
from toolkit.sessions.feed import (
    APPEND_DEADLINE_S,
    PUBLISH_TIMEOUT_S,
    RECONNECT_WAIT_S,
    Feed,
    Refused,
    persist,
)
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

STREAM = "FIELDBOOK"
CONNECT_TIMEOUT_S = 10.0
DEDUPE_WINDOW_S = 120.0
"""For so long the server knows an event's id again; a later retry looks the log up first."""
WRONG_LAST_SEQUENCE = 10071
DUPLICATE_IN_BATCH = 10201
BATCHES_AT_ONCE = 8
"""A stream has 50 begun at a time, of all its writers; it is silent on what it drops beyond that."""
NO_MESSAGE = 10037
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
        heard = await persist(lambda: self._client.request("$JS.API.STREAM.NAMES", b""), timeout_s, "no stream names")
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
            made = await persist(lambda: self._stream.add_stream(config), timeout_s, what)
        except Refused as error:
            if error.code != name_in_use:
                raise
            made = await persist(lambda: self._stream.stream_info(name), timeout_s, what)
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
            acks: list[Ack] = await persist(attempt, APPEND_DEADLINE_S, what)
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
        last_seq, last_id = await self._last(event.session, subject)
        if last_id == event.id and (known := await self._known(events)):
            return known
        if last_seq == expected:
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

    async def _last(self, session: str, subject: str) -> tuple[int, str]:
        """Sequence number and id of the last event on `subject`, by the word of the stream's leader; 0 for none."""
        stream, _ = self._home(session)
        try:
            what = f"nothing was heard of {subject}"
            last = await persist(lambda: self._stream.get_last_msg(stream, subject), APPEND_DEADLINE_S, what)
        except Refused as error:
            if error.code == NO_MESSAGE:
                return 0, ""
            raise
        event = self._decoded(last.seq, last.data or b"")
        return last.seq, event.id if event else ""

    def _decoded(self, seq: int, payload: bytes) -> Event | None:
        """The event; None for what is none, which is noted and costs nothing else."""
        try:
            return replace(decode_event(payload), seq=seq)
        except RecordError as error:
            self.problems.append(RecordError(error.why, f"sequence {seq}", field=error.field))
            return None

    async def read(self, session: str, after: int = 0, follow: bool = True, lane: Lane = "log") -> AsyncIterator[Event]:
        """Yield events; see `Log.read`."""
        stream, root = self._home(session)
        wanted, cursor, end = f"{root}.{session}.{FILTERS[lane]}", after, None
        if not follow:
            # A consumer may stand on a replica that is behind: only the leader knows what is stored now.
            end, _ = await self._last(session, wanted)
        while end is None or cursor < end:
            feed = Feed(self._client, stream, wanted, cursor)
            try:
                await feed.open()
                async for seq, payload in feed.messages():
                    cursor = seq
                    if event := self._decoded(seq, payload):
                        yield event
                    if end is not None and seq >= end:
                        return
            finally:
                await feed.close()

    async def latest(self, session: str, lane: Lane) -> list[Event]:
        """The last event of each run on a lane; see `Log.latest`."""
        stream, root = self._home(session)
        wanted = f"{root}.{session}.{FILTERS[lane]}"
        end, _ = await self._last(session, wanted)
        while end:
            feed = Feed(self._client, stream, wanted)
            found: dict[str, Event] = {}
            try:
                await feed.open()
                async for seq, payload in feed.messages():
                    if event := self._decoded(seq, payload):
                        found[event.run or event.actor] = event
                    if seq >= end:
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


def _stated_durability(client: "Client") -> Durability:
    name = str(getattr(client, "_server_info", {}).get("server_name", ""))
    return "fsync" if name.startswith(f"{NAME_PREFIX}fsync-") else "os"


async def _quiet(error: Exception) -> None:
    """Reconnects are expected here; what could not be done shows in `append` and `read`."""
