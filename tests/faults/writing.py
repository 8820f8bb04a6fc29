"""The program that is killed in the middle of writing its workspace: before each change of a file or
a folder in turn. It prints what a run after each of these kills found, as JSON.
"""

import json
import os
import signal
import sys
from pathlib import Path

from toolkit.harness import TextFile, Workspace
from toolkit.harness.written import digest

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "open")
"""What Python tells of before it is done: reading is among it."""


def files(word: str) -> list[TextFile]:
    return [TextFile("notes/a.txt", word), TextFile("notes/b.txt", word), TextFile(word, word)]


def write(folder: Path) -> Workspace:
    """All that a build does with its folders: two sprints, and a pivot in the first."""
    workspace = Workspace(folder)
    workspace.restart("Notes.")
    workspace.begin_sprint()
    workspace.lay(files("first"))
    workspace.lay(files("second"))
    workspace.begin_again()
    workspace.lay(files("third"))
    workspace.adopt(is_last=False)
    workspace.begin_sprint()
    workspace.lay(files("fourth"))
    workspace.adopt()
    return workspace


def killed_before(folder: Path, nth: int) -> bool:
    """Write in a fork that is killed before its change number `nth`. Returns whether it was."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    count = 0

    def kill(event: str, arguments: tuple) -> None:
        nonlocal count
        if event in CHANGES:
            count += 1
            if count == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)
    write(folder)
    os._exit(0)


def main(root: Path) -> None:
    found = {}
    nth = 1
    while killed_before(root / str(nth), nth):
        folder = root / str(nth)
        workspace = write(folder)
        found[nth] = {"kept": workspace.kept, "build": digest(folder / "build")}
        nth += 1
    print(json.dumps({"whole": digest(root / str(nth) / "build"), "found": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
