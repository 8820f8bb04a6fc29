"""Runs a child that may not outlive its parent: `command` gives the command line, this file is also
the program.

The parent holds the write end of the warden's stdin. When the parent dies, by whatever signal, the
kernel closes that pipe, the warden reads the end of the file, and kills the child's whole process
group.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from typing import Any

PR_SET_PDEATHSIG = 1
NOT_STARTED = 127
"""Exit code of a warden whose child could not be started."""


def command(argv: list[str]) -> list[str]:
    """The command line that runs `argv` under a warden. Start it with ``stdin=PIPE`` and keep that
    pipe open.

    The warden exits with the child's exit code, or with 128 plus the signal that ended the child;
    no member of the child's process group is left by then.
    """
    return [sys.executable, "-I", "-S", __file__, *argv]


def _end_with_warden() -> None:
    """Before the child's first instruction: on Linux a SIGKILL of the warden itself reaches it."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill_group(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()


def main(argv: list[str]) -> int:
    """Run `argv`, wait for it or for the end of stdin, whichever comes first."""
    options: dict[str, Any] = {}
    if os.name == "posix":
        with contextlib.suppress(PermissionError):
            os.setsid()
        options = {"process_group": 0, "preexec_fn": _end_with_warden}
    try:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, **options)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"warden: {argv[0]} did not start: {error}", file=sys.stderr)
        return NOT_STARTED

    def wait_for_parent() -> None:
        while os.read(0, 4096):
            pass
        _kill_group(child)

    threading.Thread(target=wait_for_parent, daemon=True).start()
    code = child.wait()
    _kill_group(child)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    # os._exit: the thread that reads stdin is still blocked, and nothing here needs unwinding.
    os._exit(main(sys.argv[1:]))
