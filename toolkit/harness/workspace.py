"""Workspace: one folder that holds all that a build knows, so that any role can begin with a clean context."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from toolkit.errors import UsageError
from toolkit.harness.contract import Contract, ContractError, TextFile, read_contract
from toolkit.records import write_whole

SHOWN_CHARS = 20_000
BUILD_CHARS = 300_000


class WorkspaceError(UsageError):
    """A path that the workspace refuses, or a folder that is in use."""


def _confined(folder: Path, path: str) -> Path:
    """The place of `path` within `folder`, or a WorkspaceError."""
    inside = folder.resolve()
    place, portable = inside / path, not path.startswith("/") and not any(char in path for char in "\\:\0")
    if portable and inside in place.parents and place.resolve() == place:  # a link or a .. would resolve to another
        return place
    why = "it must be relative, stay within the folder and lead through no symbolic link"
    raise WorkspaceError(f"path {path!r} is refused: {why}")


def clip(text: str, chars: int = SHOWN_CHARS) -> str:
    r"""Head and tail of `text`, with a word on how much was left out.

    >>> clip("abcdefgh", 4)
    'ab\n[... 4 characters left out ...]\ngh'
    """
    if len(text) <= chars:
        return text
    return f"{text[: chars // 2]}\n[... {len(text) - chars} characters left out ...]\n{text[-(chars // 2) :]}"


def lay_files(folder: Path, files: Sequence[TextFile]) -> None:
    """Write `files` into `folder`, once all paths are found good.

    Raises WorkspaceError where one is absolute, climbs with ``..``, leads through a symbolic link or cannot be written.
    """
    try:
        places = [_confined(folder, file.path) for file in files]
        for file, place in zip(files, places, strict=True):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(file.content, encoding="utf-8", newline="")
    except OSError as error:
        raise WorkspaceError(f"not all files could be written: {error}".replace(str(folder), "build")) from None


class Workspace:
    """A folder: goal.md, spec.md, proposals/, contract.json, progress.md, checks/, findings/, journal.jsonl, build/.

    build/ belongs to the Generator. What it holds before the first run is kept in start/, and each run begins there.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path).resolve()
        self.build = self.path / "build"
        self.journal = self.path / "journal.jsonl"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs out of this folder. Raises WorkspaceError where one is at work in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / ".lock", timeout=0):
                yield
        except Timeout:
            raise WorkspaceError(f"{self.path}: another run is at work here; wait for it or use a new folder") from None

    def restart(self, goal: str) -> None:
        """Put build/ back to its start. Raises WorkspaceError, and changes nothing, where there is another goal."""
        if self.read("goal.md") not in (None, goal):
            raise WorkspaceError(f"{self.path}: it holds another goal, in goal.md; a new goal needs a new folder")
        start = self.path / "start"
        if not start.exists():
            self.build.mkdir(parents=True, exist_ok=True)
            self.build.rename(start)
        shutil.rmtree(self.build, ignore_errors=True)
        shutil.copytree(start, self.build, symlinks=True)
        self.write("goal.md", goal)
        self.write("progress.md", "")

    def write(self, name: str, value: Any) -> None:
        """Write a file of the workspace itself in one step: text as it is, all else as JSON."""
        text = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        write_whole(self.path / name, text)

    def read(self, name: str) -> Any:
        """A file of the workspace: the value of a ``.json``, the text of any other; None where there is none."""
        place = self.path / name
        text = place.read_bytes().decode() if place.is_file() else None
        return json.loads(text) if text is not None and place.suffix == ".json" else text

    def read_build(self) -> dict[str, str]:
        """The text of each file of build/ by its path, a long one clipped; symbolic links are not followed.

        It ends before `BUILD_CHARS`; ``/left-out``, which is no path of a build, then says how many files are missing.
        """
        places = sorted(place for place in self.build.rglob("*") if place.is_file() and not place.is_symlink())
        found, chars = dict[str, str](), 0
        for place in places:
            path = place.relative_to(self.build).as_posix()
            text = clip(place.read_text(encoding="utf-8", errors="replace"))
            chars += len(path) + len(text)
            if chars > BUILD_CHARS:
                left_out = f"{len(places) - len(found)} of {len(places)} files are not shown"
                return found | {"/left-out": f"{left_out}: a question holds {BUILD_CHARS:,} characters of them"}
            found[path] = text
        return found

    def freeze(self, contract: Contract) -> None:
        """Keep the frozen `contract`. Raises ContractError where the folder holds a different one, or a changed one."""
        place = self.path / "contract.json"
        if not place.exists():
            self.write(place.name, contract.to_json())
        if read_contract(place.read_text(encoding="utf-8"), str(place)) != contract:
            raise ContractError(f"{place}: another contract than both signed now; a new goal needs a new folder")
