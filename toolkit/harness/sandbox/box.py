"""Box: a folder between walls, in which commands are run and servers are kept running.

This is the end of it that stays outside; the other end is the program in inside.py.
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from toolkit.harness.sandbox.files import clip
from toolkit.harness.sandbox.inside import Limits
from toolkit.shown import Shown
from toolkit.tasks import stop

OPENING_S = 20.0
CLOSING_S = 10.0
ERROR_CHARS = 500
NOT_FOUND = 127
"""Exit code of a shell that does not find its command."""
ENDED = {"not_started": "the sandbox has ended"}
WAIT_FOR_PORT = """
import socket, sys, time
while True:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
        break
    except OSError:
        time.sleep(0.02)
"""


class BoxError(OSError):
    """A box that could not be opened, or that ended too early."""


@dataclass(frozen=True, slots=True)
class CommandResult(Shown):
    """What came of one command."""

    exit_code: int | None
    """None where it timed out or could not be started; `error` then says why not."""
    stdout: str
    stderr: str
    timed_out: bool
    seconds: float
    error: str = ""
    banner: str = ""
    """What it ran without, where no sandbox was there."""


class Files(NamedTuple):
    """The standard files of a command."""

    stdin: BinaryIO
    stdout: BinaryIO
    stderr: BinaryIO


class Server:
    """A command that keeps running in a box until the box is closed."""

    def __init__(self, port: int, files: "Files", answer: "asyncio.Future[dict[str, Any]]"):
        self.port = port
        self._files = files
        self._answer = answer

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._answer.done()

    @property
    def log(self) -> str:
        """What it has printed so far, its errors last."""
        return _text_of(self._files.stdout) + _text_of(self._files.stderr)


class Box:
    """A folder between walls. `Sandbox.open` gives one, and closes it."""

    def __init__(self, folder: str, python: str, limits: Limits, banner: str):
        self.folder = folder
        """Where the files lie, as commands in the box see it."""
        self._python = python
        self._limits = limits
        self._banner = banner
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._n_requests = 0
        self._files = contextlib.ExitStack()
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def begin(self, line: Sequence[str], environment: dict[str, str]) -> None:
        """Start the program inside by its command line."""
        self._channel, channel_inside = socket.socketpair()
        with channel_inside:
            self._process = await asyncio.create_subprocess_exec(
                *line,
                stdin=channel_inside.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        self._channel.setblocking(False)
        reader, self._writer = await asyncio.open_unix_connection(sock=self._channel)
        self._listening = asyncio.create_task(self._listen(reader))

    async def close(self) -> None:
        """Kill all that runs in the box, and wait until it is gone."""
        with self._files:
            if self._writer:
                self._writer.close()  # the program inside takes it for the end of this one
                await self._listening
            self._channel.close()
            if self._process:
                await _end(self._process)

    async def run(
        self, command: Sequence[str], timeout_s: float = 10.0, limits: Limits | None = None
    ) -> CommandResult:
        """Run `command` in the folder. What cannot be started, or ends with 127, has an `error`."""
        begun = time.monotonic()
        exit_code = None
        timed_out = False
        error = ""
        with _standard_files() as files:
            try:
                exit_code = await self._finish(command, files, limits, timeout_s)
            except TimeoutError:
                timed_out = True
            except BoxError as failure:
                error = str(failure)
            stdout = _text_of(files.stdout)
            stderr = _text_of(files.stderr)
        if exit_code == NOT_FOUND:
            exit_code = None
            error = f"exit code {NOT_FOUND}: {clip(stderr.strip(), ERROR_CHARS)}"
        seconds = time.monotonic() - begun
        return CommandResult(exit_code, stdout, stderr, timed_out, seconds, error, self._banner)

    async def start(
        self,
        command: Sequence[str],
        port: int,
        ready_s: float = 10.0,
        limits: Limits | None = None,
    ) -> Server:
        """Start a server, and wait until `port` on 127.0.0.1 of the box can be connected to.

        Raises BoxError with what the server printed, where it ends before, or is not ready in time.
        """
        files = self._files.enter_context(_standard_files())
        request_id, answer = self._ask(command, files, limits)
        server = Server(port, files, answer)
        # isolated: a build may hold a socket.py
        wait_for_port = ["python", "-I", "-c", WAIT_FOR_PORT, str(port)]
        waiter = asyncio.create_task(self.run(wait_for_port, ready_s))
        first: set[asyncio.Future[Any]] = {waiter, answer}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await stop(waiter)
        if server.is_running and waiter.result().exit_code == 0:
            return server
        fault = "the server has ended"
        if server.is_running:
            fault = f"the server does not answer on port {port} after {ready_s:g} s"
            await self._kill(request_id, answer)
        raise BoxError(f"{fault}: {clip(server.log.strip(), ERROR_CHARS)}")

    async def read(self, path: str, timeout_s: float = 10.0) -> bytes:
        """The bytes of a file that a command has left in the box. Raises BoxError."""
        with _standard_files() as files:
            try:
                exit_code = await self._finish(["cat", "--", path], files, None, timeout_s)
            except TimeoutError:
                raise BoxError(f"{path} cannot be read in {timeout_s:g} s") from None
            if exit_code != 0:
                raise BoxError(f"{path} cannot be read: {_clipped(files.stderr)}")
            return _bytes_of(files.stdout)

    async def lay(self, folder: Path) -> None:
        """Copy what is in `folder` into the box. Raises BoxError, where it is too large too."""
        unpack = ["tar", "--extract", "--no-same-owner", "--file=-"]
        with tempfile.TemporaryFile() as archive, tempfile.TemporaryFile() as output:
            await asyncio.to_thread(_pack, folder, archive)
            files = Files(archive, output, output)
            try:
                exit_code = await self._finish(unpack, files, Limits(), OPENING_S)
            except TimeoutError:
                raise BoxError(f"the sandbox is not ready after {OPENING_S:g} s") from None
            if exit_code != 0:
                raise BoxError(f"the files do not fit into the sandbox: {_clipped(output)}")

    async def _finish(
        self, command: Sequence[str], files: Files, limits: Limits | None, timeout_s: float
    ) -> int:
        """The exit code of `command`; nothing of its process group is left by then."""
        request_id, answer = self._ask(command, files, limits)
        try:
            ended = await asyncio.wait_for(asyncio.shield(answer), timeout_s)
        finally:
            if not answer.done():
                await self._kill(request_id, answer)
        if "exit_code" not in ended:
            raise BoxError(ended["not_started"])
        return int(ended["exit_code"])

    async def _kill(self, request_id: int, answer: "asyncio.Future[dict[str, Any]]") -> None:
        self._send({"kill": request_id}, [])
        await asyncio.wait([answer], timeout=CLOSING_S)
        if not answer.done() and self._process:
            self._process.kill()

    def _ask(
        self, command: Sequence[str], files: Files, limits: Limits | None
    ) -> tuple[int, "asyncio.Future[dict[str, Any]]"]:
        """Ask for a command to be started. The answer comes when it has ended."""
        program = self._python if command[0] == "python" else command[0]
        self._n_requests += 1
        request = {
            "id": self._n_requests,
            "argv": [program, *command[1:]],
            "limits": limits or self._limits,
        }
        answer = asyncio.get_running_loop().create_future()
        if self._listening.done():
            answer.set_result(ENDED)
        else:
            self._waiting[self._n_requests] = answer
            self._send(request, files)
        return self._n_requests, answer

    def _send(self, request: dict[str, Any], files: Sequence[BinaryIO]) -> None:
        with tempfile.TemporaryFile() as text:
            text.write(json.dumps(request).encode())
            text.flush()
            descriptors = [file.fileno() for file in (text, *files)]
            with contextlib.suppress(ConnectionError):  # the answer will say that it has ended
                socket.send_fds(self._channel, [b"r"], descriptors)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Hand each answer to who waits for it, until the box has ended."""
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                answer = json.loads(line)
                self._waiting.pop(answer["id"]).set_result(answer)
        for waiting in self._waiting.values():
            waiting.set_result(ENDED)


@contextlib.contextmanager
def _standard_files() -> Iterator[Files]:
    """An empty input, and two files for what is printed."""
    with (
        Path(os.devnull).open("rb") as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        yield Files(stdin, stdout, stderr)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Wait until a box has ended, which it does by itself; kill it where it does not."""
    try:
        await asyncio.wait_for(process.wait(), CLOSING_S)
    except TimeoutError:
        process.kill()
        await asyncio.wait_for(process.wait(), CLOSING_S)


def _pack(folder: Path, archive: BinaryIO) -> None:
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for entry in sorted(folder.iterdir()):
            tar.add(entry, entry.name)
    archive.seek(0)


def _bytes_of(file: BinaryIO) -> bytes:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0)


def _text_of(file: BinaryIO) -> str:
    return _bytes_of(file).decode(errors="replace")


def _clipped(file: BinaryIO) -> str:
    return clip(_text_of(file).strip(), ERROR_CHARS)
