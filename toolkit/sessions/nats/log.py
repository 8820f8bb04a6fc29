"""NatsLog: a log on JetStream. The stream's sequence is the total order and the cursor.

Publishes are bounded and carry the event's id as ``Nats-Msg-Id``, so that a retry is stored once;
past the server's dedupe window the log itself is looked up. A reader owns a short-lived consumer,
and makes a new one from its cursor whenever it falls silent or skips: an acknowledged event is read
once, in order, across cuts and restarts.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Self, TypeVar

from toolkit.events import Event, RecordError
from toolkit.sessions.log import (
    Ack,
    Durability,
    Extent,
    Lane,
    LogUnavailable,
    checked,
    latest_of,
)
from toolkit.sessions.nats.ask import APPEND_DEADLINE_S
from toolkit.sessions.nats.feed import Feed, Stop
from toolkit.sessions.nats.jetstream import DEDUPE_WINDOW_S, JetStream, Stored
from toolkit.sessions.nats.publish import MAX_GIVEN_UP
from toolkit.sessions.nats.server import NAME_PREFIX
from toolkit.sessions.nats.streams import filters, home
from toolkit.sessions.nats.writes import Writes

if TYPE_CHECKING:
    from toolkit.sessions.nats.client import Client

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10.0
CLOSE_BEHIND = 4
HISTORY_CHECK_S = 2.0
"""So often a reader that follows looks whether its history is still there."""


class NatsLog:
    """A log on a nats-server with JetStream. Make one with `NatsLog.connect`."""

    shared = True

    def __init__(
        self,
        client: "Client",
        durability: Durability,
        streams: int = 1,
        replicas: int = 1,
        window_s: float = DEDUPE_WINDOW_S,
        history_check_s: float = HISTORY_CHECK_S,
        deadline_s: float = APPEND_DEADLINE_S,
        max_given_up: int = MAX_GIVEN_UP,
    ):
        self._client = client
        self._streams = streams
        self._jetstream = JetStream(client, streams, replicas, window_s, deadline_s)
        self._history_check_s = history_check_s
        self._writes = Writes(self._jetstream, durability, deadline_s, max_given_up, self.read)
        """The writes that are under way, or were given up."""

    @classmethod
    async def connect(
        cls,
        url: str,
        durability: Durability | None = None,
        replicas: int = 1,
        timeout_s: float = CONNECT_TIMEOUT_S,
        streams: int = 1,
        window_s: float = DEDUPE_WINDOW_S,
        history_check_s: float = HISTORY_CHECK_S,
        deadline_s: float = APPEND_DEADLINE_S,
    ) -> Self:
        """Connect to the server or cluster at `url`, and make the streams where they are not there
        yet.

        Parameters
        ----------
        url : str
            As ``server.url``; several, separated by commas, for a cluster.
        durability : {"os", "fsync"}, optional
            The tier to state. By default what a `NatsServer` says of itself, else the lower one,
            ``os``.
        replicas : int
            Copies of the stream that a cluster keeps.
        timeout_s : float
            Deadline for the connection, and again for each stream.
        streams : int
            Sessions are spread over so many by the hash of their id. All who share a log name the
            same number.
        window_s : float
            The dedupe window of a stream that is made here.
        history_check_s : float
            A reader that follows looks so often whether its history was purged or made anew.
        deadline_s : float
            For so long the server is asked again for an acknowledgement or an answer.

        Raises
        ------
        LogUnavailable
            Where there is no such server within `timeout_s`.
        ValueError
            Where the sessions there are spread over another number of streams.
        """
        from toolkit.sessions.nats.client import Client

        client = await Client.dial(url, timeout_s)
        if durability is None:
            is_synced = client.server_name.startswith(f"{NAME_PREFIX}fsync-")
            durability = "fsync" if is_synced else "os"
        log = cls(client, durability, streams, replicas, window_s, history_check_s, deadline_s)
        try:
            await log._jetstream.settle_in(timeout_s)
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
        return self._writes.durability

    @property
    def reachable(self) -> bool:
        """Whether there is a connection to a server."""
        return self._client.is_connected

    @property
    def max_event_bytes(self) -> int:
        """The size of the largest event that the server takes, beside its headers."""
        return self._jetstream.max_event_bytes

    @property
    def problems(self) -> list[RecordError]:
        """Messages on a session's subjects that are no events: readers pass them over."""
        return self._jetstream.problems

    async def append(self, event: Event, fence: int | None = None) -> Ack:
        """Store `event` once, however often that has to be tried; see `Log.append`."""
        acks = await self._writes.append([checked(event)], fence)
        return acks[0]

    async def append_all(self, events: Sequence[Event], fence: int | None = None) -> list[Ack]:
        """Store `events` together by an atomic batch, where the server has them (2.12); see
        `Log.append_all`.
        """
        ready = [checked(event) for event in events]
        if self._jetstream.batches and len(ready) > 1:
            return await self._writes.append(ready, fence)
        for event in ready:
            self._jetstream.payload(event)  # none is stored where one is too large
        return [await self.append(event, fence) for event in ready]

    def read(
        self,
        session: str,
        after: int = 0,
        follow: bool = True,
        lane: Lane = "log",
        run: str | None = None,
    ) -> AsyncIterator[Event]:
        """Yield events; see `Log.read`."""
        return self._read(session, after, follow, lane, run)

    async def latest(self, session: str, lane: Lane) -> list[Event]:
        """The last event of each run on a lane; see `Log.latest`."""
        last_of_each_subject = self._read(session, None, False, lane)
        return latest_of([event async for event in last_of_each_subject], lane)

    async def _read(
        self, session: str, after: int | None, follow: bool, lane: Lane, run: str | None = None
    ) -> AsyncIterator[Event]:
        """Yield what comes after `after`; for None, the last event on each subject."""
        stream, root = home(session, self._streams)
        subjects = filters(root, lane, run if self._jetstream.filters else None)
        history = self._jetstream.history(session, lane)
        end = 0
        if not follow and self._jetstream.replicas > 1:
            end = await self._end(session, subjects)
            if end <= (after or 0):
                await history.check(after or 0)
                return

        if not follow and after and len(subjects) == 1:
            await history.check(after)
            messages = await self._next_few(session, after, subjects[0])
            for message in messages:
                after = message.seq
                event = self._event_for(run, message.seq, message.payload)
                if event:
                    yield event
            if len(messages) < CLOSE_BEHIND:
                return

        async def look() -> None:
            with suppress(LogUnavailable):  # The server is away: it is looked at when it is back.
                await history.check(after or 0)

        stop = Stop(follow, end)
        while True:
            feed = Feed(self._client, self._jetstream.ask, stream, subjects, after, follow)
            try:
                await feed.open()
                if follow:
                    await look()
                else:
                    await history.check(after or 0)
                if stop.begin(feed.pending):
                    return
                async for seq, payload in feed.messages(look, self._history_check_s):
                    if after is not None:
                        after = seq
                    event = self._event_for(run, seq, payload)
                    if event:
                        history.note(seq, event.id)
                        yield event
                    if stop.reached(seq):
                        return
            finally:
                await feed.close()

    async def _next_few(self, session: str, after: int, subject: str) -> list[Stored]:
        """The next messages for a reader that is close behind: a few requests are quicker than a
        consumer.
        """
        messages: list[Stored] = []
        while len(messages) < CLOSE_BEHIND:
            message = await self._jetstream.next(session, after, subject)
            if message is None:
                break
            messages.append(message)
            after = message.seq
        return messages

    def _event_for(self, run: str | None, seq: int, payload: bytes) -> Event | None:
        """The event in a message; None where it is none, or is of another run."""
        event = self._jetstream.decoded(seq, payload)
        if event is None or (run is not None and event.run not in (None, run)):
            return None
        return event

    async def _end(self, session: str, subjects: Sequence[str]) -> int:
        """The last sequence number on `subjects`, by the leader's word.

        A consumer may stand on a replica that is behind: only the leader knows what is stored now.
        """
        end = 0
        for filter_ in subjects:
            seq, _ = await self._jetstream.last(session, filter_)
            end = max(end, seq)
        return end

    async def extent(self, session: str) -> Extent:
        """Where the session's history begins and ends; see `Log.extent`."""
        return await self._jetstream.extent(session)

    async def sessions(self, prefix: str = "") -> list[str]:
        """The ids of the sessions that have a history; see `Log.sessions`."""
        ids = await self._jetstream.sessions()
        return sorted(id_ for id_ in ids if id_.startswith(prefix))

    async def delete(self, session: str) -> None:
        """Do away with a session's events; see `Log.delete`."""
        await self._jetstream.purge(session)

    async def close(self) -> None:
        """Close the connection. What was acknowledged stays; readers and writers of this log end
        with it.
        """
        await self._client.hang_up()
