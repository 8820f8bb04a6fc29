"""History: a git commit for each turn that changed something, by the role whose turn it was.

It lies in history.git of the workspace. A run that plays back an earlier one finds its commits
there and goes on from them; where it comes to something else, the earlier ones stay on a branch.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from toolkit.events import fresh_id

PROGRAM = "git"
BRANCH = "refs/heads/main"
GIT_S = 30.0
SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "core.excludesFile=/dev/null",
    "core.attributesFile=/dev/null",
    "commit.gpgSign=false",
    "gc.auto=0",
)
"""Nothing of the machine's own settings, and nothing that a build could have run."""

LEFT_BEHIND = "index-*", "*.lock", "refs/heads/*.lock"
"""What a git that was killed leaves in the repository. Where a lock stays, no later git writes; no
run but this one is at work in the folder, so nobody needs it.
"""


class Commit(NamedTuple):
    """A commit that is there already."""

    sha: str
    tree: str
    author: str
    subject: str


class History:
    """The commits of one run. Where there is no git, or it fails, `missing` says so and nothing is
    committed.
    """

    def __init__(self, folder: Path, time: int | None):
        self.missing = "" if shutil.which(PROGRAM) else "no git here: the turns are not committed"
        self._folder = folder
        self._time = time
        self._earlier: list[Commit] = []
        self._parent: str | None = None
        self._parent_tree = ""
        self._number = 0
        self._attempt: set[str] = set()
        # Of this run alone: the git of a run that was killed may still be at work on its own.
        self._index = f"index-{fresh_id()}"

    async def begin(self) -> None:
        """Make the repository where there is none, and read what is in it."""
        await self._try(self._begin)

    async def commit(self, role: str, subject: str, names: Iterable[str]) -> None:
        """Commit the files of these `names`, which `role` has written in its turn, and the
        attempt.
        """
        await self._try(self._commit, role, subject, sorted(names))

    async def _try(self, work: Callable[..., None], *arguments: Any) -> None:
        if self.missing:
            return
        try:
            await asyncio.to_thread(work, *arguments)
        except (OSError, subprocess.SubprocessError) as error:
            self.missing = f"git failed, and later turns are not committed: {error}"

    def _begin(self) -> None:
        repository = self._folder / "history.git"
        for pattern in LEFT_BEHIND:
            for file in repository.glob(pattern):
                file.unlink(missing_ok=True)
        self._git("init", "--quiet", "--template=", "--initial-branch=main")
        self._git("read-tree", "--empty")
        if self._git("for-each-ref", BRANCH):
            log = self._git("log", "--reverse", "--format=%H%x00%T%x00%an%x00%s", "main")
            self._earlier = [Commit(*line.split("\0")) for line in log.splitlines()]

    def _commit(self, role: str, subject: str, names: list[str]) -> None:
        # File by file: git looks into no folder, and runs nothing that a build's own .git says.
        before = self._attempt
        self._attempt = self._files_of_attempt()
        changed = "\0".join([*sorted(before | self._attempt), *names])
        self._git("update-index", "--add", "--remove", "-z", "--stdin", stdin=changed)
        tree = self._git("write-tree")
        if tree == self._parent_tree:
            return
        self._parent = self._known(tree, role, subject) or self._new(tree, role, subject)
        self._parent_tree = tree
        self._number += 1

    def _files_of_attempt(self) -> set[str]:
        """The files of the attempt, but for those of a repository in it."""
        files = set()
        for path in (self._folder / "attempt").rglob("*"):
            name = path.relative_to(self._folder)
            is_file = path.is_symlink() or path.is_file()
            if is_file and ".git" not in name.parts:
                files.add(name.as_posix())
        return files

    def _known(self, tree: str, role: str, subject: str) -> str | None:
        """The commit of an earlier run that says the same, at the same point; None where it does
        not.
        """
        if self._number >= len(self._earlier):
            return None
        commit = self._earlier[self._number]
        if commit[1:] == (tree, role, subject):
            return commit.sha
        last = self._earlier[-1].sha
        self._git("update-ref", f"refs/heads/earlier-{last[:12]}", last)
        self._earlier = []
        return None

    def _new(self, tree: str, role: str, subject: str) -> str:
        parents: Sequence[str] = ("-p", self._parent) if self._parent else ()
        sha = self._git("commit-tree", tree, *parents, "-m", subject, author=role)
        self._git("update-ref", BRANCH, sha)
        return sha

    def _git(self, *arguments: str, author: str = "harness", stdin: str = "") -> str:
        settings = [part for setting in SAFE for part in ("-c", setting)]
        done = subprocess.run(
            [PROGRAM, *settings, *arguments],
            cwd=self._folder,
            env=self._environment(author),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=GIT_S,
        )
        if done.returncode:
            raise OSError(f"git {arguments[0]}: {done.stderr.strip()[:500]}")
        return done.stdout.strip()

    def _environment(self, author: str) -> dict[str, str]:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": os.devnull,
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_DIR": str(self._folder / "history.git"),
            "GIT_WORK_TREE": str(self._folder),
            "GIT_INDEX_FILE": str(self._folder / "history.git" / self._index),
        }
        for who in ("AUTHOR", "COMMITTER"):
            environment[f"GIT_{who}_NAME"] = author
            environment[f"GIT_{who}_EMAIL"] = f"{author}@fieldbook.invalid"
            if self._time is not None:
                environment[f"GIT_{who}_DATE"] = f"{self._time} +0000"
        return environment
