"""Workspace: one folder that holds all that a build knows, so that any role can begin with a clean
context.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from toolkit.harness.contract import Contract, ContractError, read_contract
from toolkit.harness.folders import copy_whole, draft_of, remove_whole
from toolkit.harness.sandbox.files import TextFile, WorkspaceError, clip, lay_files, path_within
from toolkit.harness.written import Written, digest
from toolkit.records import read_text, write_whole

BUILD_CHARS = 300_000


class Workspace:
    """A folder: goal.md, spec.md, proposals/, contract.json, progress.md, checks/, findings/,
    evidence/, journal.jsonl, build/.

    The Generator writes into attempt/, which begins anew in each run from start/: what build/ held
    before the first. An attempt becomes build/ when all of it has passed; until then the build/
    that was there stays. What somebody changed by hand, in build/, in attempt/ or in a file that is
    written anew, is kept in edits/.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path).resolve()
        self.build = self.path / "build"
        self.attempt = self.path / "attempt"
        self._written = Written(self.path)
        self.kept: list[str] = []
        """What this object has put into edits/, as ``build in edits/1``."""
        self._fresh: set[str] = set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs out of this folder. Raises WorkspaceError where one is at work in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / ".lock", timeout=0):
                yield
        except Timeout:
            raise WorkspaceError(
                f"{self.path}: another run is at work here; wait for it or use a new folder"
            ) from None

    def restart(self, goal: str) -> None:
        """Begin an attempt from the start. Raises WorkspaceError, and changes nothing, where there
        is another goal.
        """
        held = self.read("goal.md")
        if held is not None and _as_lines(held) != _as_lines(goal):
            raise WorkspaceError(
                f"{self.path}: it holds another goal, in goal.md; a new goal needs a new folder"
            )
        self._end_swap()
        start = self.path / "start"
        if not start.exists():
            self.build.mkdir(parents=True, exist_ok=True)
            copy_whole(self.build, start)
        self._written.note_folder(start)
        if self.attempt.exists():
            self._put_away(self.attempt, "attempt")
        copy_whole(start, self.attempt)
        if held != goal:
            self.write("goal.md", goal)
        self._fresh.add("goal.md")

    def lay(self, files: Sequence[TextFile]) -> None:
        """Write `files` into attempt/, all of them or none. Raises WorkspaceError as `lay_files`
        does.
        """
        draft = draft_of(self.attempt, self.attempt)
        lay_files(draft, files)
        self._written.note_folder(draft)
        remove_whole(self.attempt)
        draft.rename(self.attempt)

    def lay_beside(self, folder: str, files: Sequence[TextFile]) -> None:
        """Write `files` into a folder of the workspace itself. Raises WorkspaceError likewise."""
        inside = self.path / folder
        inside.mkdir(parents=True, exist_ok=True)
        for file in files:
            path_within(inside, file.path)
            self.write(f"{folder}/{file.path}", file.content)

    def begin_sprint(self) -> None:
        """Remember the attempt as it is: a pivot begins again from there."""
        base = self.path / "sprint"
        shutil.rmtree(base, ignore_errors=True)
        copy_whole(self.attempt, base)

    def begin_again(self) -> None:
        """Put the attempt back to where its sprint began."""
        self._put_away(self.attempt, "attempt")
        copy_whole(self.path / "sprint", self.attempt)

    @property
    def is_changed(self) -> bool:
        """Whether the attempt is something else than its sprint began as."""
        return digest(self.attempt) != digest(self.path / "sprint")

    def adopt(self, is_last: bool = True) -> None:
        """Make the attempt, all of which has passed, the build. A kill leaves the old one or the
        new one, whole.

        A run that plays back an earlier one comes to builds that stood here before. Before the last
        one, what came after them stays, unless somebody has changed it.
        """
        is_further_on = self.build.exists() and self._written.was_build(self.build)
        if not is_last and is_further_on and self._written.was_build(self.attempt):
            return
        self._written.note_folder(self.attempt, as_build=True)
        draft = draft_of(self.attempt, self.build)
        if self.build.exists():
            self.build.rename(self._before)
        draft.rename(self.build)
        self._end_swap()

    @property
    def _before(self) -> Path:
        """Where the old build stands while the new one takes its place."""
        return self.path / "build.before"

    def _end_swap(self) -> None:
        """Finish what a kill may have left of `adopt`."""
        if not self._before.exists():
            return
        if self.build.exists():
            self._put_away(self._before, "build")
        else:
            self._before.rename(self.build)

    def _put_away(self, folder: Path, name: str) -> None:
        """Remove a `folder` that holds what was made here; keep it in edits/ where somebody has
        changed it since.
        """
        if self._written.made(folder):
            remove_whole(folder)
        else:
            self._keep(folder, name)

    def _keep(self, path: Path, name: str) -> None:
        """Move a file or a folder into a new folder of edits/, for good."""
        edits = self.path / "edits"
        taken = [int(entry.name) for entry in edits.glob("*") if entry.name.isdigit()]
        number = max(taken, default=0) + 1
        target = edits / str(number) / name
        target.parent.mkdir(parents=True)
        path.rename(target)
        self.kept.append(f"{name} in edits/{number}")

    def write(self, name: str, value: Any) -> None:
        """Write a file of the workspace itself in one step: text as it is, all else as JSON.

        A file that somebody changed by hand since it was last written here is kept in edits/.
        """
        text = value
        if not isinstance(value, str):
            text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        path = self.path / name
        content = text.encode()
        is_same = path.is_file() and path.read_bytes() == content
        if not is_same and not self.is_as_written(name):
            self._keep(path, name.replace("/", "-"))
        self._written.note_file(name, content)
        write_whole(path, text)
        self._fresh.add(name)

    def take_fresh(self) -> set[str]:
        """The names of the files that were written since this was last asked."""
        fresh = self._fresh
        self._fresh = set()
        return fresh

    def is_as_written(self, name: str) -> bool:
        """Whether a file is as it was written here, or is not there."""
        return self._written.is_ours(name)

    def read(self, name: str) -> Any:
        """A file of the workspace: the value of a ``.json``, the text of any other; None where
        there is none.
        """
        path = self.path / name
        if not path.is_file():
            return None
        text = path.read_bytes().decode("utf-8-sig")
        return json.loads(text) if path.suffix == ".json" else text

    def read_build(self) -> dict[str, str]:
        """The text of each file of attempt/ by its path, a long one clipped; symbolic links are not
        followed.

        It ends before `BUILD_CHARS`; ``/left-out``, which is no path of a build, then says how many
        files are missing.
        """
        entries = sorted(self.attempt.rglob("*"))
        files = [entry for entry in entries if entry.is_file() and not entry.is_symlink()]
        texts: dict[str, str] = {}
        chars = 0
        for file in files:
            path = file.relative_to(self.attempt).as_posix()
            text = clip(file.read_text(encoding="utf-8", errors="replace"))
            chars += len(path) + len(text)
            if chars > BUILD_CHARS:
                texts["/left-out"] = (
                    f"{len(files) - len(texts)} of {len(files)} files are not shown: "
                    f"a question holds {BUILD_CHARS:,} characters of them"
                )
                break
            texts[path] = text
        return texts

    def freeze(self, contract: Contract, folder: str = "") -> None:
        """Keep the frozen `contract` in a `folder` of a sprint. Raises ContractError where it holds
        a different one, or a changed one.
        """
        name = f"{folder}contract.json"
        path = self.path / name
        if not path.exists():
            self.write(name, contract.to_json())
        if read_contract(read_text(path), str(path)) != contract:
            raise ContractError(
                f"{path}: another contract than both signed now; a new goal needs a new folder"
            )
        self._fresh.add(name)


def _as_lines(text: str) -> list[str]:
    """A text without what an editor changes when it saves: line ends, and blanks at the end."""
    return text.strip().splitlines()
