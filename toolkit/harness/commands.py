"""Commands: the command of a criterion is run as a process of its own, under limits.

It runs as you, with your files and your network: run only what you would run yourself.
"""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from toolkit.harness.contract import Criterion
from toolkit.harness.workspace import clip, lay_files
from toolkit.shown import Shown
from toolkit.warden import NOT_STARTED, Limits, command

LIMITS = Limits(cpu_s=60, memory_bytes=2 << 30, file_bytes=8 << 20, processes=4096)
KILL_DEADLINE_S = 10.0
ERROR_CHARS = 500


@dataclass(frozen=True, slots=True)
class CheckResult(Shown):
    """What came of one command."""

    exit_code: int | None
    """None where it timed out or could not be started; `error` then says why not."""
    stdout: str
    stderr: str
    timed_out: bool
    seconds: float
    error: str = ""


async def run_check(
    argv: Sequence[str], cwd: Path, timeout_s: float = 10.0, limits: Limits = LIMITS
) -> CheckResult:
    """Run `argv` in `cwd`, at most `timeout_s` seconds. What cannot be started, or ends with 127,
    has an `error`.

    It gets an environment without your keys (``HOME`` is `cwd`), the `limits` (its outputs are
    files), and a process group of its own, which is killed at the end, at the timeout, and when
    this process dies.

    This is a fence against accidents and not a jail. It does not stop a command from reading other
    files of yours, from opening sockets, or from leaving its process group on purpose. Run only
    what you would run yourself.
    """
    program = sys.executable if argv[0] == "python" else argv[0]
    line = command([program, *argv[1:]], limits)
    begun = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = await asyncio.create_subprocess_exec(
            *line,
            stdin=asyncio.subprocess.PIPE,
            stdout=out,
            stderr=err,
            cwd=cwd,
            env=_environment(cwd),
        )
        exit_code = None
        try:
            with contextlib.suppress(TimeoutError):
                exit_code = await asyncio.wait_for(process.wait(), timeout_s)
        finally:
            assert process.stdin
            process.stdin.close()  # the warden's sign to kill the group
            await asyncio.wait_for(process.wait(), KILL_DEADLINE_S)
        stdout = _text_of(out)
        stderr = _text_of(err)
    timed_out = exit_code is None
    seconds = time.monotonic() - begun
    if exit_code == NOT_STARTED:
        error = f"exit code {exit_code}: {clip(stderr.strip(), ERROR_CHARS)}"
        return CheckResult(None, stdout, stderr, timed_out, seconds, error)
    return CheckResult(exit_code, stdout, stderr, timed_out, seconds)


def _environment(home: Path) -> dict[str, str]:
    """What a command is started with, whoever starts it: none of your keys are in it."""
    folders = [str(Path(sys.executable).parent), "/usr/bin", "/bin"]
    return {
        "PATH": os.pathsep.join(folders),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


def _text_of(file: BinaryIO) -> str:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="replace")


async def run_criterion(criterion: Criterion, build: Path) -> CheckResult:
    """Run the check of `criterion` in a scratch copy of `build`, so that no check alters what is
    checked.
    """
    with tempfile.TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder).resolve() / "build"
        try:
            shutil.copytree(build, scratch, symlinks=True)
            lay_files(scratch, criterion.files)
            result = await run_check(criterion.command, scratch, criterion.timeout_s)
        except (OSError, ValueError) as error:
            result = CheckResult(None, "", "", False, 0.0, str(error))
        # The scratch folder has a new name each time; equal outcomes must read equal, or no answer
        # could be reused.
        named = str(scratch)
        return replace(
            result,
            stdout=result.stdout.replace(named, "build"),
            stderr=result.stderr.replace(named, "build"),
            error=result.error.replace(named, "build"),
        )
