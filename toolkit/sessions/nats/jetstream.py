"""JetStream: the streams of one log, asked until they answer, and made again where somebody deleted
them.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from toolkit.events import Event, RecordError, decode_event, encode
from toolkit.sessions.log import BESIDE_LANES, Extent, Lane, too_large
from toolkit.sessions.nats.ask import (
    PUBLISH_TIMEOUT_S,
    Refused,
    is_for_want_of_a_stream,
    persist,
    uncancelled,
)
from toolkit.sessions.nats.history import History
from toolkit.sessions.nats.streams import home, make_streams, names

if TYPE_CHECKING:
    from nats.js.api import RawStreamMsg, StreamConfig
    from nats.js.client import JetStreamContext

    from toolkit.sessions.nats.client import Client

T = TypeVar("T")

DEDUPE_WINDOW_S = 120.0
"""For so long the server knows an event's id again; a later retry looks the log up first."""
NO_MESSAGE = 10037
BATCH_VERSION = (2, 12)
FILTERS_VERSION = (2, 10)
"""Since then a consumer may have several filters."""
HEADERS_BYTES = 1024
"""Room in each message for its headers: two ids of 128 letters, a subject of both, and what a batch
adds.
"""


class Stored(NamedTuple):
    """A message as a stream has it."""

    seq: int
    subject: str
    payload: bytes

    @property
    def event_id(self) -> str:
        """The id of its event; of what is no event, a word for its place."""
        try:
            return decode_event(self.payload).id
        except RecordError:
            return f"sequence {self.seq}"


class JetStream:
    """The streams of a log, and what can be asked of them."""

    def __init__(
        self, client: "Client", streams: int, replicas: int, window_s: float, deadline_s: float
    ):
        self.client = client
        self.streams = streams
        self.replicas = replicas
        self.window_s = window_s
        self._deadline_s = deadline_s
        server = client.connected_server_version
        version = (server.major, server.minor)
        self.batches = version >= BATCH_VERSION
        """Whether events can be stored all or none."""
        self.filters = version >= FILTERS_VERSION
        """Whether a consumer can have several filters."""
        self.volatile = False
        """A stream is kept in memory, or acknowledges before it writes."""
        self.expires = False
        """A stream drops old events by itself."""
        self.problems: list[RecordError] = []
        self._takes_bytes = sys.maxsize
        self._making: asyncio.Task[None] | None = None

    @property
    def max_event_bytes(self) -> int:
        """The size of the largest event that the server takes, beside its headers."""
        return min(self.client.max_payload, self._takes_bytes) - HEADERS_BYTES

    def payload(self, event: Event) -> bytes:
        """`event` as a message. Raises TooLarge where the server would not take it."""
        payload = encode(event).encode()
        if len(payload) > self.max_event_bytes:
            raise too_large(event, len(payload), self.max_event_bytes)
        return payload

    async def settle_in(self, timeout_s: float) -> None:
        """Make the streams that are not there."""
        made = await make_streams(
            self.client, self.streams, self.replicas, self.window_s, self.batches, timeout_s
        )
        for config in made:
            self._heed(config)

    def _heed(self, config: "StreamConfig") -> None:
        """Go by a stream's settings: somebody else's may promise less than ours would."""
        self.window_s = min(self.window_s, config.duplicate_window or DEDUPE_WINDOW_S)
        self.replicas = max(self.replicas, config.num_replicas or 1)
        self.batches = self.batches and bool(config.allow_atomic)
        if config.persist_mode == "async" or config.storage != "file":
            self.volatile = True
        max_bytes = config.max_msg_size or 0
        if max_bytes > 0:
            self._takes_bytes = min(self._takes_bytes, max_bytes)
        limits = (config.max_age, config.max_msgs, config.max_bytes, config.max_msgs_per_subject)
        if any((limit or 0) > 0 for limit in limits):
            self.expires = True

    async def ask(self, attempt: Callable[[], Awaitable[T]], what: str) -> T:
        """Await `attempt()` until it succeeds. A stream that somebody deleted is made again."""

        async def on_a_stream() -> T:
            try:
                return await attempt()
            except Exception as error:
                if not is_for_want_of_a_stream(error):
                    raise
            await self._make_again()
            return await attempt()

        return await persist(on_a_stream, self._deadline_s, what)

    async def _make_again(self) -> None:
        """Make the streams, once for all who miss them now."""
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(self.settle_in(PUBLISH_TIMEOUT_S))
            self._making.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._making)

    def decoded(self, seq: int, payload: bytes) -> Event | None:
        """The event; None for what is none, which is noted and costs nothing else."""
        try:
            if payload.endswith(b"}"):
                # Its place is read with it, in one pass: of two equal names the last counts.
                return decode_event(payload[:-1] + b',"seq":%d}' % seq)
            return replace(decode_event(payload), seq=seq)
        except RecordError as error:
            problem = RecordError(error.why, f"sequence {seq}", field=error.field)
            self.problems.append(problem)
            return None

    @property
    def _leader(self) -> "JetStreamContext":
        """Asks the leader of a stream, who knows what is stored now."""
        return self.client.jetstream(timeout=PUBLISH_TIMEOUT_S)

    async def _message(
        self, request: "Callable[[], Coroutine[Any, Any, RawStreamMsg]]", about: str
    ) -> Stored | None:
        """The stored message that `request` asks for; None where there is none."""
        try:
            message = await self.ask(uncancelled(request), f"nothing was heard of {about}")
        except Refused as error:
            if error.code != NO_MESSAGE:
                raise
            return None
        return Stored(message.seq or 0, message.subject or "", message.data or b"")

    async def _at(self, session: str, seq: int) -> Stored | None:
        """The message at a sequence number of the stream that holds `session`."""
        stream, _ = home(session, self.streams)
        request = partial(self._leader.get_msg, stream, seq)
        return await self._message(request, f"session {session}")

    async def last(self, session: str, subject: str) -> tuple[int, str]:
        """Sequence number and id of the last event on `subject`, by the word of the stream's
        leader; 0 for none.
        """
        stream, _ = home(session, self.streams)
        message = await self._message(partial(self._leader.get_last_msg, stream, subject), subject)
        if message is None:
            return 0, ""
        event = self.decoded(message.seq, message.payload)
        return message.seq, event.id if event else ""

    async def first(self, session: str) -> tuple[int, str | None]:
        """Sequence number and id of the oldest event of the session's history; 0 and None where
        there is none.
        """
        _, root = home(session, self.streams)
        message = await self.next(session, 0, f"{root}.log.>")
        return (message.seq, message.event_id) if message else (0, None)

    async def next(self, session: str, after: int, subjects: str) -> Stored | None:
        """The first message after `after` on `subjects`; None where there is none yet."""
        stream, _ = home(session, self.streams)
        request = partial(self._leader.get_msg, stream, seq=after + 1, subject=subjects, next=True)
        return await self._message(request, subjects)

    async def event(self, session: str, seq: int) -> Event | None:
        """The event of `session` at a sequence number."""
        message = await self._at(session, seq)
        return self.decoded(seq, message.payload) if message else None

    async def extent(self, session: str) -> Extent:
        """Where the session's history begins and ends."""
        _, root = home(session, self.streams)
        _, first_id = await self.first(session)
        last_seq, _ = await self.last(session, f"{root}.log.>")
        if first_id is None or not last_seq:
            return Extent(None, 0)
        return Extent(first_id, last_seq)

    async def sessions(self) -> set[str]:
        """The ids of the sessions that have a history."""
        ids = set()
        for number in range(self.streams):
            stream, root = names(number, self.streams)
            for subject in await self._subjects(stream, f"{root}.*.log.>"):
                _, session, *_ = subject.split(".")
                ids.add(session)
        return ids

    async def _subjects(self, stream: str, pattern: str) -> set[str]:
        """The subjects that have messages; the server names 100,000 at a time."""
        subjects: set[str] = set()
        while True:
            query = {"subjects_filter": pattern, "offset": len(subjects)}
            asking = partial(self._stream_info, stream, query)
            info = await self.ask(uncancelled(asking), f"nothing was heard of {stream}")
            subjects.update(info["state"].get("subjects") or {})
            if len(subjects) >= (info.get("total") or 0):
                return subjects

    async def _stream_info(self, stream: str, query: dict[str, Any]) -> dict[str, Any]:
        from nats.js.errors import APIError

        request = f"$JS.API.STREAM.INFO.{stream}"
        body = json.dumps(query).encode()
        answer = await self.client.request(request, body, timeout=PUBLISH_TIMEOUT_S)
        info: dict[str, Any] = json.loads(answer.data)
        if "error" in info:
            APIError.from_error(info["error"])
        return info

    async def purge(self, session: str) -> None:
        """Do away with all events of `session`."""
        stream, root = home(session, self.streams)
        manager = self.client.jsm(timeout=PUBLISH_TIMEOUT_S)
        purging = partial(manager.purge_stream, stream, subject=f"{root}.>")
        await self.ask(uncancelled(purging), f"session {session} was not deleted")

    def history(self, session: str, lane: Lane) -> History:
        """The history that a reader of `session` follows."""
        _, root = home(session, self.streams)
        end = f"{root}.>" if lane in BESIDE_LANES else f"{root}.log.>"

        async def look(seq: int) -> str | None:
            message = await self._at(session, seq)
            if message is None or not message.subject.startswith(f"{root}.log."):
                return None
            return message.event_id

        async def bounds() -> tuple[int, int]:
            first, _ = await self.first(session)
            last, _ = await self.last(session, end)
            return first, last

        return History(session, lane, look, bounds, self.expires)
