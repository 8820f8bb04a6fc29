"""run_check: one command, run as a real process under limits, and what came of it."""

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

from toolkit.harness.contract import Criterion
from toolkit.harness.workspace import WorkspaceError, lay_files
from toolkit.warden import Limits, command

LIMITS = Limits(cpu_s=60, memory_bytes=2 << 30, file_bytes=8 << 20, processes=4096)
OUTPUT_CHARS = 20_000
MAX_CHARS = 8 << 20
KILL_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one command."""

    exit_code: int | None
    """None where it never ended by itself: it timed out or could not be started."""
    stdout: str
    stderr: str
    timed_out: bool
    seconds: float
    error: str = ""
    """Why it could not be run at all; empty where it was."""


async def run_check(
    argv: Sequence[str], cwd: Path, timeout_s: float = 10.0, limits: Limits = LIMITS, chars: int = OUTPUT_CHARS
) -> CheckResult:
    """Run `argv` in `cwd` and wait for it, at most `timeout_s` seconds.

    The command gets a clean environment (``HOME`` is `cwd`; no key of yours is in it), limits on CPU time, memory,
    the size of each file and the number of processes, and a process group of its own, which is killed at the end,
    at the timeout, and when this process dies. Of each output up to `chars` characters are kept, head and tail,
    and what was left out is said.

    This is a fence against accidents and not a jail. It does not stop a command from reading other files of yours,
    from opening sockets, or from leaving its process group on purpose. Run only what you would run yourself.

    Returns
    -------
    CheckResult
        A command that cannot be found or started is a result with `error`, not an exception.
    """
    program, path = argv[0], os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    program = sys.executable if program == "python" else program
    found = shutil.which(cwd / program if "/" in program else program, path=path)
    if found is None:
        return CheckResult(None, "", "", False, 0.0, f"{argv[0]}: no such command")
    env = {"PATH": path, "HOME": str(cwd), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *command([found, *argv[1:]], limits),
            stdin=asyncio.subprocess.PIPE,
            stdout=out,
            stderr=err,
            cwd=cwd,
            env=env,
        )
        try:
            code = await asyncio.wait_for(process.wait(), timeout_s)
        except TimeoutError:
            code = None
        finally:
            await _end(process)
        seconds = time.monotonic() - begun
        return CheckResult(code, _read(out.fileno(), chars), _read(err.fileno(), chars), code is None, seconds)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close the warden's stdin, at which it kills the group; if it will not, kill the warden."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), KILL_DEADLINE_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await asyncio.wait_for(process.wait(), KILL_DEADLINE_S)


def _read(descriptor: int, chars: int) -> str:
    """Head and tail of what a process wrote; memory stays bounded however much that is."""
    size, half = os.fstat(descriptor).st_size, 2 * chars
    if size <= 2 * half:
        return clip(os.pread(descriptor, size, 0).decode(errors="replace"), chars)
    head = os.pread(descriptor, half, 0).decode(errors="replace")[: chars // 2]
    tail = os.pread(descriptor, half, size - half).decode(errors="replace")[-(chars // 2) :]
    return f"{head}\n[... about {size - chars} bytes left out ...]\n{tail}"


def clip(text: str, chars: int = OUTPUT_CHARS) -> str:
    r"""Head and tail of `text`, with a word on how much was left out.

    >>> clip("abcdefgh", 4)
    'ab\n[... 4 characters left out ...]\ngh'
    """
    if len(text) <= chars:
        return text
    return f"{text[: chars // 2]}\n[... {len(text) - chars} characters left out ...]\n{text[-(chars // 2) :]}"


async def run_criterion(criterion: Criterion, build: Path, limits: Limits = LIMITS) -> CheckResult:
    """Run the check of `criterion` in a scratch copy of `build`, so that no check alters what is checked."""
    with tempfile.TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True) as made:
        try:
            scratch = _lay_out(criterion, build, made)
        except (OSError, WorkspaceError) as error:
            return CheckResult(None, "", "", False, 0.0, f"its files could not be laid out: {error}")
        # All of the output, which `limits` bound: a promise is not broken because its proof stood in the middle.
        result = await run_check(
            criterion.command, scratch, criterion.timeout_s, limits, limits.file_bytes or MAX_CHARS
        )
        # The scratch folder has a new name each time; equal outcomes must read equal, or no answer could be reused.
        out, err = (text.replace(str(scratch), "build") for text in (result.stdout, result.stderr))
        return replace(result, stdout=out, stderr=err)


def _lay_out(criterion: Criterion, build: Path, folder: str) -> Path:
    scratch = Path(folder).resolve() / "build"
    shutil.copytree(build, scratch, symlinks=True)
    lay_files(scratch, criterion.files)
    return scratch
