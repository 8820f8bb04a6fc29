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
        if not (self._folder / "history.git").exists():
            self._git("init", "--quiet", "--template=", "--initial-branch=main")
        self._git("read-tree", "--empty")
        if self._git("for-each-ref", BRANCH):
            log = self._git("log", "--reverse", "--format=%H%x00%T%x00%an%x00%s", "main")
            self._earlier = [Commit(*line.split("\0")) for line in log.splitlines()]

    def _commit(self, role: str, subject: str, names: list[str]) -> None:
        self._git("rm", "--cached", "-r", "--quiet", "--ignore-unmatch", "--", "attempt")
        self._git("add", "--force", "--", "attempt", *names)
        tree = self._git("write-tree")
        if tree == self._parent_tree:
            return
        self._parent = self._known(tree, role, subject) or self._new(tree, role, subject)
        self._parent_tree = tree
        self._number += 1

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

    def _git(self, *arguments: str, author: str = "harness") -> str:
        settings = [part for setting in SAFE for part in ("-c", setting)]
        done = subprocess.run(
            [PROGRAM, *settings, *arguments],
            cwd=self._folder,
            env=self._environment(author),
            stdin=subprocess.DEVNULL,
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
        }
        for who in ("AUTHOR", "COMMITTER"):
            environment[f"GIT_{who}_NAME"] = author
            environment[f"GIT_{who}_EMAIL"] = f"{author}@fieldbook.invalid"
            if self._time is not None:
                environment[f"GIT_{who}_DATE"] = f"{self._time} +0000"
        return environment
