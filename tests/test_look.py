import re
from pathlib import Path

import pytest

import toolkit
from toolkit.look import INKS, SIZES, STYLE

HOUSE = Path(toolkit.__file__).parent
SHEETS = [
    HOUSE / name
    for name in (
        "render.css",
        "traces/page.css",
        "traces/viewer.css",
        "views/panels/look.css",
        "views/panels/reading.css",
        "views/panels/session.css",
        "views/panels/experiment.css",
    )
]
TOKENS = re.compile(r"--fb-[\w-]+:[^;}]+")


def test_the_inks_and_sizes_are_those_of_the_style_sheet():
    assert INKS["page"].light == "#fff"
    assert INKS["page"].dark == "#15181c"
    assert len(INKS) == len(re.findall(r"--fb-[\w-]+:light-dark", STYLE))
    assert (SIZES["space-s"], SIZES["space"], SIZES["space-l"], SIZES["radius"]) == (4, 8, 16, 8)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_style_sheet_takes_its_inks_and_sizes_of_text_by_name(sheet):
    rules = TOKENS.sub("", sheet.read_text(encoding="utf-8"))
    named = rules.replace("background:light-dark(#fff,#15181c);color-scheme", "")  # of html itself
    assert re.findall(r"#[0-9a-f]{3,6}\b(?=[;},) ])", named) == []
    assert re.findall(r"font(?:-size)?:\d+px", rules) == []
    assert set(re.findall(r"var\(--fb-([\w-]+)\)", rules)) <= {*INKS, *SIZES, "mono"}
