"""Files and texts that a model wrote: laid into a folder, and cut where they are long."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict

from toolkit.errors import UsageError

SHOWN_CHARS = 20_000


class WorkspaceError(UsageError):
    """A path that the workspace refuses, or a folder that is in use."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file, by its path within a folder: with forward slashes, never absolute, never
    upwards.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    path: str
    content: str


def path_within(folder: Path, path: str) -> Path:
    """The absolute path of `path` within `folder`, or a WorkspaceError."""
    inside = folder.resolve()
    target = inside / path
    is_portable = not path.startswith("/") and not any(char in path for char in "\\:\0")
    # Whoever runs git in the build would run what a .git of a model's says.
    is_plain = ".git" not in path.casefold().split("/")
    # A link or a .. would resolve to another path.
    if is_portable and is_plain and inside in target.parents and target.resolve() == target:
        return target
    why = "it must be relative, stay within the folder, and lead through no link and no .git"
    raise WorkspaceError(f"path {path!r} is refused: {why}")


def lay_files(folder: Path, files: Sequence[TextFile]) -> None:
    """Write `files` into `folder`, once all paths are found good.

    Raises WorkspaceError where one is absolute, climbs with ``..``, leads through a symbolic link
    or cannot be written.
    """
    try:
        targets = [path_within(folder, file.path) for file in files]
        for file, target in zip(files, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.content, encoding="utf-8", newline="")
    except OSError as error:
        raise WorkspaceError(
            f"not all files could be written: {error}".replace(str(folder), "build")
        ) from None


def clip(text: str, chars: int = SHOWN_CHARS) -> str:
    r"""Head and tail of `text`, with a word on how much was left out.

    >>> clip("abcdefgh", 4)
    'ab\n[... 4 characters left out ...]\ngh'
    """
    if len(text) <= chars:
        return text
    half = chars // 2
    left_out = f"[... {len(text) - chars} characters left out ...]"
    return f"{text[:half]}\n{left_out}\n{text[-half:]}"
