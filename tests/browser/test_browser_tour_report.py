"""The command ``fieldbook tour`` without a server, and the report that it leaves, in a real Chromium.

The tour runs once for all of these tests.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.browser.legible import unreadable

FIELDBOOK = Path(sys.executable).with_name("fieldbook")
TIMEOUT_S = 300
"""A quiet machine needs a tenth of it."""
pytestmark = pytest.mark.timeout(TIMEOUT_S + 60)
NOWHERE = {"PATH": "/nowhere", "FIELDBOOK_NATS_SERVER": "/nowhere/nats-server"}
VIEWPORTS = {"laptop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """What the command printed, and its page."""
    folder = tmp_path_factory.mktemp("tour")
    run = subprocess.run(
        [FIELDBOOK, "tour", "--memory", "--out", folder],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env={**os.environ, **NOWHERE},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    page = folder / "tour.html"
    return SimpleNamespace(told=run.stdout, progress=run.stderr, path=page, page=page.read_text())


def test_the_tour_needs_no_server_with_memory(tour):
    assert "0 lost, 0 doubled, 0 out of order" in tour.told
    assert "simulated labels" in tour.told
    assert "The log was in memory, without a server" in tour.page
    assert "nats-server" not in tour.page


def test_the_tour_says_on_stderr_which_part_runs_and_how_far_and_ends_with_what_to_do(tour):
    lines = tour.progress.splitlines()
    assert all(re.fullmatch(r"\[[1-5] of 5\] [\w ,:]+ \(\d+ s\)", line) for line in lines)
    assert any(re.search(r"judging traces: \d+ of 324", line) for line in lines)
    assert any("finding topics" in line for line in lines)
    *_, harness = tour.told.splitlines()
    assert re.search(r"fieldbook tour --harness +Watch", harness)
    assert "fieldbook lab " in tour.told


def test_the_report_begins_with_three_results_and_folds_what_is_technical(tour):
    before_the_plots, _ = tour.page.split("<figure", 1)
    results = re.findall(r'class="figure">([^<]+)<small>([^<]+)', before_the_plots)
    assert [unit for _, unit in results] == ["lost of 1,0", "judged right", "new cases"]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", list(VIEWPORTS))
async def test_the_report_can_be_read_on_a_laptop_and_a_phone_by_day_and_by_night(
    tour, device, scheme, chromium, pictures, gallery
):
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page(viewport=VIEWPORTS[device], color_scheme=scheme)
        await page.goto(tour.path.as_uri())
        assert await unreadable(page) == []
        await page.screenshot(path=pictures / f"tour-report-{device}-{scheme}.png")
        if (device, scheme) == ("laptop", "light"):
            await page.screenshot(path=gallery / "tour-report.png")
        await browser.close()
