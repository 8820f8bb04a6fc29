"""The web server of the comparison, a process of its own, so that it can be killed.

``/direct`` ties the model call to the connection. ``/buffer`` and ``/live`` keep the answer in this process's memory:
the first can resume it, the second sends on what comes. Under ``/sessions`` nothing is kept here.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from toolkit.sessions.http import session_app
from toolkit.sessions.lab.transports import N_TOKENS, speak
from toolkit.sessions.nats import NatsLog
from toolkit.sessions.sse import EventStream, Words, direct_stream, frame
from toolkit.web import serving

BEAT_S = 0.1


class Answer:
    """An answer in this process's memory, which goes on whoever listens."""

    def __init__(self, words: Words):
        self.words: list[str] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._fill(words))

    async def _fill(self, words: Words) -> None:
        async for word in words:
            self.words.append(word)
            self._news.set()
            self._news = asyncio.Event()

    async def follow(self, at: int) -> AsyncGenerator[tuple[int, str], None]:
        """The words after the first `at`, each with its number, and those to come."""
        while at < N_TOKENS:
            if at == len(self.words):
                await self._news.wait()
            at += 1
            yield at, self.words[at - 1]


class Baselines:
    """The three arms that are not durable."""

    def __init__(self, place: Path):
        self._place = place
        self._answers: dict[str, Answer] = {}

    def _speak(self, http: HTTPConnection) -> Words:
        return speak(http.path_params["name"], self._place)

    def _answer(self, http: HTTPConnection) -> Answer:
        name = http.path_params["name"]
        if name not in self._answers:
            if not http.query_params.get("ask"):
                raise HTTPException(404, "nobody here knows this answer")
            self._answers[name] = Answer(self._speak(http))
        return self._answers[name]

    async def direct(self, http: Request) -> Response:
        """A model call down one connection."""
        return direct_stream(self._speak(http))

    async def buffer(self, http: Request) -> Response:
        """SSE that goes on after Last-Event-ID, for as long as this process lives."""
        answer = self._answer(http)

        async def frames() -> Words:
            async for n, word in answer.follow(int(http.headers.get("last-event-id", 0))):
                yield frame({"text": word}, id=n)
            yield frame({}, "done")

        return EventStream(frames())

    async def live(self, socket: WebSocket) -> None:
        """What comes from now on, to each socket that is there."""
        answer = self._answer(socket)
        await socket.accept()
        with suppress(WebSocketDisconnect):
            async for _, word in answer.follow(len(answer.words)):
                await socket.send_json({"text": word})
            await socket.send_json({"done": True})


async def serve_arms(port: int, url: str, place: Path) -> None:
    """Serve until killed, and print the pid and the port; a port of 0 takes a free one."""
    arms = Baselines(place)
    routes = [
        Route("/direct/{name}", arms.direct),
        Route("/buffer/{name}", arms.buffer),
        WebSocketRoute("/live/{name}", arms.live),
        Mount("/", session_app(await NatsLog.connect(url), None, beat_s=BEAT_S)),
    ]
    async with serving(Starlette(routes=routes), port=port, ws="websockets-sansio") as port:
        print(os.getpid(), port, flush=True)
        await asyncio.Event().wait()
