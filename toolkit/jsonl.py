"""JSON lines: the one file of records that is fsynced.

Whatever must survive a kill is a `JsonlFile`. Two processes may write it, and so may other
programs.
"""

import codecs
import json
import os
from collections.abc import Callable, Iterable, Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from filelock import FileLock

from toolkit.files import (
    encoding_of,
    full_disk_named,
    make_room,
    sync,
    write_or_undo,
    write_whole,
)
from toolkit.records import RecordError, decode, encode, read_text

LOCK_TIMEOUT_S = 10.0


class TornLine(RecordError):
    """The last line of a file, which has no line end and is no JSON: whoever wrote it was broken
    off.
    """


class FileChanged(OSError):
    """The file is not as its reader left it: another program has written it since."""


class Line(NamedTuple):
    """One line of a JSONL file: the record, or the error that says why there is none."""

    number: int
    record: Any
    error: RecordError | None


class Content(NamedTuple):
    """What a JSONL file holds at one moment."""

    lines: list[Line]
    """Each line that is not blank: its record, or its error."""
    end: int
    """The offset in bytes at which the next record goes: behind the last line that is not torn."""


class JsonlFile:
    """An append-only file of records of a `kind`. `append` returns once they are fsynced; two
    processes may write it.

    Another program may write it too: a byte-order mark, UTF-16, any line ends and a last line
    without one are read. A torn last line is no record, and a problem that `lines` names. The next
    append moves it to a file beside this one, named ``<file>.torn``. The first write makes the
    folder, and beside the file a lock that stays.
    """

    def __init__(self, path: str | Path, kind: type):
        self.path = Path(path)
        self.kind = kind

    def append(self, *records: Any, expected_end: int | None = None) -> int:
        """Write `records`, each a whole line, and fsync; a kill in between may leave the first of
        them alone.

        Parameters
        ----------
        *records
            Of this file's kind.
        expected_end : int, optional
            `Content.end` of what the caller knows. Nothing is written where the file has another
            end by now.

        Returns
        -------
        int
            The end of the file: `Content.end` from now on.

        Raises
        ------
        TimeoutError
            Where another process holds the lock for longer than `LOCK_TIMEOUT_S`.
        FileChanged
            Where the end is not the expected one.
        OSError
            Where the disk is full, among others. Nothing was written, and it may be tried again.
        RecordError
            Where the file is UTF-16 by its mark, and broken: appending would make it worse.
        """
        return self.append_lines([_line_of(record) for record in records], expected_end)

    def append_lines(self, lines: Iterable[bytes], expected_end: int | None = None) -> int:
        """As `append`, for records that are JSON already, without line ends."""
        text = b"".join(line + b"\n" for line in lines)
        changed = [] if self.path.exists() else make_room(self.path)
        with self._lock(), full_disk_named(self.path), self.path.open("ab+", buffering=0) as file:
            end, tail = _last_line(file)
            self._check_end(end, expected_end)
            if encoding_of(_head(file)) in {"utf-16", "utf-32"}:
                return self._append_in_utf8(text)
            if tail and _is_torn(tail):
                self._set_aside(tail)
                file.truncate(end)
            elif tail:
                text = b"\n" + text
            write_or_undo(file, end, text)
            sync(changed)
            return end + len(text)

    def remove(
        self, unwanted: Callable[[Any], bool], records: Iterable[Any], expected_end: int
    ) -> int:
        """Write the file anew without the records that are `unwanted`, and with `records` at its
        end.

        Lines that hold no record stay. A kill leaves the old file or the new one. Returns the new
        end; raises as `append` does.
        """
        with self._lock(), full_disk_named(self.path):
            raw = self.path.read_bytes()
            self._check_end(_end_of_lines(raw), expected_end)
            text = self.utf8(raw)
            gone = set()
            for line in self.read(text):
                if line.error is None and unwanted(line.record):
                    gone.add(line.number)
            kept = [line for n, line in enumerate(text.split(b"\n"), 1) if line and n not in gone]
            kept += map(_line_of, records)
            remaining = b"".join(line + b"\n" for line in kept)
            write_whole(self.path, remaining)
            return len(remaining)

    def _lock(self) -> FileLock:
        return FileLock(f"{self.path}.lock", timeout=LOCK_TIMEOUT_S)

    def _check_end(self, end: int, expected_end: int | None) -> None:
        if expected_end is not None and end != expected_end:
            raise FileChanged(f"{self.path} was written by another program since it was read")

    def _append_in_utf8(self, text: bytes) -> int:
        """Append to a file of UTF-16 or UTF-32, which becomes one of UTF-8."""
        before = read_text(self.path)
        if before and not before.endswith("\n"):
            before += "\n"
        content = before.encode() + text
        write_whole(self.path, content)
        return len(content)

    def _set_aside(self, torn: bytes) -> None:
        """Keep a torn line in the file beside this one."""
        aside = self.torn_path
        changed = [] if aside.exists() else [aside.parent]
        with aside.open("ab", buffering=0) as file:
            write_or_undo(file, file.seek(0, os.SEEK_END), torn + b"\n")
        sync(changed)

    @property
    def torn_path(self) -> Path:
        """Where torn lines are kept."""
        return self.path.with_name(f"{self.path.name}.torn")

    def lines(self) -> Iterator[Line]:
        """Each line with its record or its error; blank lines are passed over."""
        yield from self.content().lines

    def content(self) -> Content:
        """The lines, and where the next record goes."""
        if not self.path.exists():
            return Content([], 0)
        raw = self.path.read_bytes()
        return Content(list(self.read(self.utf8(raw))), _end_of_lines(raw))

    def utf8(self, raw: bytes) -> bytes:
        """`raw` as UTF-8 with newlines: without a mark, whatever line ends and encoding it came in.

        Of UTF-16 that is broken, what stands before the break; the rest is one line that cannot be
        read.
        """
        encoding = encoding_of(raw)
        if encoding in {"utf-16", "utf-32"}:
            try:
                raw = raw.decode(encoding).encode()
            except UnicodeDecodeError as error:
                raw = raw[: error.start].decode(encoding, "ignore").encode() + raw[error.start :]
        raw = raw.removeprefix(codecs.BOM_UTF8)
        if b"\r" in raw:
            raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return raw

    def read(self, text: bytes, first: int = 1) -> Iterator[Line]:
        """As `lines`, of a `text` of UTF-8 that stands in the file from the line number `first`
        on.
        """
        lines = text.split(b"\n")
        last = first + len(lines) - 1
        for number, line in enumerate(lines, first):
            if not line.strip():
                continue
            try:
                yield Line(number, decode(self.kind, line, str(self.path), number), None)
            except RecordError as error:
                is_torn = number == last and _is_torn(line)
                yield Line(number, None, self._torn(number) if is_torn else error)

    def _torn(self, number: int) -> TornLine:
        aside = self.torn_path.name
        why = f"the last line breaks off; the next line that is written moves it to {aside}"
        return TornLine(why, str(self.path), number)

    def records(self) -> Iterator[Any]:
        """Each record in order. Raises RecordError at the first bad line, but for a torn last
        one.
        """
        for line in self.lines():
            if line.error is None:
                yield line.record
            elif not isinstance(line.error, TornLine):
                raise line.error


def _line_of(record: Any) -> bytes:
    return encode(record).encode()


def _head(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(4)


def _last_line(file: BinaryIO) -> tuple[int, bytes]:
    """Where the next record goes, and what stands behind the last line end of `file`."""
    size = file.seek(0, os.SEEK_END)
    if not size:
        return 0, b""  # which cannot be mapped
    with mmap(file.fileno(), 0, access=ACCESS_READ) as text:
        return _end_of_lines(text), bytes(text[_start_of_last_line(text) :])


def _start_of_last_line(text: bytes | mmap) -> int:
    """Offset just past the last line end, which some old programs write as a lone carriage
    return.
    """
    newline = text.rfind(b"\n")
    return max(newline, text.rfind(b"\r", newline + 1)) + 1


def _end_of_lines(text: bytes | mmap) -> int:
    """Offset just past the last line that is not torn."""
    start = _start_of_last_line(text)
    return start if _is_torn(text[start:]) else len(text)


def _is_torn(line: bytes) -> bool:
    """Whether a last line without a line end is no JSON. A blank one is not torn."""
    line = line.removeprefix(codecs.BOM_UTF8)
    if not line.strip():
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return True
    return False
