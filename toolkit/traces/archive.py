"""Archive: a zip file that is read member by member, within bounds, and never unpacked onto a disk.

What it says of itself, as its sizes and its names, is not relied on. gzip has the same bounds.
"""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from toolkit.records import RecordError
from toolkit.traces.decode import decode_at

ZSTANDARD = 93
"""The method of members that Python's zipfile reads from 3.14 on only."""
LOCAL_HEADER_BYTES = 30
CHUNK_BYTES = 1 << 20
MOST_BYTES = 1 << 30
"""How much a member may hold."""
ALWAYS_READ_BYTES = 64 << 20
MOST_TIMES = 300
"""How much larger than its compressed form a member may be, above `ALWAYS_READ_BYTES`."""
MOST_BYTES_TOGETHER = 4 << 30
"""How much the members of an archive may hold together."""
BROKEN = (BadZipFile, OSError, ValueError, zlib.error, EOFError, NotImplementedError, LookupError)
"""What the reader of an archive raises where it is broken or cut short."""


def unpacked_bound(packed_bytes: int) -> int:
    """How many bytes may come out of so many: more is a mistake, or a bomb."""
    return min(MOST_BYTES, max(ALWAYS_READ_BYTES, MOST_TIMES * packed_bytes))


def read_gzip(packed: bytes) -> bytes:
    """What gzip holds. Raises RecordError where it is broken, cut short or far too large."""
    bound = unpacked_bound(len(packed))
    try:
        with gzip.GzipFile(fileobj=BytesIO(packed)) as stream:
            content = stream.read(bound + 1)
    except EOFError:
        raise RecordError("this looks like gzip that is cut short: get the file again") from None
    except (OSError, zlib.error) as error:
        raise RecordError(f"this looks like gzip that is broken: {error}") from None
    if len(content) > bound:
        raise RecordError(too_large(bound))
    return content


def too_large(bound: int) -> str:
    """What is said of an archive that holds more than it may."""
    return (
        f"it unpacks to more than {bound // 2**20:,} MB, as a bomb does: where you trust it, "
        "unpack it yourself, and give the files"
    )


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
            raise RecordError(why, self.path) from None
        self._members = {info.filename: info for info in self._zip.infolist()}
        """By their names; of two with one name the last counts, as in any zip."""
        claimed = sum(info.file_size for info in self._members.values())
        if claimed > MOST_BYTES_TOGETHER:
            raise RecordError(too_large(MOST_BYTES_TOGETHER), self.path)

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
        info = self._members[name]
        bound = unpacked_bound(info.compress_size)
        if info.file_size > bound:
            raise self._error(name, too_large(bound))
        content = bytearray()
        try:
            for chunk in self._chunks(info):
                content += chunk
                if len(content) > bound:
                    raise self._error(name, too_large(bound))
        except RecordError:
            raise
        except BROKEN as error:
            raise self._error(name, f"it cannot be read: {error}") from None
        except RuntimeError as error:  # it wants a password
            raise self._error(name, str(error)) from None
        return bytes(content)

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
        if not find_spec("zstandard"):
            raise self._error(
                info.filename,
                "it is compressed with zstandard: install the extra, pip install "
                "'fieldbook[inspect]'",
            )
        import zstandard

        with Path(self.path).open("rb") as file:
            file.seek(_content_offset(file, info))
            compressed = file.read(info.compress_size)
        checksum = 0
        decompressor = zstandard.ZstdDecompressor()
        try:
            with decompressor.stream_reader(compressed, read_across_frames=True) as reader:
                while chunk := reader.read(CHUNK_BYTES):
                    checksum = zlib.crc32(chunk, checksum)
                    yield chunk
        except zstandard.ZstdError as error:
            raise self._error(info.filename, str(error)) from None
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
