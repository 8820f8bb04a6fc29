"""The panel of a build in a real JupyterLab: watched, steered, its evidence opened, and stopped in
mid-run.
"""

import shutil

import nbformat
import pytest

from tests.harness import watched

pytestmark = pytest.mark.browser

KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
CELLS = [
    """\
import asyncio

from IPython.display import display
from ipywidgets import Button

from toolkit.harness import Role
from toolkit.models import Answer
from toolkit.sessions import MemoryLog, Session
from toolkit.views import HarnessPanel
from watched import GOAL, Gated, gated_harness

session = Session(MemoryLog(), "build")
let_through = asyncio.Semaphore(0)

def button(n):
    made = Button(description=f"Let {n} through")
    made.on_click(lambda _: [let_through.release() for _ in range(n)])
    return made

display(HarnessPanel(session, "note", by="ada"), button(1), button(6))""",
    """\
reads = Gated(lambda _: Answer(data={"objections": ["It greets nobody."]}), gate=let_through)
tester = Role("tester", reads, "Look for what breaks.", {"files": "build/*"})
harness = gated_harness("note", session, let_through, roles=[tester])
run = asyncio.create_task(harness.run(GOAL))""",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_build_is_watched_steered_and_stopped_in_mid_run(
    scheme, lab, page, notebook, pictures
):
    from playwright.async_api import expect

    if scheme == "dark":
        lab.choose_theme("JupyterLab Dark")
    shutil.copy(watched.__file__, lab.folder / "watched.py")
    cells = [nbformat.v4.new_code_cell(code) for code in CELLS]
    book = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL}, cells=cells)
    nbformat.write(book, lab.folder / "harness.ipynb")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await notebook.open(lab, "harness.ipynb")
    await notebook.run_all()
    panel = page.locator(".fieldbook-harness")
    lanes = panel.locator(".lane")
    await expect(lanes.nth(0).locator(".state")).to_have_text("● at work")
    await expect(lanes).to_have_count(4)
    await expect(lanes.nth(3).locator("strong")).to_have_text("tester")

    await panel.focus()
    await page.keyboard.press("w")
    await page.keyboard.type("say hello in French")
    await page.keyboard.press("Enter")
    await expect(panel.get_by_text("say hello in French · not heard yet")).to_be_visible()
    await page.get_by_role("button", name="Let 6 through").click()
    await expect(panel.get_by_text("✓ ada asked: say hello in French · heard")).to_be_visible()
    await expect(panel.get_by_text("round 1 · 0 of 1 criterion holds")).to_be_visible()
    await expect(lanes.nth(1).locator(".state")).to_have_text("● at work")
    await expect(panel.locator(".badge", has_text="simulated")).to_be_visible()
    await expect(lanes.nth(3)).to_contain_text("It greets nobody.")
    await panel.evaluate("panel => panel.scrollIntoView({ block: 'start' })")
    await notebook.picture(pictures, f"harness-panel-1-{scheme}")

    await panel.focus()
    await page.keyboard.press("e")
    reader = panel.locator(".fieldbook-reader")
    await expect(reader.get_by_text('"stdout": "good day"')).to_be_visible()
    await notebook.picture(pictures, f"harness-panel-2-evidence-{scheme}")
    await page.keyboard.press("c")
    await expect(reader).to_be_hidden()

    await page.keyboard.press("s")
    await expect(panel.get_by_text("Stop the build?")).to_be_visible()
    await panel.get_by_role("button", name="Go on").click()
    await expect(panel.get_by_text("Stop the build?")).to_be_hidden()
    await expect(panel.get_by_text("● running")).to_be_visible()
    await page.keyboard.press("s")
    await panel.get_by_role("button", name="Stop the build").click()
    await expect(panel.get_by_text("■ stopped")).to_be_visible()
    await expect(panel.get_by_text("✓ ada asked: stop · heard")).to_be_visible()
    await expect(panel.get_by_role("button", name="Stop (S)")).to_be_disabled()
    await notebook.picture(pictures, f"harness-panel-3-stopped-{scheme}")
