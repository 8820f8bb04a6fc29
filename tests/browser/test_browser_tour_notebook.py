"""Notebook 00 in a real JupyterLab in a real Chromium: it runs to its end, and its plots and panel
are there.
"""

import pytest

from toolkit.evals import LabelStore
from toolkit.tour.notebooks import lay_out_notebooks

pytestmark = [pytest.mark.browser, pytest.mark.nats, pytest.mark.timeout(600)]
WHOLE_RUN_MS = 400_000


async def test_the_ten_minute_tour_runs_and_its_panel_takes_a_label(lab, page, notebook, pictures):
    from playwright.async_api import expect

    lay_out_notebooks(lab.folder)  # without the outputs that are committed
    await notebook.open(lab, "00_a_ten_minute_tour.ipynb")
    await notebook.run_all()
    await expect(page.get_by_text("Not yet: a phone that missed")).to_be_visible(
        timeout=WHOLE_RUN_MS
    )
    await notebook.picture(pictures, "tour-4-exercise")

    for name, heading in (
        ("tour-1-delivery", "Where did the reader"),
        ("tour-3-alignment", "When the labels say fail"),
    ):
        await page.get_by_role("strong").get_by_text(heading).scroll_into_view_if_needed()
        await page.mouse.wheel(0, 300)
        await expect(
            page.locator(".jp-OutputArea-output :is(img, svg):visible").first
        ).to_be_visible()
        await notebook.picture(pictures, name)

    await page.get_by_role("button", name="Pass").scroll_into_view_if_needed()
    await page.get_by_label("Why").fill("Kept to the policy, and kindly.")
    await page.get_by_role("button", name="Pass").click()
    await expect(page.get_by_text("2 of 20 · 1 labelled")).to_be_visible()
    await notebook.picture(pictures, "tour-2-panel")
    (file,) = lab.out.glob("*.labels.jsonl")
    assert [label.rater_kind for label in LabelStore(file, make=True).labels()] == ["human"]
    assert (
        await page.locator(
            ".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']"
        ).count()
        == 0
    )
