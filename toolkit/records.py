"""JSON in and out: the one boundary where data from outside is validated, and the one file that is fsynced.

Whatever enters from a file, a wire or a model passes `decode`; whatever must survive a kill is a `JsonlFile`.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar
from uuid import uuid4

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from toolkit.errors import FieldbookError

T = TypeVar("T")

LOCK_TIMEOUT_S = 10.0


class RecordError(FieldbookError, ValueError):
    """A record that cannot be read: its file, its line (from 1), the field (as ``data.text``), and what was wrong."""

    def __init__(self, why: str, file: str | None = None, line: int | None = None, field: str | None = None):
        self.why, self.file, self.line, self.field = why, file, line, field
        place = ":".join(str(part) for part in (file, line) if part is not None)
        super().__init__(f"{place or 'record'}: {f'field {field}: ' if field else ''}{why}")


class Line(NamedTuple):
    """One line of a JSONL file: the record, or the error that says why there is none."""

    number: int
    record: Any
    error: RecordError | None


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def decode(kind: type[T], text: str | bytes, file: str | None = None, line: int | None = None) -> T:
    """Validate JSON `text` as `kind` (a dataclass, a pydantic model, a plain type), or raise a RecordError."""
    try:
        return _adapter(kind).validate_json(text)  # type: ignore[no-any-return]
    except ValidationError as error:
        raise _record_error(error, file, line) from None


def validate(kind: type[T], value: object, file: str | None = None, line: int | None = None) -> T:
    """Validate an already parsed `value` as `kind`, or raise a RecordError."""
    try:
        return _adapter(kind).validate_python(value)  # type: ignore[no-any-return]
    except ValidationError as error:
        raise _record_error(error, file, line) from None


def _record_error(error: ValidationError, file: str | None, line: int | None) -> RecordError:
    first = error.errors(include_url=False)[0]
    return RecordError(first["msg"], file, line, ".".join(map(str, first["loc"])) or None)


def encode(record: Any) -> str:
    """Write a record as one line of JSON; fields that are None are left out.

    >>> from toolkit.events import Event
    >>> encode(Event("s", "message", "user", {"text": "hi"}, "e1"))
    '{"session":"s","kind":"message","actor":"user","data":{"text":"hi"},"id":"e1"}'
    """
    return _adapter(type(record)).dump_json(record, exclude_none=True).decode()


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spare white space: the text that hashes are taken of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class JsonlFile:
    """An append-only file of records of a `kind`. `append` returns once they are fsynced; two processes may write it.

    A line that a crash tore (no newline at its end) was never acknowledged: it is cut off by the next append. The first
    write makes the folder, and beside the file a lock that stays.
    """

    def __init__(self, path: str | Path, kind: type):
        self.path, self.kind = Path(path), kind

    def append(self, *records: Any) -> None:
        """Write `records`, each a whole line, and fsync; a kill in between may leave the first of them alone.

        Raises TimeoutError where another process holds the lock for longer than `LOCK_TIMEOUT_S`.
        """
        text = "".join(encode(record) + "\n" for record in records).encode()
        changed = [] if self.path.exists() else _make_room(self.path)
        with FileLock(f"{self.path}.lock", timeout=LOCK_TIMEOUT_S), self.path.open("ab+") as file:
            end = _whole_lines_end(file)
            try:
                file.truncate(end)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
            _sync(changed)

    def lines(self) -> Iterator[Line]:
        """Each line with its record or its error; blank lines and a torn last line are passed over."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            yield from self.read(file)

    def read(self, texts: Iterable[bytes], first: int = 1) -> Iterator[Line]:
        """As `lines`, of `texts` that stand in the file from the line number `first` on."""
        for number, text in enumerate(texts, first):
            if not text.endswith(b"\n") or not text.strip():
                continue
            try:
                yield Line(number, decode(self.kind, text, str(self.path), number), None)
            except RecordError as error:
                yield Line(number, None, error)

    def records(self) -> Iterator[Any]:
        """Each record in order. Raises RecordError at the first bad line."""
        for line in self.lines():
            if line.error:
                raise line.error
            yield line.record


def write_whole(path: str | Path, text: str) -> None:
    """Make `text` the whole of the file at `path`, fsynced; what fails leaves the file as it was."""
    path, data = Path(path), text.encode()
    changed, draft = _make_room(path), path.with_name(f".{uuid4().hex}.tmp")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync(changed)
    finally:
        draft.unlink(missing_ok=True)


def _make_room(path: Path) -> list[Path]:
    """Make the folder of `path`. Returns each folder that gets a new name in it, `path` itself included."""
    new = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    return [path.parent, *(folder.parent for folder in new)]


def _sync(folders: list[Path]) -> None:
    """Fsync `folders`: the data of a file is of no use where a power cut takes its name."""
    for folder in folders if os.name == "posix" else ():
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _whole_lines_end(file: BinaryIO) -> int:
    """Offset just past the last newline of `file`."""
    if not file.seek(0, os.SEEK_END):
        return 0  # which cannot be mapped
    with mmap(file.fileno(), 0, access=ACCESS_READ) as text:
        return text.rfind(b"\n") + 1
