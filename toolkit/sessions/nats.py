"""NatsLog: a log on JetStream. The stream's sequence is the total order and the cursor.

Publishes are bounded and carry the event's id as ``Nats-Msg-Id``, so that a retry is stored once; past the server's
dedupe window the log itself is looked up. A reader owns a short-lived consumer, and makes a new one from its cursor
whenever it falls silent or skips: an acknowledged event is read once, in order, across cuts and restarts.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self

from toolkit.events import Event, RecordError, decode_event, encode
from toolkit.sessions.feed import Feed
from toolkit.sessions.log import LANES, Ack, Durability, Extent, Fenced, Lane, LogUnavailable, place
from toolkit.sessions.publish import (
    APPEND_DEADLINE_S,
    PUBLISH_TIMEOUT_S,
    RECONNECT_WAIT_S,
    Publisher,
    Refused,
    persist,
    whole,
)
from toolkit.sessions.server import NAME_PREFIX
from toolkit.sessions.streams import filters, guard, headers, home, make_streams, subject

if TYPE_CHECKING:
    from toolkit.sessions.client import Client

CONNECT_TIMEOUT_S = 10.0
DEDUPE_WINDOW_S = 120.0
"""For so long the server knows an event's id again; a later retry looks the log up first."""
WRONG_LAST_SEQUENCE = 10071
DUPLICATE_IN_BATCH = 10201
NO_MESSAGE = 10037
BATCHES_AT_ONCE = 8
"""A stream has 50 begun at a time, of all its writers; it is silent on what it drops beyond that."""
BATCH_VERSION = (2, 12)
FILTERS_VERSION = (2, 10)
"""Since then a consumer may have several filters."""


class NatsLog:
    """A log on a nats-server with JetStream. Make one with `NatsLog.connect`."""

    def __init__(self, client: "Client", durability: Durability, streams: int = 1, replicas: int = 1):
        self._client, self._durability, self._streams, self._replicas = client, durability, streams, replicas
        self._publisher = Publisher(client)
        self._window_s = DEDUPE_WINDOW_S
        self.problems: list[RecordError] = []
        """Messages on a session's subjects that are no events: readers pass them over."""
        self._tried: dict[str, float] = {}
        self._batching = asyncio.Semaphore(BATCHES_AT_ONCE)
        version = client.connected_server_version
        self._version = (version.major, version.minor)
        self._batches = self._version >= BATCH_VERSION

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
        from toolkit.sessions.client import Client

        client = await Client.dial(url, timeout_s)
        stated: Durability = "fsync" if client.server_name.startswith(f"{NAME_PREFIX}fsync-") else "os"
        log = cls(client, durability or stated, streams)
        try:
            await log._settle_in(replicas, window_s, timeout_s)
        except BaseException:
            await log.close()
            raise
        return log

    async def _settle_in(self, replicas: int, window_s: float, timeout_s: float) -> None:
        """Make the streams. Somebody else's may promise less than ours would."""
        made = await make_streams(self._client, self._streams, replicas, window_s, self._batches, timeout_s)
        for config in made:
            self._window_s = min(self._window_s, config.duplicate_window or DEDUPE_WINDOW_S)
            self._replicas = max(self._replicas, config.num_replicas or 1)
            self._batches = self._batches and bool(config.allow_atomic)
            if config.persist_mode == "async" or config.storage != "file":
                self._durability = "memory"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @property
    def durability(self) -> Durability:
        """The tier that each acknowledgement states."""
        return self._durability

    @property
    def reachable(self) -> bool:
        """Whether there is a connection to a server."""
        return self._client.is_connected

    async def append(self, event: Event, fence: int | None = None) -> Ack:
        """Store `event` once. Tries again, with the same id, until `APPEND_DEADLINE_S`; see `Log.append`."""
        return (await self._append([event], fence))[0]

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Store `events` together by an atomic batch, where the server has them (2.12); see `Log.append_all`."""
        if self._batches and len(events) > 1:
            return await self._append(events, fence)
        return [await self.append(event, fence) for event in events]

    async def _append(self, events: Sequence[Event], fence: int | None, give_up: float | None = None) -> list[Ack]:
        give_up = give_up or time.monotonic() + APPEND_DEADLINE_S
        key = f"{events[0].session}.{events[0].id}"
        late = self._tried.setdefault(key, time.monotonic()) + self._window_s / 2

        async def attempt() -> list[Ack]:
            if time.monotonic() > late and (known := await self._known(events)):
                return known
            if len(events) == 1:
                return await self._publish(events, fence)
            async with self._batching:
                return await self._publish(events, fence)

        try:
            acks = await persist(attempt, APPEND_DEADLINE_S, f"event {events[0].id} was not acknowledged")
        except Refused as error:
            self._tried.pop(key, None)
            return await self._settle(events, fence, error, give_up)
        self._tried.pop(key, None)
        return acks

    async def _publish(self, events: Sequence[Event], fence: int | None) -> list[Ack]:
        _, root = home(events[0].session, self._streams)
        batch = self._client.new_inbox()[-22:] if len(events) > 1 else ""
        for number, event in enumerate(events, 1):
            to, payload, told = subject(event, root), encode(event).encode(), headers(event, root, fence)
            if batch:
                told |= {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            if number < len(events):
                await self._client.send(to, payload, headers=told)
        if batch:
            told["Nats-Batch-Commit"] = "1"
        seq, again = await self._publisher.publish(to, payload, told)
        first = seq - len(events) + 1
        return [Ack(replace(event, seq=first + n), self._durability, again) for n, event in enumerate(events)]

    async def _settle(self, events: Sequence[Event], fence: int | None, error: Refused, give_up: float) -> list[Ack]:
        """What a refusal means: stored before, taken by another, or a leader that has yet to catch up."""
        if error.code == DUPLICATE_IN_BATCH:
            return await self._known(events) or [await self.append(event, fence) for event in events]
        if error.code != WRONG_LAST_SEQUENCE:
            raise error
        event = events[-1]
        guarded, expected = guard(event, home(event.session, self._streams)[1], fence) or ("", 0)
        last_seq, last_id = await self._last(event.session, guarded)
        if last_id == event.id and (known := await self._known(events)):
            return known
        if len(events) > 1 and fence is None:  # Some of them are stored already.
            return [await self.append(event) for event in events]
        if last_seq != expected:
            raise Fenced(f"run {event.run} of session {event.session} is another agent's now, or has ended")
        if time.monotonic() > give_up:
            raise LogUnavailable(f"event {event.id} was not acknowledged within {APPEND_DEADLINE_S} s: {error}")
        await asyncio.sleep(RECONNECT_WAIT_S)
        return await self._append(events, fence, give_up)

    async def _known(self, events: Sequence[Event]) -> list[Ack] | None:
        """The acknowledgements of `events`, where the log has them all."""
        wanted = {event.id for event in events if place(event) in LANES["log"]}
        found = {one.id: one async for one in self.read(events[0].session, follow=False) if one.id in wanted}
        if not wanted or wanted - found.keys():
            return None
        return [Ack(found.get(event.id, event), self._durability, duplicate=True) for event in events]

    async def _last(self, session: str, subject: str) -> tuple[int, str]:
        """Sequence number and id of the last event on `subject`, by the word of the stream's leader; 0 for none."""
        stream, _ = home(session, self._streams)
        asked = self._client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        try:
            what = f"nothing was heard of {subject}"
            last = await persist(whole(asked.get_last_msg, stream, subject), APPEND_DEADLINE_S, what)
        except Refused as error:
            if error.code == NO_MESSAGE:
                return 0, ""
            raise
        event = self._decoded(last.seq or 0, last.data or b"")
        return last.seq or 0, event.id if event else ""

    def _decoded(self, seq: int, payload: bytes) -> Event | None:
        """The event; None for what is none, which is noted and costs nothing else."""
        try:
            if payload.endswith(b"}"):  # Its place is read with it, in one pass: of two equal names the last counts.
                return decode_event(payload[:-1] + b',"seq":%d}' % seq)
            return replace(decode_event(payload), seq=seq)
        except RecordError as error:
            self.problems.append(RecordError(error.why, f"sequence {seq}", field=error.field))
            return None

    def read(
        self, session: str, after: int = 0, follow: bool = True, lane: Lane = "log", run: str | None = None
    ) -> AsyncIterator[Event]:
        """Yield events; see `Log.read`."""
        return self._read(session, after, follow, lane, run)

    async def latest(self, session: str, lane: Lane) -> list[Event]:
        """The last event of each run on a lane; see `Log.latest`."""
        last = self._read(session, None, False, lane)
        found = {(event.run, event.run or event.actor): event async for event in last}
        return sorted(found.values(), key=lambda event: event.seq or 0)

    async def _read(
        self, session: str, after: int | None, follow: bool, lane: Lane, run: str | None = None
    ) -> AsyncIterator[Event]:
        """Yield what comes after `after`; for None, the last event on each subject."""
        stream, root = home(session, self._streams)
        wanted, end = filters(root, lane, run if self._version >= FILTERS_VERSION else None), 0
        if not follow and self._replicas > 1:
            # A consumer may stand on a replica that is behind: only the leader knows what is stored now.
            end = max([(await self._last(session, one))[0] for one in wanted])
            if end <= (after or 0):
                return
        while True:
            feed = Feed(self._client, stream, wanted, after, patient=follow)
            try:
                await feed.open()
                left = feed.pending
                if not (follow or end or left):
                    return
                async for seq, payload in feed.messages():
                    left -= 1
                    after = after if after is None else seq
                    if (event := self._decoded(seq, payload)) and (run is None or event.run in (None, run)):
                        yield event
                    if not follow and (seq >= end if end else left <= 0):
                        return
            finally:
                await feed.close()

    async def extent(self, session: str) -> Extent:
        """Where the session's history begins and ends; see `Log.extent`."""
        stream, root = home(session, self._streams)
        history = f"{root}.log.>"
        last_seq, _ = await self._last(session, history)
        if not last_seq:
            return Extent(None, 0)
        leader = self._client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        oldest = partial(leader.get_msg, stream, seq=1, subject=history, next=True)
        first = await persist(whole(oldest), APPEND_DEADLINE_S, f"nothing was heard of {history}")
        event = self._decoded(first.seq or 0, first.data or b"")
        return Extent(event.id if event else f"sequence {first.seq}", last_seq)

    async def close(self) -> None:
        """Close the connection. What was acknowledged stays; readers and writers of this log end with it."""
        await self._client.hang_up()
