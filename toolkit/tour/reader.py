"""The tour's reading client, a process of its own, so that it can be killed with SIGKILL.

It appends each event to a file, with the time at which it came. Started again on the same file, it
goes on from the last whole line of each session: that line's sequence number is its cursor. It
exits when its stdin closes.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from toolkit.events import Event
from toolkit.jsonl import JsonlFile
from toolkit.sessions import Log, NatsLog, Session
from toolkit.sessions.lab.processes import child_command, child_environment
from toolkit.sessions.nats.server import SERVER_URL
from toolkit.tasks import stop

Kill = Callable[[], Awaitable[None]]
"""Ends a reader without a chance to tidy up."""


class Arrival(NamedTuple):
    """An event, and when it came, in seconds since 1970 UTC."""

    time: float
    event: Event


def arrivals(path: Path) -> list[Arrival]:
    """What is in a reader's file, in the order in which it came. A torn last line is not."""
    return list(JsonlFile(path, Arrival).records())


async def read_into(log: Log, path: Path, sessions: list[str]) -> None:
    """Follow `sessions` into the file at `path`, from where it ends, until cancelled."""
    file = JsonlFile(path, Arrival)
    cursors = dict.fromkeys(sessions, 0)
    for arrival in arrivals(path):
        cursors[arrival.event.session] = arrival.event.seq or 0

    async def follow(session: str) -> None:
        async for event in Session(log, session).read(cursors[session], lane="log"):
            file.append(Arrival(time.time(), event))

    async with asyncio.TaskGroup() as group:
        for session in sessions:
            group.create_task(follow(session))


async def start_task(log: Log, path: Path, sessions: list[str]) -> Kill:
    """Start a reader in this process, for the tour without a server; it is killed by breaking off
    its task.
    """
    return partial(stop, asyncio.create_task(read_into(log, path, sessions)))


async def start_process(url: str, path: Path, sessions: list[str]) -> Kill:
    """Start a reader as a process of its own; it is killed by SIGKILL."""
    process = await asyncio.create_subprocess_exec(
        *child_command("toolkit.tour.reader:main", str(path), *sessions),
        stdin=asyncio.subprocess.PIPE,
        env=child_environment(url),
    )

    async def kill() -> None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    return kill


async def main(path: str, *sessions: str) -> None:
    """The process, which finds the server's URL in its environment."""
    # At the end of stdin whoever started it is gone: nothing here needs unwinding.
    asyncio.get_running_loop().add_reader(0, lambda: os.read(0, 64) or os._exit(0))
    async with await NatsLog.connect(os.environ[SERVER_URL], timeout_s=30) as log:
        await read_into(log, Path(path), list(sessions))
