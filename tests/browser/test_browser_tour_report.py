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
from toolkit.look import SIZES

FIELDBOOK = Path(sys.executable).with_name("fieldbook")
TIMEOUT_S = 900
"""A quiet machine needs a twentieth of it."""
pytestmark = pytest.mark.timeout(TIMEOUT_S + 60)
NOWHERE = {"PATH": "/nowhere", "FIELDBOOK_NATS_SERVER": "/nowhere/nats-server"}
WIDER_THAN_ITS_BOX = "plot => plot.parentElement.scrollWidth - plot.parentElement.clientWidth"
SMALLEST_TEXT_PX = """plot => {
  const scale = plot.getBoundingClientRect().width / plot.viewBox.baseVal.width;
  const sizes = [...plot.querySelectorAll("text")].map(text => parseFloat(getComputedStyle(text).fontSize));
  return scale * Math.min(...sizes);
}"""
WIDER_THAN_ITS_CAPTION = """plot => {
  const caption = plot.closest("figure").querySelector("figcaption");
  return Math.round(plot.getBoundingClientRect().width - caption.getBoundingClientRect().width);
}"""
"""What is drawn is as wide as the text: its edge is outside on both sides."""
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
    assert re.search(r"fieldbook tour --harness +Does it hold together", harness)
    assert "fieldbook lab " in tour.told


def test_the_report_begins_with_three_results_and_folds_what_is_technical(tour):
    before_the_plots, _ = tour.page.split("<figure", 1)
    results = dict(
        re.findall(r'class="result"><strong>([^<]+)</strong> ([^<]+)<', before_the_plots)
    )
    (lost, _), *rates, (n_cases, _) = results.items()
    assert re.fullmatch(r"lost of [\d,]{3,} events sent", results[lost])
    assert [unit for _, unit in rates] == ["of failures found", "of good ones passed"]
    assert (lost, results[n_cases]) == ("0", "new cases")
    assert len(re.findall(r'class="tile[ "]', before_the_plots)) == 3
    assert "simulated judge, against simulated labels" in before_the_plots
    for technical in ("by SHA-256", "is acknowledged", "reached their end"):
        assert f"{technical}</td>" in tour.page.split("<summary>How this was counted", 1)[1]
        assert technical not in before_the_plots


def test_the_report_names_its_three_questions_first_and_ends_with_what_next(tour):
    lead = tour.page.split('class="lead">')[1]
    assert lead.startswith("Three questions to an agent: does it arrive, is it good, and does it")
    headings = re.findall("<h2>([^<]+)</h2>", tour.page)  # the trace has some of its own
    assert headings[-1] == "What next?"
    assert "A trace, as it fell out of its session" in headings[:-1]
    assert "Simulated: the customers and the agent" in tour.page
    assert "Real: the Anthropic SDK" in tour.page


def test_the_trace_that_is_shown_has_its_label_and_its_wrong_step_is_marked(tour):
    (_, shown) = tour.page.split("A trace, as it fell out of its session</h2>")
    assert '<span class="pill failed">label: fail</span>' in shown
    assert "The mistake, as its source names it" in shown
    assert '<mark class="quote">refund</mark>' in shown
    assert 'pill ok">complete' not in shown


def test_under_each_plot_stands_what_to_see_and_at_the_end_what_next(tour):
    captions = re.findall(r"<figcaption>([^<]+)<", tour.page)
    assert "read on from its cursor" in captions[0]
    assert re.search(r"Of \d+ failures the judge lets \d+ through", captions[1])
    assert len(captions) == 3
    commands = re.findall(r"<code>((?:uv run )?fieldbook [^<]+)</code>", tour.page)
    assert [command.split("fieldbook ")[1] for command in commands] == [
        "lab",
        "view FILE",
        "lab --traces FILE",
        "serve --host 0.0.0.0",
        "tour --harness",
    ]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", list(VIEWPORTS))
async def test_the_report_can_be_read_on_a_laptop_and_a_phone_by_day_and_by_night(
    tour, device, scheme, chromium, pictures, gallery
):
    from playwright.async_api import async_playwright, expect

    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page(viewport=VIEWPORTS[device], color_scheme=scheme)
        await page.goto(tour.path.as_uri())
        assert await unreadable(page) == []
        plots = page.locator(".drawing svg:visible")
        await expect(plots).to_have_count(3)
        for plot in await plots.all():
            assert await plot.evaluate(WIDER_THAN_ITS_BOX) <= 0
            assert await plot.evaluate(SMALLEST_TEXT_PX) > 11
            assert await plot.evaluate(WIDER_THAN_ITS_CAPTION) == 2 * SIZES["space"]
        await page.screenshot(path=pictures / f"tour-report-{device}-{scheme}.png")
        await page.screenshot(path=pictures / f"tour-whole-{device}-{scheme}.png", full_page=True)
        if (device, scheme) == ("laptop", "light"):
            await page.screenshot(path=gallery / "tour-report.png")
        await browser.close()
