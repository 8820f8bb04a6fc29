"""Packed bytes are unpacked within bounds, up to the place at which they are cut off or broken."""

import re
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import NamedTuple

from toolkit.records import RecordError

CHUNK_BYTES = 1 << 16
MOST_BYTES = 1 << 30
"""How much a file or a member may hold."""
MOST_BYTES_TOGETHER = 4 << 30
"""How much the members of an archive may hold together."""
ALWAYS_READ_BYTES = 64 << 20
MOST_TIMES = 300
"""How much larger than its compressed form it may be, above `ALWAYS_READ_BYTES`."""
GZIP_WINDOW = 31
DEFLATE_WINDOW = -15
"""What zlib calls the two ways of packing."""
STORED, DEFLATED = 0, 8
"""The methods of the members of a zip archive that are unpacked without its index."""
MEMBER_MARK = re.compile(rb"PK\x03\x04")
HEADER_BYTES = 30


class Unpacked(NamedTuple):
    """What was packed, or the begin of it."""

    content: bytes
    error: str | None
    """What is wrong at its end; None where it is all there."""


def unpacked_bound(packed_bytes: int) -> int:
    """How many bytes may come out of so many: more is a mistake, or a bomb."""
    return min(MOST_BYTES, max(ALWAYS_READ_BYTES, MOST_TIMES * packed_bytes))


def bound_together(archive_bytes: int) -> int:
    """How many bytes may come out of all members of an archive of so many."""
    return min(MOST_BYTES_TOGETHER, max(ALWAYS_READ_BYTES, MOST_TIMES * archive_bytes))


def too_large(bound: int) -> str:
    """What is said of an archive that holds more than it may."""
    return (
        f"it unpacks to more than {bound // 2**20:,} MB, as a bomb does: where you trust it, "
        "unpack it yourself, and give the files"
    )


def read_gzip(packed: bytes) -> Unpacked:
    """What gzip holds, one file after the other. Raises RecordError where it is far too large."""
    bound = unpacked_bound(len(packed))
    content = bytearray()
    at = 0
    while at < len(packed) and packed[at]:  # zeros may follow the last file
        unpacked, at = _inflated(packed, at, GZIP_WINDOW, bound - len(content))
        content += unpacked.content
        if unpacked.error is not None:
            return Unpacked(bytes(content), f"this looks like gzip that {unpacked.error}")
    return Unpacked(bytes(content), None)


def zstandard_chunks(packed: bytes) -> Iterator[bytes]:
    """What is packed with Zstandard, piece by piece.

    Raises RecordError where it is broken, or where the library is missing.
    """
    if not find_spec("zstandard"):
        raise RecordError(
            "it is compressed with Zstandard: install the extra, pip install 'fieldbook[inspect]'"
        )
    import zstandard

    decompressor = zstandard.ZstdDecompressor()
    try:
        with decompressor.stream_reader(packed, read_across_frames=True) as reader:
            while chunk := reader.read(CHUNK_BYTES):
                yield chunk
    except zstandard.ZstdError as error:
        raise RecordError(str(error)) from None


def read_zstandard(packed: bytes) -> Unpacked:
    """What Zstandard holds, up to where it is broken. Raises RecordError where it is too large."""
    bound = unpacked_bound(len(packed))
    content = bytearray()
    chunks = zstandard_chunks(packed)
    try:
        for chunk in chunks:
            content += chunk
            if len(content) > bound:
                break
    except RecordError as error:
        if not content:
            raise
        return Unpacked(bytes(content), f"this looks like Zstandard that is broken: {error.why}")
    if len(content) > bound:
        raise RecordError(too_large(bound))
    return Unpacked(bytes(content), None)


def members_before_cut(packed: bytes) -> Iterator[tuple[str, Unpacked]]:
    """The members of a zip archive whose index is missing: it stands at the end, and was cut off.

    Each is found by its own header. Raises RecordError where one is far too large, or where all
    are together.
    """
    at = 0
    left = bound_together(len(packed))
    while mark := MEMBER_MARK.search(packed, at):
        begin = mark.start()
        header = packed[begin : begin + HEADER_BYTES]
        if len(header) < HEADER_BYTES:
            return
        name_begin = begin + HEADER_BYTES
        name_end = name_begin + _number(header, 26, 2)
        name = packed[name_begin:name_end].decode(errors="replace")
        at = name_end + _number(header, 28, 2)
        method = _number(header, 8, 2)
        if method == DEFLATED:
            bound = min(left, unpacked_bound(len(packed) - at))
            unpacked, at = _inflated(packed, at, DEFLATE_WINDOW, bound)
        else:
            end = at + _number(header, 18, 4)
            content = packed[at:end] if method == STORED else b""
            unpacked = Unpacked(content, "may be cut short, for the index is missing")
            at = end
        left -= len(unpacked.content)
        yield name, unpacked


def _inflated(packed: bytes, begin: int, window: int, bound: int) -> tuple[Unpacked, int]:
    """What was packed from an offset on, and the offset of its end."""
    inflater = zlib.decompressobj(window)
    content = bytearray()
    at = begin
    while at < len(packed) and not inflater.eof:
        piece = packed[at : at + CHUNK_BYTES]
        try:
            content += inflater.decompress(piece, bound + 1)
        except zlib.error as error:
            return Unpacked(bytes(content), f"is broken ({error})"), at
        if len(content) > bound:
            raise RecordError(too_large(bound))
        at += len(piece) - len(inflater.unused_data)
    return Unpacked(bytes(content), None if inflater.eof else "is cut short"), at


def _number(header: bytes, offset: int, n_bytes: int) -> int:
    return int.from_bytes(header[offset : offset + n_bytes], "little")
