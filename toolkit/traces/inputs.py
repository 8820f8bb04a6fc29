"""What may be given to `read_traces`: a file, a folder, a pattern, a list of these, a DataFrame.

Nothing that is named in an archive is ever written anywhere.
"""

import codecs
import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic_core import to_jsonable_python

from toolkit.files import binary_kind, encoding_of
from toolkit.records import RecordError
from toolkit.traces.archive import Archive, read_gzip, too_large, unpacked_bound
from toolkit.traces.formats import Format
from toolkit.traces.ids import Taken

SUFFIXES = set(".json .jsonl .ndjson .csv .tsv .parquet .gz .zip .eval .traj".split())
"""The files of a folder that are read."""
PATTERN = set("*?[")
ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
GZIP_MARK = b"\x1f\x8b"
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
    """Why it cannot be read."""


def inputs(given: list[Any], formats: Formats) -> Iterator[Input]:
    """Each file of what was given: paths and DataFrames.

    Raises OSError where a file that is named is not there.
    """
    met: set[Path] = set()
    for path in given:
        if is_frame(path):
            yield Input("DataFrame", rows=frame_rows(path))
            continue
        real_path = Path(path).resolve()
        if real_path not in met:  # a file that is named twice is one
            met.add(real_path)
            yield from _of_path(Path(path), formats)


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


def _of_path(path: Path, formats: Formats) -> Iterator[Input]:
    if path.is_dir():
        yield from _of_folder(path, formats)
    elif not path.exists() and PATTERN & set(str(path)):
        yield from _of_pattern(str(path), formats)
    else:
        yield from _of_file(path, formats)


def _of_folder(folder: Path, formats: Formats) -> Iterator[Input]:
    """The files of a folder and of those in it, by name; hidden ones are passed over."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted([*folders, *names]):
            path = Path(place, name)
            if _leads_out(path, folder):
                yield Input(str(path), error="a link that leads out of the folder: not followed")
            elif path.is_symlink():
                continue  # what it leads to is met by its own name
            elif path.suffix.lower() in SUFFIXES and path.is_file() and not _is_hidden(name):
                yield from _of_file_among_others(path, formats)


def _of_file_among_others(path: Path, formats: Formats) -> Iterator[Input]:
    """As `_of_file`; that one may not be opened keeps no other from being read."""
    try:
        yield from _of_file(path, formats)
    except OSError as error:
        yield Input(str(path), error=f"it cannot be opened: {error.strerror or error}")


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX"))


def _leads_out(path: Path, folder: Path) -> bool:
    """Whether a link leads out of the folder that was given."""
    return path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())


def _of_pattern(pattern: str, formats: Formats) -> Iterator[Input]:
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - a pattern may be absolute
    files = [Path(name) for name in names if Path(name).is_file()]
    if not files:
        raise RecordError("no file has a name of this pattern", pattern)
    for path in files:
        yield from _of_file_among_others(path, formats)


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
            yield _of_bytes(name, content)
    except RecordError as error:
        yield Input(name, error=error.why)


def _of_archive(path: Path, formats: Formats) -> Iterator[Input]:
    """The records of a log that is an archive, or the members of another one."""
    with Archive(path) as archive:
        for format_ in formats.values():
            records = format_.archive(archive) if format_.archive else None
            if records is not None:
                yield Input(str(path), rows=records, form=format_)
                return
        if WORKBOOK in archive.names:
            raise RecordError("this looks like a workbook: save it as CSV")
        for member in archive.names:
            yield from _of_member(path, archive, member)


def _of_member(path: Path, archive: Archive, member: str) -> Iterator[Input]:
    name = f"{path}/{member}"
    if _leads_up(member):
        yield Input(name, error="a name that leads out of the archive: not read")
        return
    if any(map(_is_hidden, PurePosixPath(member).parts)):
        return
    try:
        content = archive.read(member)
        if content[:4] in ZIP_MARKS:
            raise RecordError("an archive in an archive: unpack it first")
        yield _of_bytes(name, content)
    except RecordError as error:
        yield Input(name, error=error.why)


def _leads_up(member: str) -> bool:
    """Whether the name of a member leads out of the folder that an archive is unpacked in."""
    names = member.replace("\\", "/").split("/")
    return ".." in names or names[0] == "" or names[0].endswith(":")


def _of_bytes(name: str, content: bytes) -> Input:
    """A file of text, or the rows of one that is not; gzip is unpacked.

    Raises RecordError where it is neither.
    """
    if content.startswith(GZIP_MARK):
        content = read_gzip(content)
    if content[257:262] == b"ustar":
        raise RecordError("this looks like a tar archive: unpack it, and give the folder")
    if content.startswith(b"PAR1"):
        return Input(name, rows=_parquet_rows(content))
    return Input(name, utf8(content))


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
