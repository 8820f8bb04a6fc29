"""The README's map names every room of the library, and none that is gone."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def names_in_map() -> set[str]:
    rows = re.findall(r"^\| (`[^|]+`) \| .+ \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    quoted = " ".join(row.strip("`") for row in rows)
    return {name.strip("`").rstrip("/") for name in quoted.split() if re.search(r"\.py$|/$", name)}


def test_the_map_names_every_room_of_the_library():
    rooms = set()
    for path in (ROOT / "toolkit").iterdir():
        if path.name.startswith("_"):
            continue
        if path.suffix == ".py" or (path / "__init__.py").exists():
            rooms.add(path.name)
    assert names_in_map() == rooms
