"""Workspace: one folder that holds all that a build knows, so that any role can begin with a clean context."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

from toolkit.harness.contract import Contract, TextFile, read_contract

MAX_FILE_BYTES = 256 * 1024
MAX_FILES = 64


class WorkspaceError(ValueError):
    """A path or a file that the workspace refuses, or a folder that is in use."""


def confined(folder: Path, path: str) -> Path:
    """The place of `path` within `folder`.

    Raises
    ------
    WorkspaceError
        Where it is absolute, climbs with ``..``, or leads through a symbolic link.
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


def write_text(place: Path, text: str) -> None:
    """Write `text` to `place` in one step: a reader, and a crash, see the old text or the new one."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    with draft.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(place)


def lay_files(folder: Path, files: Sequence[TextFile]) -> None:
    """Write `files` into `folder`. All are looked at before the first is written.

    Raises
    ------
    WorkspaceError
        Where a path leaves the folder or is taken by a folder, a file is over `MAX_FILE_BYTES`, or there are
        more than `MAX_FILES`.
    """
    if len(files) > MAX_FILES:
        raise WorkspaceError(f"{len(files)} files at once; at most {MAX_FILES} are taken")
    places = [confined(folder, file.path) for file in files]
    for file, place in zip(files, places, strict=True):
        if len(file.content.encode()) > MAX_FILE_BYTES:
            raise WorkspaceError(f"{file.path}: larger than {MAX_FILE_BYTES} bytes")
        if place.is_dir() or any(folder.joinpath(p).is_file() for p in place.relative_to(folder).parents):
            raise WorkspaceError(f"{file.path}: a file and a folder cannot have one name")
    for file, place in zip(files, places, strict=True):
        write_text(place, file.content)


class Workspace:
    """A folder: spec.md, proposals/, contract.json, progress.md, checks/, verdicts/, journal.jsonl, and build/.

    Parameters
    ----------
    path : str or Path
        The folder; made if it is not there. What build/ holds before the first run is kept in start/, and each
        run begins from there: build/ belongs to the Generator.
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

    def restart(self) -> None:
        """Put build/ back to what it was before the first run, and begin the hand-offs anew."""
        start = self.path / "start"
        if not start.exists():
            self.build.mkdir(parents=True, exist_ok=True)
            draft = self.path / "start.tmp"
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(self.build, draft, symlinks=True)
            draft.rename(start)
        shutil.rmtree(self.build, ignore_errors=True)
        shutil.copytree(start, self.build, symlinks=True)
        self.write("progress.md", "")

    def write(self, name: str, text: str) -> None:
        """Write a file of the workspace itself, as ``spec.md``, in one step."""
        write_text(confined(self.path, name), text)

    def write_json(self, name: str, value: Any) -> None:
        """Write `value` as JSON that people can read."""
        self.write(name, json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def read(self, name: str) -> str:
        """The text of a file of the workspace; empty where there is none."""
        place = confined(self.path, name)
        return place.read_text(encoding="utf-8") if place.is_file() else ""

    def read_json(self, name: str) -> Any:
        """The JSON of a file of the workspace; None where there is none."""
        text = self.read(name)
        return json.loads(text) if text else None

    def write_build(self, files: Sequence[TextFile]) -> None:
        """Write `files` into build/. Raises WorkspaceError as `lay_files` does."""
        lay_files(self.build, files)

    def read_build(self) -> tuple[TextFile, ...]:
        """The text files of build/, by path; symbolic links are not followed."""
        places = sorted(place for place in self.build.rglob("*") if place.is_file() and not place.is_symlink())
        return tuple(
            TextFile(place.relative_to(self.build).as_posix(), place.read_text(encoding="utf-8", errors="replace"))
            for place in places
        )

    def freeze(self, contract: Contract) -> None:
        """Keep the sealed `contract`. Raises ContractError where the folder holds a different one already."""
        if not self.read("contract.json"):
            self.write("contract.json", contract.to_json())
        self.contract().refuse_other(contract)

    def contract(self) -> Contract:
        """The frozen contract as the folder has it now. Raises ContractError where it was changed."""
        return read_contract(self.read("contract.json"), "contract.json")
