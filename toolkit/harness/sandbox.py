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
from toolkit.harness.workspace import clip, lay_files
from toolkit.warden import NOT_STARTED, Limits, command

LIMITS = Limits(cpu_s=60, memory_bytes=2 << 30, file_bytes=8 << 20, processes=4096)
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


async def run_check(argv: Sequence[str], cwd: Path, timeout_s: float = 10.0, limits: Limits = LIMITS) -> CheckResult:
    """Run `argv` in `cwd`, at most `timeout_s` seconds. What cannot be started, or ends with 127, has an `error`.

    It gets an environment without your keys (``HOME`` is `cwd`), the `limits` (its outputs are files), and a process
    group of its own, which is killed at the end, at the timeout, and when this process dies.

    This is a fence against accidents and not a jail. It does not stop a command from reading other files of yours,
    from opening sockets, or from leaving its process group on purpose. Run only what you would run yourself.
    """
    program = sys.executable if argv[0] == "python" else argv[0]
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    env = {"PATH": path, "HOME": str(cwd), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    line, code, begun = command([program, *argv[1:]], limits), None, time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = await asyncio.create_subprocess_exec(
            *line, stdin=asyncio.subprocess.PIPE, stdout=out, stderr=err, cwd=cwd, env=env
        )
        try:
            with contextlib.suppress(TimeoutError):
                code = await asyncio.wait_for(process.wait(), timeout_s)
        finally:
            assert process.stdin
            process.stdin.close()  # the warden's sign to kill the group
            await asyncio.wait_for(process.wait(), KILL_DEADLINE_S)
        said = (os.pread(f.fileno(), os.fstat(f.fileno()).st_size, 0) for f in (out, err))
        stdout, stderr = (text.decode(errors="replace") for text in said)
    error = f"exit code {code}: {clip(stderr.strip(), 500)}" if code == NOT_STARTED else ""
    return CheckResult(None if error else code, stdout, stderr, code is None, time.monotonic() - begun, error)


async def run_criterion(criterion: Criterion, build: Path, limits: Limits = LIMITS) -> CheckResult:
    """Run the check of `criterion` in a scratch copy of `build`, so that no check alters what is checked."""
    with tempfile.TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True) as made:
        scratch = Path(made).resolve() / "build"
        try:
            shutil.copytree(build, scratch, symlinks=True)
            lay_files(scratch, criterion.files)
            result = await run_check(criterion.command, scratch, criterion.timeout_s, limits)
        except (OSError, ValueError) as error:
            result = CheckResult(None, "", "", False, 0.0, str(error))
        # The scratch folder has a new name each time; equal outcomes must read equal, or no answer could be reused.
        texts = {name: getattr(result, name).replace(str(scratch), "build") for name in ("stdout", "stderr", "error")}
        return replace(result, **texts)
