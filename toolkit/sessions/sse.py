"""A session as a stream of messages, which any reader can leave and come back to; and `direct_stream`, the trap."""

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
Messages = AsyncGenerator[tuple[str, dict[str, Any]], None]
"""``event`` with one of the session's; ``live`` once the past is told; ``beat`` where nothing happens, with
``"log": "away"`` where nothing can."""


async def messages(session: Session, after: int, grant: str, beat_s: float) -> Messages:
    """What happened after `after` and what happens from now on, and every `beat_s` without news that the line lives."""
    async with aclosing(_tell(session, after)) as feed:
        coming = asyncio.ensure_future(anext(feed))
        try:
            while True:
                if (await asyncio.wait([coming], timeout=beat_s))[0]:
                    event = coming.result()
                    coming = asyncio.ensure_future(anext(feed))
                    yield ("event", asdict(event)) if event else ("live", {"grant": grant, "beat_s": beat_s})
                else:
                    yield "beat", {} if session.log.reachable else {"log": "away"}
        finally:
            await stop(coming)


async def _tell(session: Session, after: int) -> AsyncGenerator[Event | None, None]:
    """What is stored, a None where the reader is up to date, and then what comes."""
    cursor = after
    async for event in session.read(after, follow=False):
        cursor = event.seq or 0
        yield event
    yield None
    async for event in session.read(cursor, lane="log"):
        yield event


def frame(data: dict[str, Any], event: str = "", id: int | None = None) -> str:
    """One server-sent event."""
    head = (f"id: {id}\n" if id is not None else "") + (f"event: {event}\n" if event else "")
    return f"{head}data: {json.dumps(data)}\n\n"


async def event_frames(feed: Messages) -> Words:
    """The messages as SSE: each event's id is its place in the log."""
    yield "retry: 1000\n\n"
    async with aclosing(feed):
        async for name, data in feed:
            yield frame(data, id=data["seq"]) if name == "event" else frame(data, name)


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
                yield frame({"text": word})
        yield frame({}, "done")

    return EventStream(frames())
