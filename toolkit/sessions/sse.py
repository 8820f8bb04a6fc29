"""A session as server-sent events, which any reader can leave and come back to; and `direct_stream`, the trap."""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import asdict
from typing import Any, cast

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from toolkit.events import Event
from toolkit.sessions.log import stop
from toolkit.sessions.session import Session

SEND_S = 30.0
HEADERS = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}

Words = AsyncGenerator[str, None]


async def tell(session: Session, after: int = 0) -> AsyncGenerator[Event | None, None]:
    """What happened after `after`, a None where the reader is up to date, and then what happens."""
    cursor = after
    async for event in session.read(after, follow=False):
        cursor = event.seq or 0
        yield event
    yield None
    async for event in session.read(cursor, lane="log"):
        yield event


async def _beating(feed: AsyncGenerator[Event | None, None], beat_s: float) -> AsyncGenerator[Event | str, None]:
    """The feed, with ``live`` for its None, and ``beat`` whenever nothing came for `beat_s`."""
    async with aclosing(feed):
        coming = asyncio.ensure_future(anext(feed))
        try:
            while True:
                if (await asyncio.wait([coming], timeout=beat_s))[0]:
                    event = coming.result()
                    coming = asyncio.ensure_future(anext(feed))
                    yield event or "live"
                else:
                    yield "beat"
        finally:
            await stop(coming)


async def event_frames(session: Session, after: int, grant: str, beat_s: float) -> Words:
    """The session as SSE: each event's id is its place in the log; the frame ``live`` says that the past is told."""
    # A beat is a comment, which keeps proxies awake, and an event, by which the page knows that the line is open.
    other = {
        "live": f"event: live\ndata: {json.dumps({'grant': grant, 'beat_s': beat_s})}\n\n",
        "beat": ": beat\nevent: beat\ndata: {}\n\n",
    }
    yield "retry: 1000\n\n"
    async with aclosing(_beating(tell(session, after), beat_s)) as feed:
        async for one in feed:
            yield other[one] if isinstance(one, str) else f"id: {one.seq}\ndata: {json.dumps(asdict(one))}\n\n"


class EventStream(StreamingResponse):
    """Server-sent events. Their source is closed as soon as the client is gone."""

    def __init__(self, frames: Words):
        super().__init__(frames, headers=HEADERS, media_type="text/event-stream")

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        async def within(message: Any) -> None:
            async with asyncio.timeout(SEND_S):
                await send(message)

        # Plain tasks: the cancel scope of the superclass would break off every await of a source that tidies up.
        await first(self.stream_response(within), self.listen_for_disconnect(receive))
        await cast(Words, self.body_iterator).aclose()


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


def direct_stream(words: Words) -> EventStream:
    """The single-connection trap: a model call sent down the one connection that asked for it, as SSE.

    The call is cancelled when the client goes, nothing is kept, nothing can be resumed, nobody else can watch.
    """

    async def frames() -> Words:
        async with aclosing(words):
            async for word in words:
                yield f"data: {json.dumps({'text': word})}\n\n"
        yield "event: done\ndata: {}\n\n"

    return EventStream(frames())
