"""A session as a stream of messages, which any reader can leave and come back to."""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import fields
from typing import Any, cast

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from toolkit.events import Event
from toolkit.sessions.log import CursorLost, Extent
from toolkit.sessions.session import Session
from toolkit.tasks import stop

SEND_S = 30.0
AHEAD = 256
"""Messages that are read before the reader has taken those before them."""
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
STREAM_HEADERS = HEADERS | {"x-accel-buffering": "no"}
"""nginx, and what copies it, passes such a stream on as it comes."""
EVENT_FIELDS = tuple(field.name for field in fields(Event))

Words = AsyncGenerator[str, None]
Message = tuple[str, dict[str, Any]]
"""Its name and its data; `toolkit.sessions.http.app` lists them."""
Messages = AsyncGenerator[list[Message], None]
"""What there is to send at once, in order."""


class _Ahead:
    """What was read and not sent yet. A slow reader holds up the reading, and nothing else."""

    def __init__(self) -> None:
        self.waiting: list[Message] = []
        self.news = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, name: str, data: dict[str, Any]) -> None:
        """Add a message, once there is room."""
        while len(self.waiting) >= AHEAD:
            self._room.clear()
            await self._room.wait()
        self.waiting.append((name, data))
        self.news.set()

    def take(self) -> list[Message]:
        """All that waits."""
        batch = self.waiting
        self.waiting = []
        self.news.clear()
        self._room.set()
        return batch


async def messages(
    session: Session, after: int, first: str, about: dict[str, Any], beat_s: float
) -> Messages:
    """What happened after `after` and what happens from now on, and a beat after each `beat_s`
    without news.

    Parameters
    ----------
    session : Session
        What is read.
    after : int
        The reader's cursor.
    first : str
        The id of the first event that the reader knows of the session's history; empty where it
        knows none.
    about : dict
        What each ``live`` message tells besides.
    beat_s : float
        While the log cannot be reached, a beat says ``"log": "away"``.
    """
    ahead = _Ahead()
    reading = asyncio.create_task(_read(session, after, first, about | {"beat_s": beat_s}, ahead))
    reading.add_done_callback(lambda _: ahead.news.set())
    try:
        while True:
            if batch := ahead.take():
                yield batch
            elif reading.done():
                reading.result()
                return
            else:
                try:
                    async with asyncio.timeout(beat_s):
                        await ahead.news.wait()
                except TimeoutError:
                    yield [("beat", {} if session.log.reachable else {"log": "away"})]
    finally:
        if not reading.done():
            await stop(reading)


async def _read(
    session: Session, after: int, first: str, about: dict[str, Any], ahead: _Ahead
) -> None:
    """Read on from `after`; where the reader's history is not the log's any more, say so and begin
    anew.
    """
    extent = await session.log.extent(session.id)
    lost = _why_lost(extent, after, first)
    while True:
        if lost:
            after = 0
            await ahead.put("reset", {"why": lost})
        try:
            await _follow(session, after, about, ahead)
            return
        except CursorLost as error:
            lost = str(error)


def _why_lost(extent: Extent, after: int, first: str) -> str:
    """Why a reader's cursor is of another history than the log's; empty where it is of this one."""
    if after > extent.last:
        return f"the log ends at {extent.last}, before the reader's cursor {after}"
    if first and first != extent.first:
        return "the session's history begins with another event than the reader's"
    return ""


async def _follow(session: Session, after: int, about: dict[str, Any], ahead: _Ahead) -> None:
    """What is stored, a ``live`` where the reader is up to date, and then what comes."""
    cursor = after
    async for event in session.read(after, follow=False):
        cursor = event.seq or 0
        await ahead.put("event", _fields(event))
    extent = await session.log.extent(session.id)
    await ahead.put("live", about | {"first": extent.first})
    async for event in session.read(cursor, lane="log"):
        await ahead.put("event", _fields(event))


def _fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in EVENT_FIELDS}


def frame(data: dict[str, Any], event: str = "", id: int | None = None) -> str:
    """One server-sent event."""
    text = ""
    if id is not None:
        text += f"id: {id}\n"
    if event:
        text += f"event: {event}\n"
    return text + f"data: {json.dumps(data)}\n\n"


async def event_frames(feed: Messages) -> Words:
    """The messages as SSE: each event's id is its place in the log, and a reset puts the cursor
    back to 0.
    """
    yield "retry: 1000\n\n"
    async with aclosing(feed):
        async for batch in feed:
            yield "".join(_frame(name, data) for name, data in batch)


def _frame(name: str, data: dict[str, Any]) -> str:
    if name == "event":
        return frame(data, id=data["seq"])
    return frame(data, name, id=0 if name == "reset" else None)


class EventStream(StreamingResponse):
    """Server-sent events. Their source is closed as soon as the client is gone, or `until` ends."""

    def __init__(self, frames: Words, until: Coroutine[Any, Any, None] | None = None):
        super().__init__(frames, headers=STREAM_HEADERS, media_type="text/event-stream")
        self._until = until

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream, in answer to a GET; a HEAD is answered by the headers alone."""
        ended = False

        async def within(message: Any) -> None:
            nonlocal ended
            is_body = message["type"] == "http.response.body"
            ended = is_body and not message.get("more_body", False)
            async with asyncio.timeout(SEND_S):
                await send(message)

        if scope.get("method") == "HEAD":
            if self._until:
                self._until.close()
            start = {"type": "http.response.start", "status": self.status_code}
            await within({**start, "headers": self.raw_headers})
        else:
            # Plain tasks: the cancel scope of the superclass would break off every await of a
            # source that tidies up.
            jobs = [self.stream_response(within), self.listen_for_disconnect(receive)]
            if self._until:
                jobs.append(self._until)
            await first(*jobs)
        await cast(Words, self.body_iterator).aclose()
        if not ended:
            await within({"type": "http.response.body", "body": b""})


async def first(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run `jobs` until one of them ends, then end the others. Raises what went wrong in one."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        done, _ = await asyncio.wait(tasks)
    for task in done:
        if not task.cancelled():
            task.result()
