"""The experiment panel in a real JupyterLab: watched, paused, tuned, resumed and stopped."""

import nbformat
import pytest

pytestmark = pytest.mark.browser

KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
CELLS = [
    """\
import asyncio

from IPython.display import display
from ipywidgets import Button

from toolkit.evals.experiments import Case, evaluate
from toolkit.sessions import MemoryLog, Session
from toolkit.traces import Step, Trace
from toolkit.views import ExperimentPanel

store = Session(MemoryLog(), "experiment")
let_through = asyncio.Semaphore(0)

def button(n):
    made = Button(description=f"Let {n} through")
    made.on_click(lambda _: [let_through.release() for _ in range(n)])
    return made

display(ExperimentPanel(store, by="ada"), button(2), button(5))""",
    """\
async def agent(case):
    await let_through.acquire()
    answer = f"answer {case.id}" if int(case.id[1:]) % 3 else "<img src=x onerror=alert(1)> no"
    steps = (Step("1", "message", "user", case.input), Step("2", "message", "assistant", answer))
    return Trace(f"trace of {case.id}", steps, source="simulated")

def right(trace, case):
    return case.id in trace.text()

cases = [Case(f"c{n}", f"question {n}") for n in range(40)]
run = asyncio.create_task(
    evaluate(agent, cases, [right], trials=2, concurrency=4, store=store, name="refunds")
)
for _ in range(30):
    let_through.release()""",
]


async def test_an_experiment_is_watched_paused_tuned_resumed_and_stopped(
    lab, page, notebook, pictures
):
    from playwright.async_api import expect

    cells = [nbformat.v4.new_code_cell(code) for code in CELLS]
    book = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL}, cells=cells)
    nbformat.write(book, lab.folder / "experiment.ipynb")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await notebook.open(lab, "experiment.ipynb")
    await notebook.run_all()
    panel = page.locator(".fieldbook-experiment")
    await expect(panel.get_by_text("30 of 80 trials done · 4 running")).to_be_visible()
    await expect(panel.get_by_text("● running")).to_be_visible()
    await expect(panel.locator(".badge", has_text="simulated")).to_be_visible()
    rate = "The pass rate is 0.67 after 30 of 80 trials"
    await expect(panel.get_by_role("img", name=rate)).to_be_visible()
    await panel.evaluate("panel => panel.scrollIntoView({ block: 'start' })")
    await notebook.picture(pictures, "experiment-panel-1-running")

    await panel.focus()
    await page.keyboard.press("p")
    await expect(panel.get_by_text("✓ ada asked: pause · heard")).to_be_visible()
    await expect(panel.get_by_text("‖ paused")).to_be_visible()
    await page.get_by_role("button", name="Let 2 through").click()
    await expect(panel.get_by_text("32 of 80 trials done · 2 running")).to_be_visible()
    await notebook.picture(pictures, "experiment-panel-2-paused")

    await panel.focus()
    await page.keyboard.press("+")
    await expect(panel.get_by_text("✓ ada asked: concurrency 5 · heard")).to_be_visible()
    await expect(panel.get_by_text("5 at once")).to_be_visible()
    await expect(panel.get_by_text("32 of 80 trials done · 2 running")).to_be_visible()
    await panel.get_by_role("button", name="Resume (P)").click()
    await expect(panel.get_by_text("✓ ada asked: resume · heard")).to_be_visible()
    await expect(panel.get_by_text("32 of 80 trials done · 5 running")).to_be_visible()

    await page.keyboard.press("f")
    reader = panel.locator(".fieldbook-reader")
    await expect(reader.get_by_text("<img src=x onerror=alert(1)> no").first).to_be_visible()
    await notebook.picture(pictures, "experiment-panel-3-trace")
    await page.keyboard.press("c")
    await expect(reader).to_be_hidden()

    await page.keyboard.press("s")
    await expect(panel.get_by_text("Stop the experiment? 5 under way.")).to_be_visible()
    await panel.get_by_role("button", name="Go on").click()
    await expect(panel.get_by_text("Stop the experiment?")).to_be_hidden()
    await page.keyboard.press("s")
    await panel.get_by_role("button", name="Let them end").click()
    await expect(panel.get_by_text("✓ ada asked: stop · heard")).to_be_visible()
    await expect(panel.get_by_text("◐ stopping")).to_be_visible()
    await page.get_by_role("button", name="Let 5 through").click()
    await expect(panel.get_by_text("Ada stopped the experiment. To go on, call")).to_be_visible()
    await expect(panel.get_by_text("37 of 80 trials done")).to_be_visible()
    await expect(panel.get_by_role("button", name="Pause (P)")).to_be_disabled()
    await panel.evaluate("panel => panel.scrollIntoView({ block: 'start' })")
    await notebook.picture(pictures, "experiment-panel-4-stopped")
