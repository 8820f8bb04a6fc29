"""The file system of a box that `unshare` made the namespaces of: mounted by the program inside.

It is sent there as text, so it imports the standard library alone.
"""

import ctypes
import os
import socket
import struct
from pathlib import Path
from typing import Any

MNT_DETACH = 2
MS_BIND_RECURSIVE = 0x1000 | 0x4000
SYS_MOUNT_SETATTR = 442
AT_FDCWD = -100
AT_RECURSIVE = 0x8000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
READ_ONLY = 1  # these three as `mount` and `mount_setattr` know them alike
NO_SETUID = 2
NO_DEVICES = 4
CLOSED = NO_SETUID | NO_DEVICES
DEVICES = "full", "null", "random", "urandom", "zero"


def call(name: str, *arguments: Any) -> None:
    """Call the C library's function `name`. Raises OSError where it fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    values = [value.encode() if isinstance(value, str) else value for value in arguments]
    if libc[name](*values) != 0:
        raise OSError(ctypes.get_errno(), f"{name}{arguments}")


def bind(source: str, target: str) -> None:
    """Show the file or folder `source` at `target`."""
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    if Path(source).is_dir():
        Path(target).mkdir(exist_ok=True)
    else:
        Path(target).touch()
    call("mount", source, target, None, MS_BIND_RECURSIVE, None)


def set_flags(target: str, flags: int, recursive: int = AT_RECURSIVE) -> None:
    """Add `flags` to the mount at `target`, and to all below it."""
    attributes = struct.pack("QQQQ", flags, 0, 0, 0)
    call("syscall", SYS_MOUNT_SETATTR, AT_FDCWD, target, recursive, attributes, len(attributes))


def build_root(root: dict[str, Any]) -> None:
    """Change to a new file system that holds what `root` lists, in namespaces made by `unshare`."""
    import fcntl  # which Windows has not

    call("mount", "root", "/tmp", "tmpfs", NO_SETUID, "mode=0755,size=1m")
    Path("/tmp/outside").mkdir()
    call("pivot_root", "/tmp", "/tmp/outside")
    os.chdir("/")
    for folder in ["/proc", *root["writable"]]:
        Path(folder).mkdir(parents=True)
    call("mount", "proc", "/proc", "proc", CLOSED, None)
    for folder in root["writable"]:
        size = f"mode=1777,size={root['disk_bytes']}"
        call("mount", "box", folder, "tmpfs", CLOSED, size)
    for source, target in root["binds"]:
        bind(f"/outside{source}", target)
        set_flags(target, READ_ONLY | CLOSED)
    for path in root["hidden"]:
        call("mount", "hidden", path, "tmpfs", READ_ONLY | CLOSED, "size=4096")
    for target, link in root["links"]:
        Path(link).symlink_to(target)
    for device in DEVICES:
        bind(f"/outside/dev/{device}", f"/dev/{device}")
    Path("/dev/fd").symlink_to("/proc/self/fd")
    call("umount2", "/outside", MNT_DETACH)
    Path("/outside").rmdir()
    set_flags("/", READ_ONLY, recursive=0)
    socket.sethostname("box")
    with socket.socket() as any_socket:
        up = struct.pack("16sH14x", b"lo", IFF_UP)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, up)
