"""JetStream: the streams of one log, asked until they answer, and made again where somebody deleted
them.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

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


class JetStream:
    """What a log asks of its streams."""

    def __init__(
        self, client: "Client", streams: int, replicas: int, window_s: float, deadline_s: float
    ):
        self.client, self.streams, self.replicas = client, streams, replicas
        self.window_s, self._deadline_s = window_s, deadline_s
        version = client.connected_server_version
        self.batches = (version.major, version.minor) >= BATCH_VERSION
        """Whether events can be stored all or none."""
        self.filters = (version.major, version.minor) >= FILTERS_VERSION
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
        if (config.max_msg_size or 0) > 0:
            self._takes_bytes = min(self._takes_bytes, config.max_msg_size or 0)
        limits = (config.max_age, config.max_msgs, config.max_bytes, config.max_msgs_per_subject)
        self.expires = self.expires or any((limit or 0) > 0 for limit in limits)

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
            if payload.endswith(
                b"}"
            ):  # Its place is read with it, in one pass: of two equal names the last counts.
                return decode_event(payload[:-1] + b',"seq":%d}' % seq)
            return replace(decode_event(payload), seq=seq)
        except RecordError as error:
            self.problems.append(RecordError(error.why, f"sequence {seq}", field=error.field))
            return None

    async def _message(
        self, request: "Callable[[], Coroutine[Any, Any, RawStreamMsg]]", what: str
    ) -> "RawStreamMsg | None":
        """The stored message that `request` asks for; None where there is none."""
        try:
            return await self.ask(uncancelled(request), what)
        except Refused as error:
            if error.code != NO_MESSAGE:
                raise
        return None

    async def last(self, session: str, subject: str) -> tuple[int, str]:
        """Sequence number and id of the last event on `subject`, by the word of the stream's
        leader; 0 for none.
        """
        stream, _ = home(session, self.streams)
        leader = self.client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        message = await self._message(
            partial(leader.get_last_msg, stream, subject), f"nothing was heard of {subject}"
        )
        if message is None:
            return 0, ""
        event = self.decoded(message.seq or 0, message.data or b"")
        return message.seq or 0, event.id if event else ""

    async def first(self, session: str) -> tuple[int, str | None]:
        """Sequence number and id of the oldest event of the session's history; 0 and None where
        there is none.
        """
        stream, root = home(session, self.streams)
        leader = self.client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        history = f"{root}.log.>"
        oldest = partial(leader.get_msg, stream, seq=1, subject=history, next=True)
        message = await self._message(oldest, f"nothing was heard of {history}")
        if message is None:
            return 0, None
        return message.seq or 0, _id(message.seq or 0, message.data)

    async def event(self, session: str, seq: int) -> Event | None:
        """The event of `session` at a sequence number."""
        stream, _ = home(session, self.streams)
        leader = self.client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        message = await self._message(
            partial(leader.get_msg, stream, seq), f"nothing was heard of session {session}"
        )
        return self.decoded(seq, message.data or b"") if message else None

    async def extent(self, session: str) -> Extent:
        """Where the session's history begins and ends."""
        _, root = home(session, self.streams)
        _, first_id = await self.first(session)
        last_seq, _ = await self.last(session, f"{root}.log.>")
        return Extent(first_id, last_seq) if first_id and last_seq else Extent(None, 0)

    async def sessions(self) -> set[str]:
        """The ids of the sessions that have a history."""
        ids: set[str] = set()
        for number in range(self.streams):
            stream, root = names(number, self.streams)
            total = 1
            subjects: set[str] = set()
            while len(subjects) < total:  # the server names 100,000 subjects at a time
                query = {"subjects_filter": f"{root}.*.log.>", "offset": len(subjects)}
                asking = partial(self._stream_info, stream, query)
                info = await self.ask(uncancelled(asking), f"nothing was heard of {stream}")
                subjects.update(info["state"].get("subjects") or {})
                total = info.get("total") or 0
            ids.update(subject.split(".")[1] for subject in subjects)
        return ids

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
        stream, root = home(session, self.streams)
        leader = self.client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        what = f"nothing was heard of session {session}"

        async def look(seq: int) -> str | None:
            message = await self._message(partial(leader.get_msg, stream, seq), what)
            if message is None or not (message.subject or "").startswith(f"{root}.log."):
                return None
            return _id(seq, message.data)

        async def bounds() -> tuple[int, int]:
            first, _ = await self.first(session)
            last, _ = await self.last(
                session, f"{root}.>" if lane in BESIDE_LANES else f"{root}.log.>"
            )
            return first, last

        return History(session, lane, look, bounds, self.expires)


def _id(seq: int, payload: bytes | None) -> str:
    """An event's id; of what is no event, a word for its place."""
    try:
        return decode_event(payload or b"").id
    except RecordError:
        return f"sequence {seq}"
