"""App: what was built, running in a box of its own, and programs of ours beside it."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from toolkit.harness.contract import Serve
from toolkit.harness.sandbox import FOLDER, Box, BoxError, Limits, Sandbox, Server, clip
from toolkit.records import RecordError, decode

T = TypeVar("T")
START_S = 30.0
"""How long a program of ours may take to begin, beside what it is given."""
LOG_CHARS = 4_000
ERROR_CHARS = 600
BARE_PYTHON = "python", "-P", "-s", "-c"
"""A build may hold a json.py: no module is looked for in its folder."""


class AppError(Exception):
    """The app does not start, or is not ready in time."""


class ProgramError(OSError):
    """A program of ours that gave no answer: the check was not made."""


class App:
    """The app in its box."""

    def __init__(self, box: Box, server: Server, port: int):
        self.box = box
        self.port = port
        self._server = server

    @property
    def log(self) -> str:
        """What it has printed, clipped in its middle."""
        return clip(self._server.log.replace(self.box.folder, FOLDER), LOG_CHARS)


@asynccontextmanager
async def open_app(serve: Serve, sandbox: Sandbox, folder: Path) -> AsyncIterator[App]:
    """The app of a copy of `folder`, ready. Raises AppError; OSError where there is no box."""
    if sandbox.banner and _is_in_use(serve.port):
        raise BoxError(f"port {serve.port} is in use on this machine, and there is no sandbox")
    async with sandbox.open(folder) as box:
        try:
            server = await box.start(serve.argv, serve.port, serve.ready_s)
        except BoxError as error:
            raise AppError(str(error).replace(box.folder, FOLDER)) from None
        app = App(box, server, serve.port)
        question = {"port": serve.port, "ready": serve.ready, "timeout_s": serve.ready_s}
        answer = await run_inside(box, "http", question, str, serve.ready_s)
        if answer:
            raise AppError(f"{serve.ready}: {answer}: {app.log.strip()}")
        yield app


async def run_inside(
    box: Box,
    program: str,
    question: Any,
    shape: type[T],
    timeout_s: float,
    limits: Limits | None = None,
) -> T:
    """What the program of that name, inside_PROGRAM.py, answers to a `question`.

    Raises ProgramError where it gives no answer of that shape.
    """
    source = (files(__package__) / f"inside_{program}.py").read_text(encoding="utf-8")
    command = [*BARE_PYTHON, source, json.dumps(question)]
    ended = await box.run(command, START_S + timeout_s, limits)
    if ended.timed_out:
        raise ProgramError(f"no answer after {START_S + timeout_s:g} s")
    if ended.error or ended.exit_code != 0:
        raise ProgramError(clip(ended.error or ended.stderr.strip(), ERROR_CHARS))
    try:
        return decode(shape, ended.stdout.replace(box.folder, FOLDER))
    except RecordError as error:
        raise ProgramError(str(error)) from None


def _is_in_use(port: int) -> bool:
    with socket.socket() as any_socket:
        return any_socket.connect_ex(("127.0.0.1", port)) == 0
