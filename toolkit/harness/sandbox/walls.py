"""Walls: the command line that puts the program inside between walls, and its limits.

bubblewrap makes the namespaces and the file system; with `unshare` the program inside makes its
file system itself. Without walls it runs as any other program.
"""

import inspect
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from toolkit.harness.sandbox import inside, mounts
from toolkit.harness.sandbox.inside import NOBODY, Setup
from toolkit.harness.sandbox.view import PACKAGES, PYTHON, Binds, View

Kind = Literal["bwrap", "unshare", "none"]
FOLDER = "/build"
WRITABLE = FOLDER, "/tmp", "/dev/shm"
DISK_BYTES = 256 << 20
"""What each of the `WRITABLE` folders holds at most. They are in memory, and end with the box."""
MEMORY_BYTES = 2 << 30
"""What all processes of a box hold at most; then they are killed."""
BWRAP = """
    --die-with-parent --new-session --as-pid-1 --hostname box
    --unshare-pid --unshare-net --unshare-ipc --unshare-uts --proc /proc --dev /dev
"""
BWRAP_USER = f"--unshare-user --uid {NOBODY} --gid {NOBODY}"
BWRAP_ROOT = "--cap-add CAP_SETUID --cap-add CAP_SETGID"
"""With these the program inside becomes nobody itself, and not root by another name."""
BWRAP_END = f"--remount-ro /dev --remount-ro / --chdir {FOLDER}"
UNSHARE = "--pid --fork --kill-child --mount --net --ipc --uts"
UNSHARE_USER = "--user --map-root-user"
DIES = "--pdeathsig KILL"
START = """
import json, sys, types
sources, setup = json.loads(sys.argv[1])
for name, text in sources.items():
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(text, vars(module))
module.main(module.Setup(*setup))
"""
"""Makes modules of the texts of the program inside, the last of which is the program itself."""


def command_line(kind: Kind, view: View, folder: str) -> list[str]:
    """The command line of the program inside, between walls of this `kind`. Its stdin must be a
    socket.
    """
    is_root = os.geteuid() == 0
    setup = Setup(folder)
    if kind == "none":
        return _program(setup)
    setup = setup._replace(has_walls=True, from_root=is_root, memory_bytes=MEMORY_BYTES)
    if kind == "bwrap":
        setup = setup._replace(new_user=is_root)
        return [*_bwrap(view, is_root), *_program(setup)]
    root = asdict(view) | {"writable": WRITABLE, "disk_bytes": DISK_BYTES}
    setup = setup._replace(new_user=True, root=root)
    return [*_unshare(is_root), *_program(setup)]


def python(kind: Kind) -> str:
    """The interpreter that runs commands: without walls it has the environment's packages too."""
    return sys.executable if kind == "none" else PYTHON


def environment(kind: Kind, folder: str, packages: Sequence[str]) -> dict[str, str]:
    """What commands are started with: none of your keys are in it."""
    programs = [str(Path(python(kind)).parent), "/usr/bin", "/bin"]
    variables = {
        "PATH": os.pathsep.join(programs),
        "HOME": folder,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }
    if packages and kind != "none":
        variables["PYTHONPATH"] = PACKAGES
    return variables


def _program(setup: Setup) -> list[str]:
    sources = {}
    for module in (mounts, inside):
        sources[module.__name__] = inspect.getsource(module)
    return [PYTHON, "-I", "-S", "-c", START, json.dumps([sources, setup])]


def _bwrap(view: View, is_root: bool) -> list[str]:
    line = [_found("bwrap"), *BWRAP.split()]
    line += (BWRAP_ROOT if is_root else BWRAP_USER).split()
    for folder in WRITABLE:
        line += ["--perms", "1777", "--size", str(DISK_BYTES), "--tmpfs", folder]
    for folder in _parents(view.binds):
        line += ["--perms", "0755", "--dir", folder]
    for source, target in view.binds:
        line += ["--ro-bind", source, target]
    for path in view.hidden:
        line += ["--size", "4096", "--tmpfs", path, "--remount-ro", path]
    for target, link in view.links:
        line += ["--symlink", target, link]
    return [*line, *BWRAP_END.split()]


def _parents(binds: Binds) -> list[str]:
    """The folders that lead to what is shown, the outermost first: all may be entered."""
    folders = set()
    for _, target in binds:
        for parent in Path(target).parents[:-1]:
            folders.add(str(parent))
    shown = {target for _, target in binds}
    return sorted(folders - shown - set(WRITABLE))


def _unshare(is_root: bool) -> list[str]:
    user = [] if is_root else UNSHARE_USER.split()
    return [_found("setpriv"), *DIES.split(), _found("unshare"), *UNSHARE.split(), *user]


def _found(program: str) -> str:
    """The path of a program. Raises FileNotFoundError."""
    path = shutil.which(program)
    if path is None:
        raise FileNotFoundError(f"no {program} on PATH")
    return path
