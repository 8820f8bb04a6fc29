"""JSON in and out: the one boundary where data from outside is validated.

Whatever enters from a file, a wire or a model passes `decode`. A text file that another program may
have written is read by `read_text`.
"""

import json
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from toolkit.errors import FieldbookError
from toolkit.files import binary_kind, encoding_of, newlines, write_whole

__all__ = [
    "RecordError",
    "canonical",
    "decode",
    "encode",
    "fingerprint",
    "read_text",
    "validate",
    "write_whole",
]

T = TypeVar("T")


class RecordError(FieldbookError, ValueError):
    """A record that cannot be read: its file, its line (from 1), the field (as ``data.text``), and
    what was wrong.
    """

    def __init__(
        self, why: str, file: str | None = None, line: int | None = None, field: str | None = None
    ):
        self.why = why
        self.file = file
        self.line = line
        self.field = field
        where = file or "record"
        if line is not None:
            where += f":{line}"
        if field:
            where += f": field {field}"
        super().__init__(f"{where}: {why}")


CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def decode(kind: type[T], text: str | bytes, file: str | None = None, line: int | None = None) -> T:
    """Validate JSON `text` as `kind` (a dataclass, a pydantic model, a plain type), or raise a
    RecordError. Its cause is the error of `kind` itself, where that refused the values.
    """
    try:
        return _adapter(kind).validate_json(text)  # type: ignore[no-any-return]
    except ValidationError as error:
        raise _record_error(error, file, line) from _refusal(error)


def validate(kind: type[T], value: object, file: str | None = None, line: int | None = None) -> T:
    """Validate an already parsed `value` as `kind`, or raise a RecordError."""
    try:
        return _adapter(kind).validate_python(value)  # type: ignore[no-any-return]
    except ValidationError as error:
        raise _record_error(error, file, line) from _refusal(error)


def _record_error(error: ValidationError, file: str | None, line: int | None) -> RecordError:
    first = error.errors(include_url=False)[0]
    return RecordError(first["msg"], file, line, ".".join(map(str, first["loc"])) or None)


def _refusal(error: ValidationError) -> ValueError | None:
    """The error that the record's own class raised; None where the form was at fault."""
    first = error.errors(include_url=False)[0]
    refusal = first.get("ctx", {}).get("error")
    return refusal if isinstance(refusal, ValueError) else None


def encode(record: Any) -> str:
    """Write a record as one line of JSON; fields that are None are left out.

    >>> from toolkit.events import Event
    >>> encode(Event("s", "message", "user", {"text": "hi"}, "e1"))
    '{"session":"s","kind":"message","actor":"user","data":{"text":"hi"},"id":"e1"}'
    """
    return _adapter(type(record)).dump_json(record, exclude_none=True).decode()


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spare white space: the text that hashes are taken of."""
    return CANONICAL.encode(value)


def fingerprint(value: Any) -> str:
    """The SHA-256 of the canonical JSON of `value`, in hex. Lone surrogates are escaped."""
    return sha256(canonical(value).encode("utf-8", "backslashreplace")).hexdigest()


def read_text(path: str | Path, errors: Literal["strict", "surrogateescape"] = "strict") -> str:
    r"""The text of a file that any program may have written, with ``\n`` for its line ends.

    It is UTF-8 with or without a byte-order mark, or UTF-16 or UTF-32 with one. With
    ``surrogateescape`` bytes that are no UTF-8 become lone surrogates, so that they cost the record
    that they stand in and no other.

    Raises
    ------
    RecordError
        With the file and the line of the first bytes that are none of these, or with the name of
        what it is instead of text.
    """
    raw = Path(path).read_bytes()
    kind = binary_kind(raw)
    if kind:
        raise RecordError(f"not UTF-8 text but {kind}", str(path))
    encoding = encoding_of(raw)
    is_utf8 = encoding.startswith("utf-8")
    try:
        text = raw.decode(encoding, errors if is_utf8 else "strict")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(encoding, "ignore")
        number = len(newlines(before).split("\n"))
        name = encoding.removesuffix("-sig").upper()
        why = f"byte {error.start} is not {name}: save the file as UTF-8"
        raise RecordError(why, str(path), number) from None
    return newlines(text)
