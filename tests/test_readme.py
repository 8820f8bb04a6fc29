"""The README's map has a line for every file of the library, and no line for a file that is gone."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_map_names_every_file_of_the_library():
    listed = subprocess.run(
        ["git", "ls-files", "toolkit"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    files = {path.removeprefix("toolkit/") for path in listed.stdout.split() if (ROOT / path).exists()}
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert files == {name for name, _ in rows}
    assert all(what.strip() for _, what in rows)
