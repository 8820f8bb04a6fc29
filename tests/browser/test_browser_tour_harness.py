"""The command ``fieldbook tour --harness`` on the real server, in the real sandbox, with a real
Chromium in it; and the report that it leaves.

The build runs once for all of these tests.
"""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.browser.legible import unreadable
from toolkit.harness import read_contract
from toolkit.harness.demo.todo import DEFECTS

FIELDBOOK = Path(sys.executable).with_name("fieldbook")
TIMEOUT_S = 1700
"""A quiet machine needs a small part of it."""
pytestmark = [
    pytest.mark.timeout(TIMEOUT_S + 60),
    pytest.mark.browser,
    pytest.mark.nats,
    pytest.mark.sandbox,
]
VIEWPORTS = {"laptop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What the command counted, its folder, and its page."""
    folder = tmp_path_factory.mktemp("tour")
    run = subprocess.run(
        [FIELDBOOK, "tour", "--harness", "--json", "--out", folder],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout)
    page = folder / "harness.html"
    assert figures["report"] == str(page)
    return SimpleNamespace(
        figures=figures,
        told=run.stderr,
        folder=folder / "harness",
        path=page,
        page=page.read_text(),
    )


def test_three_defects_are_caught_live_and_mended_and_all_criteria_pass(built):
    figures = built.figures
    assert (figures["outcome"], figures["features"]) == ("complete", ["api", "page", "count"])
    assert (figures["defects_planted"], figures["defects_caught"]) == (3, 3)
    assert figures["passed"] == figures["criteria"] == 7
    assert figures["rounds"] == 6
    assert (figures["source"], figures["banner"]) == ("simulated", "")
    assert (
        0
        < figures["cost_usd"]
        == pytest.approx(sum(totals["cost_usd"] for totals in figures["ledger"]))
    )
    for line in ("sprint 2, round 1, evaluator: ticks-stay fail", "counts-open pass"):
        assert line in built.told


def test_what_is_built_holds_no_defect(built):
    for defect in DEFECTS:
        content = (built.folder / "build" / defect.file).read_text()
        assert defect.defective not in content
    assert "title.strip()" in (built.folder / "build/app.py").read_text()


@pytest.mark.parametrize(("sprint", "criterion"), [(2, "ticks-stay"), (3, "counts-open")])
def test_screenshots_of_red_and_of_green_are_evidence_in_the_workspace(built, sprint, criterion):
    folder = built.folder / f"sprints/{sprint}"
    contract = read_contract((folder / "contract.json").read_text())
    assert criterion in [promised.id for promised in contract.criteria]
    pictures = []
    for number in (1, 2):
        index = json.loads((folder / f"evidence/round-{number}/index.json").read_text())
        (end,) = [file for file in index[criterion] if file["name"] == "end.png"]
        png = (built.folder / end["path"]).read_bytes()
        assert png.startswith(b"\x89PNG")
        assert hashlib.sha256(png).hexdigest() == end["sha256"]
        pictures.append(png)
    assert pictures[0] != pictures[1]


def test_the_report_shows_each_contract_by_its_rounds_and_each_defect_with_its_evidence(built):
    page = built.page
    assert re.findall(r"<h2>(Sprint \d)", page) == ["Sprint 1", "Sprint 2", "Sprint 3"]
    rows = re.findall(r'<tr><td>.*?<span class="soft">([\w-]+), .*?</td>(.*?)</tr>', page)
    rounds = {id: re.findall(r">(\w+)</span>", cells) for id, cells in rows}
    assert len(rounds) == 7
    for id, grades in rounds.items():
        caught = id in [defect.caught_by for defect in DEFECTS]
        assert grades == ["red", "red" if caught else "green", "green"]
    assert len(re.findall(r"<h3>Caught: ", page)) == 3
    assert page.count('src="data:image/png;base64,') == 4
    assert "POST /api/todos" in page
    assert "Round 1: of earlier sprints 5 of 5 criteria still hold." in page
    assert "The three roles are simulated" in page
    assert "Simulated: no money was spent" in page
    assert "<script" not in page


def test_a_check_in_the_browser_says_what_it_looked_for_and_what_the_page_read(built):
    (why,) = re.findall(r"The check counts-open failed: ([^<]+)</p>", built.page)
    assert "looking for the text &#x27;1 open&#x27;: it is not there; the page reads" in why
    assert why.endswith("0 open”.")
    assert "promise is not kept" not in built.page


def test_the_report_leads_to_the_contracts_to_what_was_built_and_to_how_it_is_started(built):
    linked = re.findall(r'<a href="(harness/[^"]+)"', built.page)
    contracts = [f"harness/sprints/{sprint}/contract.json" for sprint in (1, 2, 3)]
    assert linked == [*contracts, "harness/build", "harness/sprints", "harness/progress.md"]
    assert [path for path in linked if not (built.path.parent / path).exists()] == []
    (_, onward) = built.page.split("<h2>What next?</h2>")
    start, *_ = re.findall("<code>([^<]+)</code>", onward)
    assert start.endswith(f"python {built.folder / 'build' / 'app.py'} 8765")


async def test_on_a_phone_a_criterion_is_as_wide_as_the_page_above_its_grades(built, chromium):
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page(viewport=VIEWPORTS["phone"])
        await page.goto(built.path.as_uri())
        row = page.locator(".contract tbody tr").first
        claim = await row.locator("td").nth(0).bounding_box()
        grade = await row.locator("td").nth(1).bounding_box()
        assert claim["width"] > 0.9 * VIEWPORTS["phone"]["width"]
        assert grade["y"] >= claim["y"] + claim["height"]
        await browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", list(VIEWPORTS))
async def test_the_report_can_be_read_on_a_laptop_and_a_phone_by_day_and_by_night(
    built, device, scheme, chromium, pictures
):
    from playwright.async_api import async_playwright, expect

    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page(viewport=VIEWPORTS[device], color_scheme=scheme)
        await page.goto(built.path.as_uri())
        assert await unreadable(page) == []
        screenshots = page.get_by_role("img", name="A screenshot of the app")
        await expect(screenshots).to_have_count(4)
        for screenshot in await screenshots.all():
            assert await screenshot.evaluate("image => image.naturalWidth") == 1000
        path = pictures / f"tour-harness-{device}-{scheme}.png"
        await page.screenshot(path=path, full_page=True)
        await browser.close()
