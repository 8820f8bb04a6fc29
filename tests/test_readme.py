"""The README's map names every room of the library, and none that is gone."""

import re
from pathlib import Path

from toolkit.traces.formats import known_formats

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


def test_the_table_of_exports_names_every_form():
    exports = (ROOT / "notebooks" / "pages" / "exports.md").read_text()
    assert [name for name in known_formats() if f"`{name}`" not in exports] == []
