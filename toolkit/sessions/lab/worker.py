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
from toolkit.sessions.nats.server import SERVER_URL
from toolkit.sessions.session import Session
from toolkit.web import serving

STORE = "answers.sqlite"


class Worker:
    """Answers on demand, and goes on whoever listens."""

    def __init__(self, log: NatsLog, store: AnswerStore, folder: Path, pace_s: float):
        self._log = log
        self._store = store
        self._folder = folder
        self._pace_s = pace_s
        self._tasks: set[asyncio.Task[None]] = set()

    async def to_store(self, name: str) -> None:
        """Answer into the SQLite file."""
        n = 0
        async for word in speak(name, self._folder, self._pace_s):
            n += 1
            self._store.add(name, n, word)
        self._store.finish(name)

    async def to_session(self, name: str) -> None:
        """Answer on a durable session."""
        run = await Session(self._log, name).start_run("agent", "simulated")
        async for word in speak(name, self._folder, self._pace_s):
            await run.write(word)
        await run.finish()

    def route(self, path: str, answer: Callable[[str], Awaitable[None]]) -> Route:
        """A POST that starts an answer and returns at once."""

        async def start(request: Request) -> Response:
            task = asyncio.ensure_future(answer(request.path_params["name"]))
            self._tasks.add(task)  # a task that nobody holds may be collected
            return PlainTextResponse("started")

        return Route(path, start, methods=["POST"])


async def serve_worker(port: str, folder: str, pace_s: str) -> None:
    """Serve until killed, and print the pid and the port; a port of 0 takes a free one."""
    here = Path(folder)
    log = await NatsLog.connect(os.environ[SERVER_URL])
    with AnswerStore(here / STORE) as store:
        worker = Worker(log, store, here, float(pace_s))
        routes = [
            worker.route("/store/{name}", worker.to_store),
            worker.route("/session/{name}", worker.to_session),
        ]
        async with serving(Starlette(routes=routes), port=int(port)) as listening:
            print(os.getpid(), listening, flush=True)
            await asyncio.Event().wait()
