"""Child processes that run a coroutine of ours, and servers of the lab as such children.

A server is killed by SIGKILL, frozen by SIGSTOP, and started again.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from toolkit import warden
from toolkit.sessions.nats.server import SERVER_URL

START_S = 15.0
PROGRAM = """
import asyncio, importlib, sys
module, name = sys.argv[1].split(":")
function = getattr(importlib.import_module(module), name)
asyncio.run(function(*sys.argv[2:]))
"""
WEB = "toolkit.sessions.lab.web:serve_arms"
WORKER = "toolkit.sessions.lab.worker:serve_worker"


def child_command(function: str, *arguments: str) -> list[str]:
    """The command line of a child that runs the coroutine function ``module:name``."""
    return [sys.executable, "-c", PROGRAM, function, *arguments]


def child_environment(url: str) -> dict[str, str]:
    """The environment of a child that finds the NATS server at `url`.

    The URL holds the server's token, and every user of the machine can read a command line.
    """
    return {**os.environ, SERVER_URL: url}


class ServerProcess:
    """A server as a child that dies with this process; started again, it is on its port again.

    Parameters
    ----------
    serve : str
        ``module:function``. The function takes a port and a folder, and prints its pid and its
        port once it listens.
    url : str
        Of NATS.
    folder : Path
        For what it stores, and for what it has to say.
    *arguments : str
        What the function takes besides.
    """

    def __init__(self, serve: str, url: str, folder: Path, *arguments: str):
        self._serve = serve
        self._url = url
        self._folder = folder
        self._arguments = arguments
        self.port = 0
        self._pid = 0
        self._warden: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it listens.

        Raises
        ------
        RuntimeError
            With what it said, where it did not start.
        """
        server = child_command(self._serve, str(self.port), str(self._folder), *self._arguments)
        pipe = asyncio.subprocess.PIPE
        errors = self._folder / f"{self._serve.rpartition('.')[2].replace(':', '-')}.log"
        with errors.open("ab") as log:
            self._warden = await asyncio.create_subprocess_exec(
                *warden.command(server),
                stdin=pipe,
                stdout=pipe,
                stderr=log,
                env=child_environment(self._url),
            )
        try:
            self._pid, self.port = await asyncio.wait_for(self._announced(), START_S)
        except (TimeoutError, ValueError) as error:
            await self._end()
            tail = errors.read_text()[-800:]
            raise RuntimeError(f"a server of the lab did not start; it said: {tail}") from error

    async def _announced(self) -> tuple[int, int]:
        """The pid and the port that it prints."""
        assert self._warden
        assert self._warden.stdout
        pid, port = (await self._warden.stdout.readline()).split()
        return int(pid), int(port)

    async def kill(self) -> None:
        """SIGKILL it, and wait until it is gone."""
        self._send(signal.SIGKILL)
        await self._end()

    async def _end(self) -> None:
        self._pid = 0
        if self._warden is None:
            return
        assert self._warden.stdin
        self._warden.stdin.close()  # the warden takes it for the end of its parent, and kills
        await asyncio.wait_for(self._warden.wait(), START_S)

    async def freeze(self, for_s: float) -> None:
        """SIGSTOP it for so long."""
        self._send(signal.SIGSTOP)
        try:
            await asyncio.sleep(for_s)
        finally:
            self._send(signal.SIGCONT)

    def _send(self, what: signal.Signals) -> None:
        if not self._pid:  # for kill(2) a pid of 0 is our own process group
            return
        with suppress(ProcessLookupError):
            os.kill(self._pid, what)
