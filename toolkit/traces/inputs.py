"""What may be given to `read_traces`: a file, a folder, a pattern, a list of these, a DataFrame.

Nothing that is named in an archive is ever written anywhere.
"""

import codecs
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic_core import to_jsonable_python

from toolkit.files import binary_kind, encoding_of
from toolkit.records import RecordError
from toolkit.traces.archive import Archive, BrokenArchive
from toolkit.traces.formats import Format
from toolkit.traces.ids import Taken
from toolkit.traces.listing import Listed, files_of, is_hidden
from toolkit.traces.packed import (
    Unpacked,
    members_before_cut,
    read_gzip,
    read_zstandard,
    too_large,
    unpacked_bound,
)
from toolkit.traces.sse import is_stream, records_of

STDIN = "-"
"""What stands for that which comes in from another program."""
ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
GZIP_MARK = b"\x1f\x8b"
ZSTANDARD_MARK = b"\x28\xb5\x2f\xfd"
WORKBOOK = "[Content_Types].xml"
Formats = Mapping[str, Format]


@dataclass(frozen=True, slots=True)
class Input:
    """A file, or a member of an archive, that is to be read."""

    name: str
    content: bytes = b""
    """UTF-8 with newlines."""
    rows: Iterable[Mapping[str, Any]] | None = None
    """The records of a table or a log that is no text."""
    form: Format | None = None
    """The form of all its rows, where they are those of a log that is an archive."""
    error: str | None = None
    """Why it cannot be read; where there is a content, why that is not all of it."""
    path: str = ""
    """The file that was given, or the archive that it is in."""


def inputs(given: list[Any], formats: Formats) -> Iterator[Input]:
    """Each file of what was given: paths and DataFrames. One that is reached twice is read once.

    Raises OSError where a file that is named is not there.
    """
    met: set[Path] = set()
    for path in given:
        if is_frame(path):
            yield Input("DataFrame", rows=frame_rows(path))
        elif str(path) == STDIN:
            yield _of_stdin()
        else:
            for listed in files_of(Path(path)):
                real_path = listed.path.resolve()
                if real_path not in met:
                    met.add(real_path)
                    yield from _of_listed(listed, formats)


def given_paths(given: Any) -> list[Any]:
    """The paths or DataFrames of a list of them, or of one alone."""
    if isinstance(given, str | os.PathLike) or is_frame(given):
        return [given]
    return list(given)


def is_frame(given: object) -> bool:
    """Whether something is a DataFrame, which need not be imported to tell."""
    return hasattr(given, "columns") and hasattr(given, "to_dict")


def frame_rows(df: Any) -> list[dict[str, Any]]:
    """The rows of a DataFrame as JSON has them; what is missing is None."""
    taken = Taken()  # two columns of one name are two fields
    df = df.set_axis([taken.unused(str(name)) for name in df.columns], axis="columns")
    df = df.astype(object)
    rows = df.where(df.notna(), None).to_dict("records")
    return [to_jsonable_python(row, fallback=_plain_cell) for row in rows]


def _plain_cell(cell: Any) -> Any:
    """A cell of an array's or another library's type as Python's own, or as its text."""
    return cell.tolist() if hasattr(cell, "tolist") else str(cell)


def _of_stdin() -> Input:
    """What comes in from another program, or from a file by ``<``."""
    content = sys.stdin.buffer.read()
    if content[:4] in ZIP_MARKS:
        return Input("stdin", error="a zip archive is read from a file alone: give its name")
    try:
        return _of_bytes("stdin", STDIN, content)
    except RecordError as error:
        return Input("stdin", error=error.why)


def _of_listed(listed: Listed, formats: Formats) -> Iterator[Input]:
    """A file; that one among others may not be opened keeps none of them from being read."""
    name = str(listed.path)
    if listed.error is not None:
        yield Input(name, error=listed.error)
        return
    try:
        yield from _of_file(listed.path, formats)
    except OSError as error:
        if listed.is_named:
            raise
        yield Input(name, error=f"it cannot be opened: {error.strerror or error}")


def _of_file(path: Path, formats: Formats) -> Iterator[Input]:
    """The file, or the members of the archive that it is: told from its first bytes."""
    name = str(path)
    try:
        with path.open("rb") as file:  # once: it may be a pipe
            head = file.read(4)
            content = b"" if head in ZIP_MARKS else head + file.read()
        if head in ZIP_MARKS:
            yield from _of_archive(path, formats)
        else:
            yield _of_bytes(name, name, content)
    except RecordError as error:
        yield Input(name, error=error.why)


def _of_archive(path: Path, formats: Formats) -> Iterator[Input]:
    """The records of a log that is an archive, or the members of another one."""
    try:
        archive = Archive(path)
    except BrokenArchive as error:
        yield Input(str(path), error=f"{error.why}; what stands before the cut is read")
        for member, unpacked in members_before_cut(path.read_bytes()):
            yield from _of_member(path, member, unpacked)
        return
    with archive:
        for format_ in formats.values():
            records = format_.archive(archive) if format_.archive else None
            if records is not None:
                yield Input(str(path), rows=records, form=format_)
                return
        if WORKBOOK in archive.names:
            raise RecordError(
                "this looks like a workbook of Excel: save its sheet as CSV UTF-8 (File, Save As)"
            )
        for member in archive.names:
            try:
                unpacked = archive.read_to_cut(member)
            except RecordError as error:
                unpacked = Unpacked(b"", error.why)
            yield from _of_member(path, member, unpacked)


def _of_member(path: Path, member: str, unpacked: Unpacked) -> Iterator[Input]:
    name = f"{path}/{member}"
    content, error = unpacked
    if _leads_up(member):
        yield Input(name, error="a name that leads out of the archive: not read")
    elif any(map(is_hidden, PurePosixPath(member).parts)):
        return
    elif content[:4] in ZIP_MARKS:
        yield Input(name, error="an archive in an archive: unpack it first")
    else:
        try:
            yield _of_bytes(name, str(path), content, error and f"this member {error}")
        except RecordError as refused:
            yield Input(name, error=refused.why)


def _leads_up(member: str) -> bool:
    """Whether the name of a member leads out of the folder that an archive is unpacked in."""
    names = member.replace("\\", "/").split("/")
    return ".." in names or names[0] == "" or names[0].endswith(":")


def _of_bytes(name: str, path: str, content: bytes, error: str | None = None) -> Input:
    """A file of text, or the rows of one that is not; gzip is unpacked.

    An `error` says why the content may not be all of it. Raises RecordError where it is neither.
    """
    if content.startswith(GZIP_MARK):
        unpacked = read_gzip(content)
        content = unpacked.content
        error = unpacked.error or error
    elif content.startswith(ZSTANDARD_MARK):
        unpacked = read_zstandard(content)
        content = unpacked.content
        error = unpacked.error or error
    if content[257:262] == b"ustar":
        raise RecordError("this looks like a tar archive: unpack it, and give the folder")
    if content.startswith(b"PAR1"):
        return Input(name, rows=_parquet_rows(content), path=path)
    content = utf8(content)
    if is_stream(content):
        content = records_of(content)
    if error is not None:
        n_lines = content.count(b"\n") + 1
        error += f", in line {n_lines:,} (byte {len(content):,}): what comes after it is lost"
    return Input(name, content, error=error, path=path)


def utf8(content: bytes) -> bytes:
    """Text of any encoding that its first bytes name, as UTF-8 with newlines.

    Raises RecordError for what is no text.
    """
    kind = binary_kind(content)
    if kind:
        raise RecordError(f"this is not UTF-8 text; it looks like {kind}")
    encoding = encoding_of(content)
    if encoding in ("utf-16", "utf-32"):
        try:
            content = content.decode(encoding).encode()
        except UnicodeError as error:
            why = f"this looks like {encoding.upper()} that is cut short or broken: {error}"
            raise RecordError(f"{why}; save it as UTF-8") from None
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return content


def _parquet_rows(content: bytes) -> list[dict[str, Any]]:
    """The rows of Parquet.

    Raises RecordError where it cannot be read, or where pyarrow is missing.
    """
    try:
        from pyarrow import ArrowException, BufferReader, parquet
    except ImportError:
        why = "this looks like Parquet: install pyarrow to read it, as with `pip install pyarrow`"
        raise RecordError(why) from None
    bound = unpacked_bound(len(content))
    try:
        file = parquet.ParquetFile(BufferReader(content))
        groups = range(file.metadata.num_row_groups)
        claimed = sum(file.metadata.row_group(group).total_byte_size for group in groups)
        if claimed > bound:
            raise RecordError(too_large(bound))
        return frame_rows(file.read().to_pandas())
    except (ArrowException, OSError, ValueError, KeyError) as error:
        if isinstance(error, RecordError):
            raise
        raise RecordError(f"this looks like Parquet that is broken: {error}") from None
