"""Written: what a workspace has written itself, by digest, so that what a person changed is known
and kept.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from toolkit.records import fingerprint, write_whole

FILE = "written.json"


def digest(folder: Path) -> str:
    """The SHA-256 of all that is in `folder`: paths, contents, and where symbolic links lead."""
    entries = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            entries.append((name, "link", str(path.readlink())))
        elif path.is_file():
            entries.append((name, "file", hash_of(path.read_bytes())))
        else:
            entries.append((name, "folder", ""))
    return fingerprint(entries)


def hash_of(content: bytes) -> str:
    """The SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


class Written:
    """The record in written.json. What will be written is noted before it is: a kill between the
    two blames nobody.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def made(self, folder: Path) -> bool:
        """Whether all in `folder` is as it was made here at some time."""
        return digest(folder) in self._read()["folders"]

    def note_folder(self, folder: Path, as_build: bool = False) -> None:
        """Note that `folder` was made here as it is now, and was taken over `as_build`."""
        record = self._read()
        now = digest(folder)
        lists = [record["folders"]]
        if as_build:
            lists.append(record["builds"])
        self._add(record, now, *lists)

    def was_build(self, folder: Path) -> bool:
        """Whether `folder`, as it is now, was taken over as the build before."""
        return digest(folder) in self._read()["builds"]

    def note_file(self, name: str, content: bytes) -> None:
        """Note that a file of the workspace will be written."""
        record = self._read()
        self._add(record, hash_of(content), record["files"].setdefault(name, []))

    def is_ours(self, name: str) -> bool:
        """Whether a file of the workspace is not there, or is as it was written here at some
        time.
        """
        path = self._folder / name
        if not path.is_file():
            return True
        return hash_of(path.read_bytes()) in self._read()["files"].get(name, [])

    def _add(self, record: dict[str, Any], digest: str, *lists: list[str]) -> None:
        lacking = [known for known in lists if digest not in known]
        for known in lacking:
            known.append(digest)
        if lacking:
            write_whole(self._folder / FILE, json.dumps(record))

    def _read(self) -> dict[str, Any]:
        path = self._folder / FILE
        record: dict[str, Any] = {"folders": [], "builds": [], "files": {}}
        if path.is_file():
            record |= json.loads(path.read_bytes())
        return record
