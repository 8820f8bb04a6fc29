"""Archive: a zip file that is read member by member, within bounds, and never unpacked onto a disk.

What it says of itself, as its sizes and its names, is not relied on.
"""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from toolkit.records import RecordError
from toolkit.traces.decode import decode_at
from toolkit.traces.packed import (
    CHUNK_BYTES,
    Unpacked,
    bound_together,
    too_large,
    unpacked_bound,
    zstandard_chunks,
)

ZSTANDARD = 93
"""The method of members that Python's zipfile reads from 3.14 on only."""
LOCAL_HEADER_BYTES = 30
BROKEN = (BadZipFile, OSError, ValueError, zlib.error, EOFError, NotImplementedError, LookupError)
"""What the reader of an archive raises where it is broken or cut short."""


class BrokenArchive(RecordError):
    """An archive has no index that can be read, as one that is cut short."""


class Archive:
    """The members of a zip file. Raises RecordError where it is broken.

    A member's name is a key and no more: whatever stands in it, no file of that name is touched.
    """

    def __init__(self, path: str | Path):
        self.path = str(path)
        try:
            self._zip = ZipFile(path)
        except BROKEN as error:
            why = f"this looks like a zip archive that is cut short or broken: {error}"
            raise BrokenArchive(why, self.path) from None
        self._members = {info.filename: info for info in self._zip.infolist()}
        """By their names; of two with one name the last counts, as in any zip."""
        claimed = sum(info.file_size for info in self._members.values())
        bound = bound_together(Path(path).stat().st_size)
        if claimed > bound:
            raise RecordError(too_large(bound), self.path)

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the members, in the order of the archive; folders are none."""
        return tuple(name for name in self._members if not name.endswith("/"))

    def read(self, name: str) -> bytes:
        """What a member holds. Raises RecordError where it is broken, locked, or far too large."""
        unpacked = self.read_to_cut(name)
        if unpacked.error is not None:
            raise self._error(name, unpacked.error)
        return unpacked.content

    def read_to_cut(self, name: str) -> Unpacked:
        """What a member holds before the place at which it is broken or cut off.

        Raises RecordError where it is far too large.
        """
        info = self._members[name]
        bound = unpacked_bound(info.compress_size)
        if info.file_size > bound:
            raise self._error(name, too_large(bound))
        content = bytearray()
        error = None
        try:
            for chunk in self._chunks(info):
                content += chunk
                if len(content) > info.file_size:
                    raise self._error(name, "it holds more than it says")
        except RecordError:
            raise
        except BROKEN as broken:
            error = f"cannot be read: {broken}"
        except RuntimeError as locked:  # it wants a password
            error = str(locked)
        return Unpacked(bytes(content), error)

    def json(self, name: str) -> Any:
        """The JSON value in a member. Raises RecordError where there is none."""
        text = self.read(name).decode("utf-8-sig", errors="surrogateescape")
        decoded = decode_at(text, len(text) - len(text.lstrip()))
        if decoded.error:
            raise self._error(name, decoded.error)
        return decoded.value

    def _chunks(self, info: ZipInfo) -> Iterator[bytes]:
        if info.compress_type == ZSTANDARD and not hasattr(zipfile, "ZIP_ZSTANDARD"):
            yield from self._zstandard_chunks(info)
            return
        with self._zip.open(info) as member:
            while chunk := member.read(CHUNK_BYTES):
                yield chunk

    def _zstandard_chunks(self, info: ZipInfo) -> Iterator[bytes]:
        """The content of a member that is compressed with zstandard."""
        with Path(self.path).open("rb") as file:
            file.seek(_content_offset(file, info))
            compressed = file.read(info.compress_size)
        checksum = 0
        try:
            for chunk in zstandard_chunks(compressed):
                checksum = zlib.crc32(chunk, checksum)
                yield chunk
        except RecordError as error:
            raise self._error(info.filename, error.why) from None
        if checksum != info.CRC:
            raise self._error(info.filename, "its checksum is another: the file is damaged")

    def _error(self, name: str, why: str) -> RecordError:
        return RecordError(f"member {name} of the archive: {why}", self.path)


def _content_offset(file: IO[bytes], info: ZipInfo) -> int:
    """Where the content of a member begins: behind its own header, with a name and an extra."""
    file.seek(info.header_offset)
    header = file.read(LOCAL_HEADER_BYTES)
    if len(header) < LOCAL_HEADER_BYTES or header[:4] != b"PK\x03\x04":
        raise BadZipFile("its header is broken")
    name_bytes = int.from_bytes(header[26:28], "little")
    extra_bytes = int.from_bytes(header[28:30], "little")
    return info.header_offset + LOCAL_HEADER_BYTES + name_bytes + extra_bytes
