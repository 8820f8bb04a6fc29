"""The web server of the comparison, a process of its own, so that it can be killed.

``/direct`` ties the model call to the connection. ``/buffer`` and ``/live`` keep the answer in this process's memory:
the first can resume it, the second sends on what comes. Under ``/sessions`` nothing is kept here.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

N_TOKENS = 50
PACE_S = 0.02
BEAT_S = 0.1
READY = "ready"


async def speak(name: str, tally: Path) -> AsyncGenerator[str, None]:
    """The simulated model: a token at a time, each paid for by one byte in the file `tally`."""
    with tally.open("ab", buffering=0) as paid:
        for n in range(N_TOKENS):
            await asyncio.sleep(PACE_S)
            paid.write(b".")
            yield f"{name}:{n} "


async def _cancellable(name: str, place: Path) -> AsyncGenerator[str, None]:
    said = 0
    try:
        async for word in speak(name, place / "direct-paid"):
            yield word
            said += 1
    finally:
        if said < N_TOKENS:
            with (place / "direct-cancelled").open("ab") as file:
                file.write(b".")


class Answer:
    """An answer in this process's memory, which goes on whoever listens."""

    def __init__(self, name: str, tally: Path):
        self.words: list[str] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._fill(name, tally))

    async def _fill(self, name: str, tally: Path) -> None:
        async for word in speak(name, tally):
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
        self._answers: dict[tuple[str, str], Answer] = {}

    def _answer(self, kind: str, http: "HTTPConnection") -> Answer | None:
        key = kind, str(http.path_params["name"])
        if key not in self._answers and http.query_params.get("ask"):
            self._answers[key] = Answer(key[1], self._place / f"{kind}-paid")
        return self._answers.get(key)

    async def direct(self, http: "Request") -> "Response":
        """A model call down one connection."""
        from toolkit.sessions.http import direct_stream

        return direct_stream(_cancellable(http.path_params["name"], self._place))

    async def buffer(self, http: "Request") -> "Response":
        """SSE that goes on after Last-Event-ID, for as long as this process lives."""
        from starlette.responses import PlainTextResponse

        from toolkit.sessions.http import EventStream

        answer = self._answer("buffer", http)
        if answer is None:
            return PlainTextResponse("no such answer", 404)

        async def frames() -> AsyncGenerator[str, None]:
            async for n, word in answer.follow(int(http.headers.get("last-event-id", 0))):
                yield f"id: {n}\ndata: {json.dumps({'text': word})}\n\n"
            yield "event: done\ndata: {}\n\n"

        return EventStream(frames())

    async def live(self, socket: "WebSocket") -> None:
        """What comes from now on, to each socket that is there."""
        from starlette.websockets import WebSocketDisconnect

        answer = self._answer("live", socket)
        await socket.accept()
        try:
            if answer is None:
                await socket.send_json({"unknown": True})
                return
            async for _, word in answer.follow(len(answer.words)):
                await socket.send_json({"text": word})
            await socket.send_json({"done": True})
        except WebSocketDisconnect:
            return


async def serve_arms(port: int, url: str, place: Path) -> None:
    """Serve until killed. The pid and the port stand in the file ``ready``; a port of 0 takes a free one."""
    from starlette.applications import Starlette
    from starlette.routing import Mount, Route, WebSocketRoute

    from toolkit.sessions.http import session_app
    from toolkit.sessions.nats import NatsLog
    from toolkit.web import serving

    arms = Baselines(place)
    routes = [
        Route("/direct/{name}", arms.direct),
        Route("/buffer/{name}", arms.buffer),
        WebSocketRoute("/live/{name}", arms.live),
        Mount("/", session_app(await NatsLog.connect(url), None, beat_s=BEAT_S)),
    ]
    async with serving(Starlette(routes=routes), port=port, ws="websockets-sansio") as port:
        (place / "starting").write_text(f"{os.getpid()} {port}")
        (place / "starting").rename(place / READY)
        await asyncio.Event().wait()
