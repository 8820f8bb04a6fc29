"""Store: the folder of a nats-server, which one server has at a time.

Two servers on one store would write over each other's events, so its owner holds a lock. The kernel
lets go of it when the owner dies.
"""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from toolkit.errors import Unavailable

STORE_PREFIX = "fieldbook-nats-"
OWNER = "owner.lock"
CONFIG = "server.conf"
LOCK = "in-use.lock"
"""The lock of a store that somebody named. That of a temporary one is `OWNER`, by which it is known
as ours.
"""
PRIVATE = 0o600


class StoreInUse(Unavailable):
    """Another nats-server has this store."""


class StoreLock(FileLock):
    """The lock of a store. It is held until its owner and everybody who inherited it has ended."""

    @property
    def inherited(self) -> tuple[int, ...]:
        """What a child must get in order to hold the lock too; nothing where the system has no such
        thing.
        """
        descriptor = self._context.lock_file_fd
        return (descriptor,) if os.name == "posix" and descriptor is not None else ()


def remove_abandoned() -> None:
    """Remove the temporary folders whose owners were killed before they could.

    Each folder holds a lock that the kernel lets go of when its owner dies; a pid could be another
    process's by then. A folder without its configuration is only in the making, one without a lock
    is not ours to remove.
    """
    for config in Path(tempfile.gettempdir()).glob(f"{STORE_PREFIX}*/{CONFIG}"):
        owner = config.with_name(OWNER)
        with suppress(Timeout, OSError):
            if owner.is_file():
                with FileLock(owner, timeout=0):
                    shutil.rmtree(config.parent, ignore_errors=True)


def write_privately(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
