"""Files: written so that a kill, a power cut or a full disk leaves the old or the new, and read
whoever wrote them.
"""

import codecs
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
BINARY_KINDS = {
    b"\x1f\x8b": "gzip: unpack it first, as with `gunzip`",
    b"PK\x03\x04": "a zip archive (a workbook is one as well): unpack it, or save it as CSV",
    b"PAR1": "Parquet: read it with pandas.read_parquet, and give the frame to traces_from_frame",
    b"\x28\xb5\x2f\xfd": "Zstandard: unpack it first, as with `unzstd`",
    b"BZh": "bzip2: unpack it first, as with `bunzip2`",
    b"\xfd7zXZ": "xz: unpack it first, as with `unxz`",
    b"\xd0\xcf\x11\xe0": "an old workbook or document of Office: save it as CSV",
    b"SQLite format 3": "an SQLite database: save a table of it as CSV",
}
"""What a file is that begins with these bytes, and what to do with it."""
PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
PICKLE = "a pickle of Python, which may run anything when it is opened: save it as CSV or JSON"
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_whole(path: str | Path, text: str | bytes) -> None:
    """Make `text` the whole of the file at `path`, fsynced; what fails leaves the file as it was.

    A file that is there keeps its mode and its owner. A link stays a link, and the file that it
    leads to is written.
    """
    path = Path(path)
    data = text.encode() if isinstance(text, str) else text
    if (
        path.exists() and not path.is_file()
    ):  # a pipe or a device, which a rename would do away with
        path.write_bytes(data)
        return
    path = path.resolve()
    changed = make_room(path)
    draft = path.with_name(f".{uuid4().hex}.tmp")
    try:
        with full_disk_named(path), open(draft, "xb", opener=_private(path)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            _copy_owner_and_mode(path, draft)
        draft.replace(path)
        sync(changed)
    finally:
        draft.unlink(missing_ok=True)


def _private(path: Path) -> Callable[[str, int], int]:
    """How to open the draft of a file: what is there may be for its owner alone, and so is its
    draft until it has the same mode.
    """
    mode = 0o600 if path.exists() else 0o666
    return lambda name, flags: os.open(name, flags, mode)


def _copy_owner_and_mode(path: Path, draft: Path) -> None:
    known = path.stat()
    if os.name == "posix":
        with suppress(PermissionError):  # only root may give a file away
            os.chown(draft, known.st_uid, known.st_gid)
    draft.chmod(known.st_mode & 0o7777)


def make_room(path: Path) -> list[Path]:
    """Make the folder of `path`. Returns each folder that gets a new name in it, `path` itself
    included.
    """
    new = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    return [path.parent, *(folder.parent for folder in new)]


def sync(folders: list[Path]) -> None:
    """Fsync `folders`: the data of a file is of no use where a power cut takes its name."""
    for folder in folders if os.name == "posix" else ():
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Say in plain words that there is no room for what was to be written."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        why = f"disk full ({error.strerror}): nothing was written; make room, then write again"
        raise OSError(error.errno, why, str(path)) from error


def write_or_undo(file: Any, end: int, data: bytes) -> None:
    """Write `data` at the `end` of an unbuffered file, and fsync. Where that fails, not a byte of
    it stays.
    """
    try:
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]
        os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):  # the first error says more
            file.truncate(end)
        raise


def encoding_of(raw: bytes) -> str:
    """The encoding that the first bytes of a file tell."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if raw.startswith(mark):
            return encoding
    return "utf-8"


def shipped(folder: Literal["data", "notebooks"]) -> Path:
    """A folder that comes with the package: inside it where it is installed, beside it in a
    clone.
    """
    package = Path(__file__).resolve().parent
    inside = package / "_shipped" / folder
    return inside if inside.is_dir() else package.parent / folder


def clone() -> Path | None:
    """The folder of the clone that the package runs from; None where it is installed."""
    folder = Path(__file__).resolve().parents[1]
    return folder if (folder / "notebooks").is_dir() else None


def binary_kind(raw: bytes) -> str | None:
    """What the bytes of a file are, where they are no text; None where they may be text."""
    for mark, kind in BINARY_KINDS.items():
        if raw.startswith(mark):
            return kind
    if raw.startswith(PICKLES):
        return PICKLE
    if encoding_of(raw) == "utf-8" and b"\0" in raw[:16]:
        return f"bytes that begin with {raw[:12]!r}; save it as UTF-8 text"
    return None


def newlines(text: str) -> str:
    r"""`text` with ``\n`` for its line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
