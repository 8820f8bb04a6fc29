"""The program inside a sandbox: it starts commands for the process outside, and ends with it.

It is sent there as text, with mounts.py, so it imports nothing but the standard library and that.
Requests arrive on stdin, which is a socket: one byte, with the descriptors of four files. The first
holds the request as JSON, the others become the command's stdin, stdout and stderr. Answers go back
as lines of JSON. At the end of the socket, so too when the process outside is killed, all commands
are killed.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from toolkit.harness.sandbox.mounts import build_root, call

NOBODY = 65534
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER = 0x10000000
N_FILES = 4
"""Files that come with a request."""
LOOK_S = 0.1
"""How often the memory of all processes is looked at."""


class Setup(NamedTuple):
    """How this program is to begin."""

    folder: str
    """Where commands run."""
    has_walls: bool = False
    from_root: bool = False
    """Whether root started it, which it then gives up."""
    new_user: bool = False
    """Whether it makes a user namespace of its own."""
    memory_bytes: int | None = None
    """What all processes together may hold."""
    root: dict[str, Any] | None = None
    """What the file system holds that it makes; None where there is one."""


class Limits(NamedTuple):
    """Limits of each process of a command, on POSIX; None leaves one as it is."""

    cpu_s: int | None = None
    memory_bytes: int | None = None
    """Address space. macOS has no such limit."""
    file_bytes: int | None = None
    """Size of each file that it writes."""
    processes: int | None = None
    """Processes and threads of this user: inside a sandbox those of the whole box. Without one,
    Linux does not hold root to it.
    """
    data_bytes: int | None = None
    """Private memory that it may write, for programs that reserve more addresses than they use."""


def restrict(limits: Limits) -> None:
    """Set the limits of this process and of those that it starts."""
    import resource

    if sys.platform == "darwin":
        limits = limits._replace(memory_bytes=None)
    kinds = {
        resource.RLIMIT_CPU: limits.cpu_s,
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NPROC: limits.processes,
        resource.RLIMIT_DATA: limits.data_bytes,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in kinds.items():
        if value is None:
            continue
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(kind, (value, value))


def drop_privileges(setup: Setup) -> None:
    """Become nobody: for good where root started this, in a user namespace where asked for one.

    In a namespace of its own the number of processes is counted for this box alone.
    """
    if setup.from_root:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    if setup.new_user:
        uid = os.getuid()
        gid = os.getgid()
        call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)  # else the maps below belong to root
        call("unshare", CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def seal(has_walls: bool) -> None:
    """Keep what the commands can do to this process small, and let a box die with its parent.

    Without walls the end of the socket says that the parent is gone: there are groups to kill.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # short of memory, these end first
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)  # no other process reads or traces this one
    if has_walls:  # again, for a change of user has cleared it
        call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which the first process of a box ignores


def kill_group(pid: int) -> None:
    """Kill the process group that began with `pid`."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def memory_held() -> int:
    """Bytes of memory that all processes in sight hold.

    Pages that several share count once for each of them: an upper bound, and quick to read.
    """
    n_bytes = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        n_bytes += _bytes_in(status, ("RssAnon:", "RssShmem:"))
    return n_bytes


def memory_held_apart() -> int:
    """Bytes of memory that all processes in sight hold, with pages that several share counted once.

    Slower than `memory_held`, for the kernel walks all pages. A process that lets nobody look at
    its pages counts as in `memory_held`.
    """
    n_bytes = 0
    for process in Path("/proc").glob("[0-9]*"):
        held = _bytes_in(process / "smaps_rollup", ("Pss_Anon:", "Pss_Shmem:"))
        n_bytes += held or _bytes_in(process / "status", ("RssAnon:", "RssShmem:"))
    return n_bytes


def holds_more_than(n_bytes: int) -> bool:
    """Whether all processes in sight hold more memory than `n_bytes`. Looks closely only where a
    quick look says so.
    """
    return memory_held() > n_bytes and memory_held_apart() > n_bytes


def _bytes_in(file: Path, names: tuple[str, ...]) -> int:
    """The sum of the lines of a file of /proc that begin with one of `names`; 0 where it cannot be
    read, as when its process has ended.
    """
    n_kilobytes = 0
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            if line.startswith(names):
                n_kilobytes += int(line.split()[1])
    return n_kilobytes * 1024


class Commands:
    """The commands under way, by their pids."""

    def __init__(self, channel: socket.socket, setup: Setup):
        self._channel = channel
        self._folder = setup.folder
        self._memory_bytes = setup.memory_bytes
        self._ids: dict[int, int] = {}

    def serve(self) -> None:
        """Start, kill and report until the socket ends."""
        wake, woken = socket.socketpair()
        woken.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector = selectors.DefaultSelector()
        selector.register(self._channel, selectors.EVENT_READ, self._receive)
        selector.register(wake, selectors.EVENT_READ, lambda: bool(wake.recv(4096)))
        goes_on = True
        while goes_on:
            for key, _ in selector.select(LOOK_S if self._ids else None):
                goes_on = key.data() and goes_on
            if self._memory_bytes and holds_more_than(self._memory_bytes):
                os.kill(-1, signal.SIGKILL)  # all but this process, the first of the box
            self._report()
        for pid in self._ids:
            kill_group(pid)

    def _receive(self) -> bool:
        """Take one request. False at the end of the socket."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self._channel, 1, N_FILES)
        except ConnectionError:
            return False
        if not message:
            return False
        with contextlib.ExitStack() as files:
            for descriptor in descriptors:
                files.callback(os.close, descriptor)
            size = os.fstat(descriptors[0]).st_size
            request = json.loads(os.pread(descriptors[0], size, 0))
            if "kill" in request:
                self._kill(request["kill"])
            else:
                self._start(request, descriptors)
        return True

    def _kill(self, request_id: int) -> None:
        for pid, running in self._ids.items():
            if running == request_id:
                kill_group(pid)

    def _start(self, request: dict[str, Any], descriptors: list[int]) -> None:
        _, stdin, stdout, stderr = descriptors
        limits = Limits(*request["limits"])

        def prepare() -> None:
            restrict(limits)
            if sys.platform == "linux":
                call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

        try:
            child = subprocess.Popen(
                request["argv"],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=self._folder,
                process_group=0,
                preexec_fn=prepare,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            why = f"{request['argv'][0]} did not start: {error}"
            self._answer({"id": request["id"], "not_started": why})
            return
        self._ids[child.pid] = request["id"]
        child.returncode = 0  # it is waited for below, not by Popen

    def _report(self) -> None:
        """Answer for each command that has ended; orphans that came to this process just go."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            request_id = self._ids.pop(pid, None)
            if request_id is not None:
                kill_group(pid)
                exit_code = os.waitstatus_to_exitcode(status)
                if exit_code < 0:
                    exit_code = 128 - exit_code
                self._answer({"id": request_id, "exit_code": exit_code})

    def _answer(self, answer: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionError):
            self._channel.sendall(json.dumps(answer).encode() + b"\n")


def main(setup: Setup) -> None:
    """Put up the walls that are still missing, and serve."""
    with contextlib.suppress(PermissionError):
        os.setsid()
    os.umask(0o022)
    os.environ.pop("PWD", None)  # which bwrap sets
    if setup.root:
        build_root(setup.root)
    drop_privileges(setup)
    seal(setup.has_walls)
    with socket.socket(fileno=0) as channel:
        Commands(channel, setup).serve()
