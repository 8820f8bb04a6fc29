"""The web server of the comparison, a process of its own, so that it can be killed.

``/direct`` ties the model call to the connection. ``/buffer`` and ``/live`` keep the answer in this
process's memory: the first can resume it, the second sends on what comes. ``/resumable`` reads what
a worker stores in a SQLite file. Under ``/sessions`` nothing is kept here. Under ``/inside`` are
sessions too, and their agents run here, as ``fieldbook serve`` has it: a kill meets them.
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

from toolkit.events import Event
from toolkit.sessions.control import attend
from toolkit.sessions.http.app import session_app
from toolkit.sessions.http.sse import EventStream, Words, frame
from toolkit.sessions.lab.speech import N_TOKENS, speak
from toolkit.sessions.lab.store import AnswerStore
from toolkit.sessions.lab.trap import direct_stream
from toolkit.sessions.lab.worker import STORE
from toolkit.sessions.nats.log import NatsLog
from toolkit.sessions.nats.server import SERVER_URL
from toolkit.sessions.run import Run
from toolkit.sessions.session import Session
from toolkit.web import serving

BEAT_S = 0.1
LOOK_EACH_S = 0.01
"""The reader of the SQLite file looks for new words so often: a file does not call."""


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
    """The four arms that are not sessions."""

    def __init__(self, folder: Path, store: AnswerStore, pace_s: float):
        self._folder = folder
        self._pace_s = pace_s
        self._store = store
        self._answers: dict[str, Answer] = {}

    def _speak(self, http: HTTPConnection) -> Words:
        return speak(http.path_params["name"], self._folder, self._pace_s)

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
            async for n, word in answer.follow(_cursor(http)):
                yield frame({"text": word}, id=n)
            yield frame({}, "done")

        return EventStream(frames())

    async def resumable(self, http: Request) -> Response:
        """SSE that goes on after Last-Event-ID, from what a worker stores: also after a kill."""
        name = http.path_params["name"]

        async def frames() -> Words:
            cursor = _cursor(http)
            is_finished = False
            while not is_finished:
                is_finished = self._store.is_finished(name)
                for n, word in self._store.words_after(name, cursor):
                    cursor = n
                    yield frame({"text": word}, id=n)
                if not is_finished:
                    await asyncio.sleep(LOOK_EACH_S)
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


def _cursor(http: Request) -> int:
    return int(http.headers.get("last-event-id", 0))


async def serve_arms(port: str, folder: str, pace_s: str) -> None:
    """Serve until killed, and print the pid and the port; a port of 0 takes a free one."""
    here = Path(folder)

    async def agent(run: Run, message: Event) -> None:
        if run.text:  # adopted after a kill; nobody can go on with a model call
            await run.roll_back()
        async for word in speak(message.session, here, float(pace_s)):
            await run.write(word)

    async def attendant(session: Session) -> None:
        await attend(session, agent, "agent", source="simulated")

    log = await NatsLog.connect(os.environ[SERVER_URL])
    with AnswerStore(here / STORE) as store:
        arms = Baselines(here, store, float(pace_s))
        routes = [
            Route("/direct/{name}", arms.direct),
            Route("/buffer/{name}", arms.buffer),
            Route("/resumable/{name}", arms.resumable),
            WebSocketRoute("/live/{name}", arms.live),
            Mount("/inside", session_app(log, None, attendant, beat_s=BEAT_S)),
            Mount("/", session_app(log, None, beat_s=BEAT_S)),
        ]
        app = Starlette(routes=routes)
        async with serving(app, port=int(port), ws="websockets-sansio") as listening:
            print(os.getpid(), listening, flush=True)
            await asyncio.Event().wait()
