"""Workspace: one folder that holds all that a build knows, so that any role can begin with a clean context."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

from toolkit.harness.contract import Contract, ContractError, TextFile, read_contract


class WorkspaceError(ValueError):
    """A path that the workspace refuses, or a folder that is in use."""


def confined(folder: Path, path: str) -> Path:
    """The place of `path` within `folder`.

    Raises WorkspaceError where it is absolute, climbs with ``..``, or leads through a symbolic link.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or "\\" in path or "\0" in path or ":" in path or ".." in parts:
        raise WorkspaceError(f"path {path!r} is refused: it must be relative and stay within the folder")
    place = folder
    for part in parts:
        place = place / part
        if place.is_symlink():
            raise WorkspaceError(f"path {path!r} is refused: {part} is a symbolic link")
    return place


def lay_files(folder: Path, files: Sequence[TextFile]) -> None:
    """Write `files` into `folder`. All paths are looked at before the first file is written.

    Raises WorkspaceError where one leaves the folder or cannot be written: a folder has its name, or it is too long.
    """
    try:
        places = [confined(folder, file.path) for file in files]
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
        """Begin `goal`: put build/ back to what it was before the first run, and leave no hand-off."""
        start = self.path / "start"
        if not start.exists():
            self.build.mkdir(parents=True, exist_ok=True)
            self.build.rename(start)
        shutil.rmtree(self.build, ignore_errors=True)
        shutil.copytree(start, self.build, symlinks=True)
        self.write("goal.md", goal)
        self.write("progress.md", "")

    def write(self, name: str, value: Any) -> None:
        """Write a file of the workspace itself in one step: text as it is, as ``spec.md``, all else as JSON."""
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        text = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        draft = place.with_name(f".{place.name}.{os.getpid()}.tmp")
        draft.write_text(text, encoding="utf-8", newline="")
        draft.replace(place)

    def read(self, name: str) -> Any:
        """A file of the workspace: the value of a ``.json``, the text of any other; None where there is none."""
        place = self.path / name
        if not place.is_file():
            return None
        text = place.read_text(encoding="utf-8")
        return json.loads(text) if place.suffix == ".json" else text

    def read_build(self) -> dict[str, str]:
        """The text of each file of build/, by its path; symbolic links are not followed."""
        places = sorted(place for place in self.build.rglob("*") if place.is_file() and not place.is_symlink())
        texts = (place.read_text(encoding="utf-8", errors="replace") for place in places)
        return {place.relative_to(self.build).as_posix(): text for place, text in zip(places, texts, strict=True)}

    def freeze(self, contract: Contract) -> None:
        """Keep the frozen `contract`. Raises ContractError where the folder holds a different one, or a changed one."""
        place = self.path / "contract.json"
        if not place.exists():
            self.write(place.name, contract.to_json())
        if read_contract(place.read_text(encoding="utf-8"), str(place)) != contract:
            raise ContractError(f"{place}: another contract than both signed now; a new goal needs a new folder")
