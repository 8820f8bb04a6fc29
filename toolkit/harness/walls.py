"""Walls: the command line that puts the program inside between walls, and what it can read there.

bubblewrap makes the namespaces and the file system; with `unshare` the program inside makes its
file system itself. Without walls it runs as any other program.
"""

import json
import os
import shutil
import site
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from toolkit.harness import inside
from toolkit.harness.inside import NOBODY

Kind = Literal["bwrap", "unshare", "none"]
Binds = list[tuple[str, str]]
"""Files and folders outside, and where a box shows them, read-only."""

FOLDER = "/build"
PACKAGES = "/packages"
WRITABLE = FOLDER, "/tmp", "/dev/shm"
DISK_BYTES = 256 << 20
"""What each of the `WRITABLE` folders holds at most. They are in memory, and end with the box."""
MEMORY_BYTES = 2 << 30
"""What all processes of a box hold at most; then they are killed."""
SYSTEM = "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"
SETTINGS = "alternatives", "chromium", "chromium.d", "fonts", "ld.so.cache", "localtime"
"""What programs look up in /etc."""
PYTHON = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
"""The running interpreter, outside of its virtual environment."""
BASE = Path(PYTHON).parents[1]
DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"


@dataclass(frozen=True)
class View:
    """What a box shows of the machine."""

    binds: Binds
    links: Binds
    """Symbolic links, as (target, link)."""
    hidden: list[str]
    """Folders within what is shown that are empty inside."""


def readable(packages: Sequence[str], paths: Sequence[str | Path]) -> View:
    """The system's programs, Python with its standard library, the named `packages` of the running
    environment, and `paths`.
    """
    binds: Binds = []
    links: Binds = []
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            links.append((str(path.readlink()), name))
        elif path.is_dir():
            binds.append((name, name))
    for name in SETTINGS:
        path = Path("/etc") / name
        if path.exists():
            binds.append((os.path.realpath(path), str(path)))
    for path in (Path(__file__).parent / "etc").iterdir():
        binds.append((str(path), f"/etc/{path.name}"))
    for shown in [*_python_folders(), *paths]:
        binds.append((os.path.realpath(shown), os.path.realpath(shown)))
    for package in packages:
        source = package_path(package)
        binds.append((str(source), f"{PACKAGES}/{source.name}"))
    hidden = {os.path.realpath(path) for path in site.getsitepackages([str(BASE)])}
    hidden.add(DEBIAN_PACKAGES)
    return View(binds, links, [path for path in sorted(hidden) if Path(path).is_dir()])


def package_path(package: str) -> Path:
    """The folder, or the one file, of an importable package. Raises ModuleNotFoundError."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no package {package}")
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin


def _python_folders() -> list[Path]:
    if BASE.is_relative_to("/usr"):
        return []
    folders = [BASE / "bin", BASE / "lib", BASE / "lib64"]
    return [folder for folder in folders if folder.is_dir() and not folder.is_symlink()]


def command_line(kind: Kind, view: View, folder: str) -> list[str]:
    """The command line of the program inside, between walls of this `kind`. Its stdin must be a
    socket.
    """
    is_root = os.geteuid() == 0
    setup: dict[str, object] = {"folder": folder, "has_walls": kind != "none", "root": None}
    setup |= {"from_root": False, "new_user": False, "memory_bytes": None}
    if kind != "none":
        setup["memory_bytes"] = MEMORY_BYTES
    if kind == "bwrap":
        setup |= {"from_root": is_root, "new_user": is_root}
        return [*_bwrap(view, is_root), *_program(setup)]
    if kind == "unshare":
        root = asdict(view) | {"writable": WRITABLE, "disk_bytes": DISK_BYTES}
        setup |= {"from_root": is_root, "new_user": True, "root": root}
        return [*_unshare(is_root), *_program(setup)]
    return _program(setup)


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


def _program(setup: dict[str, object]) -> list[str]:
    text = Path(inside.__file__).read_text(encoding="utf-8")
    text += "\nmain(json.loads(sys.argv[1]))\n"
    return [PYTHON, "-I", "-S", "-c", text, json.dumps(setup)]


def _bwrap(view: View, is_root: bool) -> list[str]:
    line = [_found("bwrap"), "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    line += ["--die-with-parent", "--new-session", "--as-pid-1", "--hostname", "box"]
    if is_root:
        line += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        line += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    line += ["--proc", "/proc", "--dev", "/dev"]
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
    return [*line, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", FOLDER]


def _parents(binds: Binds) -> list[str]:
    """The folders that lead to what is shown, the outermost first: all may be entered."""
    folders = set()
    for _, target in binds:
        for parent in Path(target).parents[:-1]:
            folders.add(str(parent))
    shown = {target for _, target in binds}
    return sorted(folders - shown - set(WRITABLE))


def _unshare(is_root: bool) -> list[str]:
    line = [_found("setpriv"), "--pdeathsig", "KILL"]
    line += [
        _found("unshare"),
        "--pid",
        "--fork",
        "--kill-child",
        "--mount",
        "--net",
        "--ipc",
        "--uts",
    ]
    if not is_root:
        line += ["--user", "--map-root-user"]
    return line


def _found(program: str) -> str:
    """The path of a program. Raises FileNotFoundError."""
    path = shutil.which(program)
    if path is None:
        raise FileNotFoundError(f"no {program} on PATH")
    return path
