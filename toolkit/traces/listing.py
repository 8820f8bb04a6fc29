"""The files of what was given: a file, a folder, a pattern. Nothing is opened here.

For a folder and for a pattern there is one rule: what is reached by a link that leads out of it is
named and not read, and what is no file, as a pipe that nobody may ever write to, neither.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.records import RecordError

SUFFIXES = set(".json .jsonl .ndjson .csv .tsv .parquet .gz .zst .zip .eval .traj".split())
"""The files of a folder that are read."""
PATTERN = set("*?[")
KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What is no file, and may keep its reader waiting for ever."""
STREAMS = Path("/dev/fd")
"""What a shell has opened for its child, as in ``<(zcat talk.gz)``: its writer is there."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that is to be read."""

    path: Path
    error: str | None = None
    """Why it is not read."""
    is_named: bool = False
    """Whether it was given by its own name: then it has to be there."""


def files_of(path: Path) -> Iterator[Listed]:
    """The files of a path, in order.

    Raises RecordError where a pattern fits none, or where what is named is no file.
    """
    if path.is_dir():
        yield from _of_folder(path, path.resolve())
    elif not path.exists() and PATTERN & set(str(path)):
        yield from _of_pattern(path)
    else:
        error = None if path.parent == STREAMS else no_file(path)
        yield Listed(path, error, is_named=True)


def no_file(path: Path) -> str | None:
    """Why what is there is not read; None for a file, and for what is not there."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except OSError:
        return None
    if kind not in KINDS:
        return None
    return f"this is {KINDS[kind]} and no file: to read what comes through it, give - and < it"


def is_hidden(name: str) -> bool:
    """Whether a name is that of a file that is passed over in a folder or an archive."""
    return name.startswith((".", "__MACOSX"))


def _of_folder(folder: Path, root: Path) -> Iterator[Listed]:
    """The files of a folder and of those in it, by name; hidden ones are passed over.

    Parameters
    ----------
    folder
        Where it begins.
    root
        What was given, with its links resolved: nothing outside of it is read.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted([*folders, *names]):
            path = Path(place, name)
            is_wanted = path.suffix.lower() in SUFFIXES and not is_hidden(name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                yield _refused_link(path)
            elif is_wanted and path.exists() and not path.is_dir():
                yield Listed(path, no_file(path))


def _of_pattern(pattern: Path) -> Iterator[Listed]:
    """The files that a pattern fits, and those of the folders that it fits."""
    folder = _folder_of(pattern)
    root = folder.resolve()
    signs = str(pattern.relative_to(folder))
    paths = sorted(path for path in folder.glob(signs) if not _is_in_hidden(path, folder))
    if not paths:
        raise RecordError("no file has a name of this pattern", str(pattern))
    for path in paths:
        if not path.resolve().is_relative_to(root):
            yield _refused_link(path)
        elif path.is_dir():
            yield from _of_folder(path, root)
        elif path.exists():
            yield Listed(path, no_file(path))


def _is_in_hidden(path: Path, folder: Path) -> bool:
    return any(is_hidden(name) for name in path.relative_to(folder).parts)


def _folder_of(pattern: Path) -> Path:
    """The folder that a pattern looks into: what stands before its first sign."""
    for folder in pattern.parents:
        if not PATTERN & set(str(folder)):
            return folder
    return Path()


def _refused_link(path: Path) -> Listed:
    return Listed(path, "a link that leads out of the folder: not followed")
