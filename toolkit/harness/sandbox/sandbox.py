"""Sandbox: where commands that a model wrote are run.

It holds them to a copy of the build, to the programs of the system and to loopback; what it does
not hold is in .github/SECURITY.md.
"""

import asyncio
import functools
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.errors import Unavailable
from toolkit.harness.sandbox import walls
from toolkit.harness.sandbox.box import Box, BoxError, CommandResult
from toolkit.harness.sandbox.files import TextFile, lay_files
from toolkit.harness.sandbox.inside import NOBODY, Limits
from toolkit.harness.sandbox.remedies import Machine, remedy
from toolkit.harness.sandbox.view import readable
from toolkit.harness.sandbox.walls import Kind

INSIDE = Limits(cpu_s=60, memory_bytes=1 << 30, file_bytes=8 << 20, processes=256)
WITHOUT_WALLS = Limits(cpu_s=60, memory_bytes=2 << 30, file_bytes=8 << 20, processes=4096)
BROWSER = Limits(cpu_s=120, file_bytes=64 << 20, processes=512, data_bytes=2 << 30)
"""For checks with Chromium, which reserves far more addresses than it uses."""
PROBE_S = 20.0


class SandboxUnavailable(Unavailable):
    """No sandbox runs on this machine. The message says what to do about it."""


@dataclass(frozen=True)
class Sandbox:
    """Runs commands between walls. Make one with `Sandbox.best`.

    Each run has a network of its own with nothing but loopback, and is nobody to the system. It
    sees a copy of the build, the system's programs and Python's standard library: no home, no key.
    """

    kind: Kind
    """``bwrap``, ``unshare``, or ``none``: as you, with your files and your network."""
    packages: tuple[str, ...] = ()
    """Packages of the running environment that Python inside can import."""
    paths: tuple[str, ...] = ()
    """Files and folders that can be read inside, at the same path."""

    @classmethod
    def best(
        cls, unsafe: bool = False, packages: Sequence[str] = (), paths: Sequence[str] = ()
    ) -> "Sandbox":
        """The best sandbox that runs here.

        Raises SandboxUnavailable where none does, unless `unsafe` allows to run without one.
        """
        for kind in KINDS:
            if runs(kind):
                return cls(kind, tuple(packages), tuple(paths))
        if unsafe:
            return cls("none", tuple(packages), tuple(paths))
        raise SandboxUnavailable(remedy(Machine.this()))

    @property
    def describes(self) -> str:
        """What holds, in a sentence."""
        if not self._has_walls:
            return self.banner
        return (
            f"{self.kind}: loopback only, no home, uid {NOBODY}; {INSIDE.processes} processes, "
            f"{walls.MEMORY_BYTES >> 30} GB of memory and {walls.DISK_BYTES >> 20} MB a folder for "
            "the whole; CPU is limited per process, for no cgroup is used"
        )

    @property
    def banner(self) -> str:
        """What every result carries where there are no walls; empty where there are."""
        if self._has_walls:
            return ""
        return (
            "UNSAFE: run without a sandbox, as you, with your files and your network; "
            "limits per process"
        )

    async def run(
        self,
        command: Sequence[str],
        folder: Path,
        files: Sequence[TextFile] = (),
        timeout_s: float = 10.0,
        limits: Limits | None = None,
    ) -> CommandResult:
        """Run `command` in a copy of `folder` with `files` on top, at most `timeout_s` seconds.

        The folder itself stays as it is. Nothing that the command started is left afterwards. What
        cannot be run has an `error`, and no exit code. ``python`` is the running interpreter.
        """
        try:
            async with self.open(folder, files) as box:
                result = await box.run(command, timeout_s, limits)
            return _with_folder_named(result, box.folder)
        except (OSError, ValueError) as error:
            return CommandResult(None, "", "", False, 0.0, str(error), self.banner)

    @property
    def _has_walls(self) -> bool:
        return self.kind != "none"

    @property
    def _limits(self) -> Limits:
        return INSIDE if self._has_walls else WITHOUT_WALLS

    @asynccontextmanager
    async def open(self, folder: Path, files: Sequence[TextFile] = ()) -> AsyncIterator[Box]:
        """A box with a copy of `folder`, in which a server can run while checks are made on it.

        Raises OSError where it cannot be made ready, WorkspaceError where `files` would leave it.
        """
        with tempfile.TemporaryDirectory(prefix="box-", ignore_cleanup_errors=True) as outside:
            copy = Path(outside).resolve() / "build"
            await asyncio.to_thread(_copy, folder, copy, files)
            path = walls.FOLDER if self._has_walls else str(copy)
            view = readable(self.packages, self.paths)
            line = walls.command_line(self.kind, view, path)
            environment = walls.environment(self.kind, path, self.packages)
            box = Box(path, walls.python(self.kind), self._limits, self.banner)
            try:
                await box.begin(line, environment)
                if self._has_walls:
                    await box.lay(copy)
                    shutil.rmtree(copy, ignore_errors=True)  # a kill leaves no copy behind
                yield box
            finally:
                await box.close()


def _copy(folder: Path, copy: Path, files: Sequence[TextFile]) -> None:
    try:
        shutil.copytree(folder, copy, symlinks=True)
    except OSError as error:
        raise BoxError(str(error).replace(str(copy), walls.FOLDER)) from None
    lay_files(copy, files)


def _with_folder_named(result: CommandResult, folder: str) -> CommandResult:
    """The result with the same name for the folder, wherever it ran: equal outcomes read equal, or
    no answer of the journal could be used again.
    """
    return replace(
        result,
        stdout=result.stdout.replace(folder, walls.FOLDER),
        stderr=result.stderr.replace(folder, walls.FOLDER),
        error=result.error.replace(folder, walls.FOLDER),
    )


KINDS: tuple[Kind, ...] = ("bwrap", "unshare")
"""The kinds with walls, the better first."""


@functools.cache
def runs(kind: Kind) -> bool:
    """Whether walls of this kind can be put up here, with Python between them. Tried once a
    process.
    """
    here, there = socket.socketpair()
    here.close()  # the program inside ends at once
    with there:
        try:
            ended = subprocess.run(
                walls.command_line(kind, readable((), ()), walls.FOLDER),
                stdin=there.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=walls.environment(kind, walls.FOLDER, ()),
                timeout=PROBE_S,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return ended.returncode == 0
