"""The worker of the comparison: a process of its own, in which agents answer apart from the web.

No fault meets it. The resumable arm's agent and the agents of two durable arms run here, side by
side, so that what differs between these arms is their store and their transport alone.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from toolkit.sessions.lab.speech import speak
from toolkit.sessions.lab.store import AnswerStore
from toolkit.sessions.nats.log import NatsLog
from toolkit.sessions.session import Session
from toolkit.web import serving

STORE = "answers.sqlite"


class Worker:
    """Answers on demand, and goes on whoever listens."""

    def __init__(self, log: NatsLog, store: AnswerStore, folder: Path):
        self._log, self._store, self._folder = log, store, folder
        self._tasks: set[asyncio.Task[None]] = set()

    async def to_store(self, name: str) -> None:
        """Answer into the SQLite file."""
        n = 0
        async for word in speak(name, self._folder):
            n += 1
            self._store.add(name, n, word)
        self._store.finish(name)

    async def to_session(self, name: str) -> None:
        """Answer on a durable session."""
        run = await Session(self._log, name).start_run("agent", "simulated")
        async for word in speak(name, self._folder):
            await run.write(word)
        await run.finish()

    def route(self, path: str, answer: Callable[[str], Awaitable[None]]) -> Route:
        """A POST that starts an answer and returns at once."""

        async def start(request: Request) -> Response:
            task = asyncio.ensure_future(answer(request.path_params["name"]))
            self._tasks.add(task)  # a task that nobody holds may be collected
            return PlainTextResponse("started")

        return Route(path, start, methods=["POST"])


async def serve_worker(port: int, url: str, folder: Path) -> None:
    """Serve until killed, and print the pid and the port; a port of 0 takes a free one."""
    with AnswerStore(folder / STORE) as store:
        worker = Worker(await NatsLog.connect(url), store, folder)
        routes = [
            worker.route("/store/{name}", worker.to_store),
            worker.route("/session/{name}", worker.to_session),
        ]
        async with serving(Starlette(routes=routes), port=port) as port:
            print(os.getpid(), port, flush=True)
            await asyncio.Event().wait()
