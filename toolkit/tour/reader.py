"""The tour's reading client, a process of its own, so that it can be killed with SIGKILL.

It appends each event to a file, with the time at which it came. Started again on the same file, it goes on from the
last whole line of each session: that line's sequence number is its cursor. It exits when its stdin closes.
"""

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple, Protocol

from toolkit.events import Event, decode_event, encode
from toolkit.sessions import Log, NatsLog, Session
from toolkit.sessions.log import stop

TAB = b"\t"
PROGRAM = "import asyncio, toolkit.tour.reader as reader; asyncio.run(reader.main())"


class Arrival(NamedTuple):
    """An event, and when it came."""

    time: float
    """Seconds since 1970 UTC."""
    event: Event


def arrivals(path: Path) -> list[Arrival]:
    """What is in a reader's file, in the order in which it came. A torn last line has not arrived."""
    whole = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [Arrival(float(when), decode_event(event)) for when, event in (line.split(TAB, 1) for line in whole)]


async def read_into(log: Log, path: Path, sessions: list[str]) -> None:
    """Follow `sessions` into the file at `path`, from where it ends, until cancelled."""
    cursors = dict.fromkeys(sessions, 0)
    cursors |= {arrival.event.session: arrival.event.seq or 0 for arrival in arrivals(path)}
    with path.open("ab", buffering=0) as file:
        file.truncate(path.read_bytes().rfind(b"\n") + 1)

        async def follow(session: str) -> None:
            async for event in Session(log, session).read(cursors[session], lane="log"):
                file.write(repr(time.time()).encode() + TAB + encode(event).encode() + b"\n")

        async with asyncio.TaskGroup() as group:
            for session in sessions:
                group.create_task(follow(session))


class Reader(Protocol):
    """A reading client that can be killed and started again on the same file."""

    async def start(self) -> None:
        """Go on from the file."""

    async def kill(self) -> None:
        """End without a chance to tidy up."""


class ReaderProcess:
    """The reader in a process of its own: `kill` is a SIGKILL."""

    def __init__(self, url: str, path: Path, sessions: list[str]):
        self._argv = [sys.executable, "-c", PROGRAM, url, str(path), *sessions]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start a process."""
        self._process = await asyncio.create_subprocess_exec(*self._argv, stdin=asyncio.subprocess.PIPE)

    async def kill(self) -> None:
        """SIGKILL."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class ReaderTask:
    """The reader as a task, for the tour without a server: `kill` breaks it off."""

    def __init__(self, log: Log, path: Path, sessions: list[str]):
        self._log, self._path, self._sessions = log, path, sessions
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start a task."""
        self._task = asyncio.create_task(read_into(self._log, self._path, self._sessions))

    async def kill(self) -> None:
        """Cancel it."""
        if self._task:
            await stop(self._task)


async def main() -> None:
    """The process: ``URL FILE SESSION...`` on its command line."""
    url, path, *sessions = sys.argv[1:]
    loop = asyncio.get_running_loop()
    reading = asyncio.ensure_future(_connect_and_read(url, Path(path), sessions))
    loop.add_reader(0, lambda: None if os.read(0, 64) else reading.cancel())
    with contextlib.suppress(asyncio.CancelledError):
        await reading


async def _connect_and_read(url: str, path: Path, sessions: list[str]) -> None:
    async with await NatsLog.connect(url, timeout_s=30) as log:
        await read_into(log, path, sessions)
