"""Each panel on Harbor's data, in a real JupyterLab of 1280 x 800, in the light and in the dark: the
pictures of the README, and what is measured on them.
"""

import os
import re
from pathlib import Path

import nbformat
import pytest

from tests.browser.legible import UNREADABLE

pytestmark = pytest.mark.browser

PANELS = {
    "annotate": """\
from toolkit.evals import Label, LabelStore
from toolkit.harbor import load_labels, load_traces
from toolkit.views import AnnotationPanel

traces = load_traces()
of_robin = {label.trace_id: label for label in load_labels() if label.rater == "sim-robin"}
failed = [trace for trace in traces if of_robin[trace.id].verdict == "fail"]
refused = [trace for trace in failed if any(step.data.get("error") for step in trace.steps)][:20]
reasons = ["Ignores a condition", "Tells of another customer", "Invents a rule", "Acts twice", "Acts twice"]
store = LabelStore("annotate.jsonl", make=True)
for trace, why in zip(refused, [*reasons, "Ignores a condition"]):
    store.add(Label(trace.id, "ada", "fail", why))
AnnotationPanel(refused, store=store, rater="ada")""",
    "browse": """\
from toolkit.harbor import load_traces
from toolkit.views import TraceBrowser

TraceBrowser(load_traces(), store="browse.jsonl", rater="ada")""",
    "coding": """\
from toolkit.evals import Codebook, cluster_reasons
from toolkit.harbor import load_labels, load_traces
from toolkit.views import CodingPanel

traces = load_traces()
labels = [label for label in load_labels() if label.verdict == "fail"][:40]
book = Codebook("coding.jsonl", labels)
words = {"tone": "voice way reply", "invented rule": "rule terms invention", "privacy": "privacy data third"}
words |= {"wrong refund": "refund sums", "acts twice": "again once twice second"}
for label in labels[4:]:
    for code, signs in words.items():
        if set(signs.split()) & set(label.why.lower().replace(".", "").split()):
            book.code(label.id, code, by="ada")
book.suggest({"condition ignored": [labels[0].id]}, by="TF-IDF clusters")
CodingPanel(book, traces, by="ada")""",
    "rubric": """\
from toolkit.evals import Criterion, Rubric
from toolkit.harbor import load_labels, load_traces
from toolkit.views import RubricPanel

labels = [label for label in load_labels() if label.rater == "sim-robin"][:14]
draft = Rubric(
    "harbor support",
    "Did the assistant do right by this customer, under the shop's policy?",
    (
        Criterion("once", "No tool is called twice for the same thing.", "no_repeated_calls"),
        Criterion("answers", "The person is not left without an answer.", "answered"),
    ),
)
RubricPanel(draft, load_traces(), labels, path="rubric.md")""",
    "session": """\
import asyncio
from dataclasses import replace

from toolkit.harbor import World, converse, harbor_policy, situations
from toolkit.models import ScriptedModel
from toolkit.sessions import MemoryLog, Session
from toolkit.views import SessionPanel

def slowly(request):
    return replace(harbor_policy(request), delay_s=0.15)

async def talk(session, situation):
    with World.open(now=situation.now) as world:
        await converse(session, situation, ScriptedModel(slowly), world, window_s=0)

session = Session(MemoryLog(), "harbor")
async def drop(screen):
    await screen.surface.wait_for(lambda conversation: "on its way" in conversation.text, 300)
    await screen.surface.disconnect()  # in the middle of the answer, however busy the machine is

panel = SessionPanel(session)
task = asyncio.create_task(talk(session, situations()["tandem-with-cold-feet"]))
dropping = asyncio.create_task(drop(panel.screens[1]))
panel""",
    "adjudicate": """\
from toolkit.harbor import load_traces
from toolkit.harbor.files import DATA, LABELS
from toolkit.views import AdjudicationPanel

AdjudicationPanel(load_traces(), [DATA / LABELS], store="adjudicate.jsonl", rater="cy")""",
    "experiment": """\
import asyncio

from toolkit.evals.experiments import Case, evaluate
from toolkit.evals.scorers import answered, no_repeated_calls, tools_succeeded
from toolkit.harbor import load_traces
from toolkit.sessions import MemoryLog, Session
from toolkit.views import ExperimentPanel

traces = load_traces()[:120]
by_case = {f"talk-{n // 2:02}": traces[n : n + 2] for n in range(0, 120, 2)}
let_through = asyncio.Semaphore(84)

async def replay(case, trial):
    await let_through.acquire()
    return by_case[case.id][trial]

cases = [Case(id_, "a talk at the front desk") for id_ in by_case]
scorers = [no_repeated_calls, tools_succeeded, answered]
store = Session(MemoryLog(), "experiment")
task = asyncio.create_task(
    evaluate(replay, cases, scorers, trials=2, concurrency=6, store=store, name="front desk, v1")
)
ExperimentPanel(store, by="ada")""",
}
FIRST_S = 120
"""How long a kernel may take for its imports, on a busy machine."""
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
CUT_OFF = """\
panel => {
  const found = [];
  const walk = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (element.closest("style, option, button, .fieldbook-table")) continue; // these end in dots, or scroll
    let dotted = element;
    while (dotted !== panel && getComputedStyle(dotted).textOverflow !== "ellipsis") dotted = dotted.parentElement;
    if (dotted !== panel) continue; // it ends in dots
    const range = document.createRange();
    range.selectNodeContents(walk.currentNode);
    const place = element.closest(".fieldbook-side, .fieldbook-frame, .fieldbook-glass") ?? panel;
    if (range.getBoundingClientRect().right > place.getBoundingClientRect().right + 1)
      found.push(`cut off: ${walk.currentNode.textContent.slice(0, 60)}`);
  }
  if (panel.scrollWidth > panel.clientWidth + 1) found.push("the panel is wider than its place");
  return found;
}"""
"""What of a panel goes beyond its part of it, on the right."""


def cell(code):
    """A cell whose code is folded away."""
    return nbformat.v4.new_code_cell(code, metadata={"jupyter": {"source_hidden": True}})


@pytest.fixture
def gallery(pictures) -> Path:
    """Where the README's pictures go: FIELDBOOK_PICTURES keeps them."""
    folder = Path(os.environ.get("FIELDBOOK_PICTURES") or pictures)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def annotate(page, panel, expect):
    await panel.focus()
    await page.keyboard.press("e")
    await page.keyboard.press("s")
    await expect(panel.get_by_role("button", name="Unset")).to_be_visible()
    await page.keyboard.press("2")
    await expect(panel.get_by_text("now write why, Enter saves")).to_be_visible()
    await page.keyboard.type("Refunds a second time; the shop refuses it")


async def browse(page, panel, expect):
    await panel.locator(".fieldbook-search input").fill("refund")
    await page.keyboard.press("Enter")
    fewer = re.compile(r"\b(\d+) of (?!\1\b)\d+ traces")
    await expect(panel.get_by_text(fewer).first).to_be_visible()
    await panel.locator("tbody tr").nth(2).click()
    await expect(panel.locator("mark:visible").first).to_be_visible()


async def coding(page, panel, expect):
    await panel.get_by_role("button", name="Confirm (C)").click()
    await expect(panel.get_by_text("condition ignored is confirmed")).to_be_visible()


async def rubric(page, panel, expect):
    box = panel.locator("textarea")
    await expect(panel.get_by_text("saved:")).to_contain_text("agree")
    extra = "criteria:\n- id: feasible\n  text: It looks first what can be done.\n  rule: tools_succeeded\n"
    await box.fill((await box.input_value()).replace("criteria:\n", extra))
    await box.blur()
    await expect(panel.get_by_text("edited, not saved")).to_be_visible()
    await expect(panel.get_by_text("your edit: 10 of 14 agree")).to_be_visible()
    await panel.get_by_role("button", name="feasible").click()
    await expect(panel.get_by_label("What holds")).to_be_visible()


async def session(page, panel, expect):
    await expect(panel.get_by_text("○ away")).to_have_count(1)
    laptop = panel.locator(".fieldbook-of-laptop")
    await expect(laptop.get_by_text("allow 3 to 5 working days")).to_be_visible()
    phone = panel.locator(".fieldbook-of-phone")
    await expect(phone.get_by_text("on its way")).to_be_visible()
    await expect(phone.get_by_text("allow 3 to 5 working days")).to_have_count(0)


async def adjudicate(page, panel, expect):
    await expect(panel.get_by_text("raters agree on")).to_be_visible()


async def experiment(page, panel, expect):
    await expect(panel.get_by_text("84 of 120 trials done · 6 running")).to_be_visible()
    await panel.focus()
    await page.keyboard.press("-")
    await expect(panel.get_by_text("✓ ada asked: concurrency 5 · heard")).to_be_visible()
    await page.keyboard.press("p")
    await expect(panel.get_by_text("✓ ada asked: pause · heard")).to_be_visible()
    rate = re.compile("The pass rate is .* after 84 of 120 trials")
    await expect(panel.get_by_role("img", name=rate)).to_be_visible()


ACTS = {"annotate": annotate, "browse": browse, "coding": coding, "rubric": rubric}
ACTS |= {"session": session, "adjudicate": adjudicate}
ACTS |= {"experiment": experiment}


@pytest.mark.timeout(600)  # seven panels in one window, on a busy machine
@pytest.mark.parametrize("theme", ["Light", "Dark"])
async def test_each_panel_can_be_read_in_a_window_of_1280_by_800(
    theme, lab, page, notebook, pictures, gallery
):
    from playwright.async_api import expect

    lab.choose_theme(f"JupyterLab {theme}")
    book = nbformat.v4.new_notebook(
        metadata={"kernelspec": KERNEL}, cells=[cell(code) for code in PANELS.values()]
    )
    nbformat.write(book, lab.folder / "panels.ipynb")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await notebook.open(lab, "panels.ipynb")
    await page.locator(".jp-SideBar.jp-mod-left li").first.click()  # the list of files folds away
    await notebook.run_all()
    unreadable = {}
    cells = page.locator(".jp-Notebook .jp-Cell")
    for number, name in enumerate(PANELS):
        # what is out of sight JupyterLab does not draw
        await cells.nth(number).evaluate("cell => cell.scrollIntoView()")
        panel = cells.nth(number).locator(f".fieldbook-{name}[tabindex='0']")
        await panel.wait_for(timeout=FIRST_S * 1000)
        await panel.evaluate("panel => panel.scrollIntoView({ block: 'start' })")
        await ACTS[name](page, panel, expect)
        await page.mouse.move(0, 0)  # nothing looks chosen because the mouse is over it
        await expect(panel).to_be_in_viewport(ratio=0.99)
        await panel.screenshot(path=pictures / f"{name}-{theme.lower()}.png")
        if theme == "Light":
            await panel.screenshot(path=gallery / f"{name}.png")
        await panel.focus()
        await page.keyboard.press("?")
        keys = panel.get_by_role("dialog")
        await expect(keys.get_by_text("show this list")).to_be_visible()
        await page.screenshot(path=pictures / f"{name}-keys-{theme.lower()}.png")
        await page.keyboard.press("?")
        await expect(keys).to_be_hidden()
        seen = await panel.evaluate(UNREADABLE)
        assert seen["texts"] > 10
        faults = [*seen["faults"], *await panel.evaluate(CUT_OFF)]
        if faults:
            unreadable[name] = faults
    assert unreadable == {}
