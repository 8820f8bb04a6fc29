"""Words of a trace that a label quotes, selected by the mouse in a real Chromium."""

import asyncio

import nbformat
import pytest

from toolkit.evals.labels.labels import LabelStore

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.pwned = 1">'
TRACES = f"""\
from toolkit.evals import Codebook, Label
from toolkit.traces import Step, Trace
from toolkit.views import AdjudicationPanel, AnnotationPanel, CodingPanel

def turn(n):
    words = "You **may** bring it back until six & pay nothing; " + {HOSTILE!r} + " is no bike. "
    call = Step(f"c{{n}}", "tool.call", "assistant", "find", data={{"call_id": str(n), "arguments": {{"bike": n}}}})
    found = Step(f"r{{n}}", "tool.result", "tool", "the shed\\nby the canal", data={{"call_id": str(n)}})
    return [Step(f"u{{n}}", "message", "user", f"Question {{n}}?"), call, found, Step(f"a{{n}}", "message", "assistant", f"Answer {{n}}. {{words * 3}}")]

traces = [Trace(f"visit-{{i}}", [step for n in range(6) for step in turn(n)], source="simulated") for i in (1, 2)]
"""
PANEL = 'AnnotationPanel(traces, store="labels.jsonl", rater="ada")'
ROOT = ".fieldbook-annotate[tabindex='0']"
PLACE = """\
([step, words]) => {
  const walk = document.createTreeWalker(document.querySelector(`.fieldbook-panel [data-step="${step}"]`), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const begin = walk.currentNode.data.indexOf(words);
    if (begin < 0) continue;
    walk.currentNode.parentElement.scrollIntoView({ block: "center" });
    const range = new Range();
    range.setStart(walk.currentNode, begin);
    range.setEnd(walk.currentNode, begin + words.length);
    const boxes = [...range.getClientRects()];
    const middle = (box) => (box.top + box.bottom) / 2;
    return [boxes[0].left, middle(boxes[0]), boxes.at(-1).right, middle(boxes.at(-1))];
  }
}"""
"""Where words of a step begin and end on the screen."""


async def show(lab, page, notebook, *cells: str) -> None:
    """A notebook of these cells, run, in a window of 1280 by 800."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    codes = [nbformat.v4.new_code_cell(code) for code in (TRACES, *cells)]
    codes[0].metadata["jupyter"] = {"source_hidden": True}
    book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=codes)
    nbformat.write(book, lab.folder / "panel.ipynb")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await notebook.open(lab, "panel.ipynb")
    await page.locator(".jp-SideBar.jp-mod-left li").first.click()  # the list of files folds away
    await notebook.run_all()


SELECTION = "() => getSelection().toString().replace(/\\s+/g, ' ').trim()"


async def select(page, step: str, begin: str, end: str) -> None:
    """Drag the mouse over the words of a step from `begin` to `end`; once more where the page moved
    beneath it meanwhile.
    """
    async with asyncio.timeout(60):
        while True:
            await drag(page, step, begin, end)
            selected = await page.evaluate(SELECTION)
            if selected.startswith(begin.strip()) and selected.endswith(end.strip()):
                return


async def drag(page, step: str, begin: str, end: str) -> None:
    await page.evaluate(PLACE, [step, begin])
    left, top, _, _ = await page.evaluate(PLACE, [step, begin])
    _, _, right, bottom = await page.evaluate(PLACE, [step, end])
    await page.mouse.move(left + 1, top)
    await page.mouse.down()
    await page.mouse.move(right, bottom, steps=5)
    await page.mouse.up()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
async def test_words_that_are_selected_are_quoted_marked_saved_and_marked_again(
    theme, lab, page, notebook, pictures
):
    from playwright.async_api import expect

    lab.choose_theme(f"JupyterLab {theme}")
    await show(lab, page, notebook, PANEL)
    panel = page.locator(ROOT)
    step = panel.get_by_label("Goes wrong at step (S)")
    chip = panel.locator(".fieldbook-stepfield .fieldbook-quoted")
    quote = page.get_by_role("button", name="Quote (S)")
    await panel.evaluate("panel => panel.scrollIntoView()")
    await select(page, "a2", "You ", " is no bike.")
    await expect(quote).to_be_visible()
    await notebook.picture(pictures, f"quote-1-selected-{theme}")
    await page.keyboard.press("s")
    await expect(quote).to_be_hidden()
    await expect(step).to_have_value("12")
    words = f"You may bring it back until six & pay nothing; {HOSTILE} is no bike."
    await expect(chip).to_have_attribute("title", words)
    await page.keyboard.press("2")
    await page.keyboard.type("It invents a rule.")
    await notebook.picture(pictures, f"quote-2-quoted-{theme}")
    await page.keyboard.press("Enter")
    await expect(panel.get_by_text("2 of 2 · 1 labelled")).to_be_visible()
    (label,) = LabelStore(lab.folder / "labels.jsonl").labels()
    assert (label.step, label.quote) == ("a2", words)

    await page.keyboard.press("ArrowLeft")
    await expect(panel.get_by_text("1 of 2 · 1 labelled")).to_be_visible()
    marks = panel.locator("mark.quote")
    await expect(marks.nth(1)).to_have_text("may")
    await chip.click()
    await expect(marks.first).to_be_in_viewport()
    await notebook.picture(pictures, f"quote-3-again-{theme}")
    await panel.locator(".fieldbook-stepfield .fieldbook-row button").click()
    await expect(chip).to_be_hidden()
    await expect(marks.first).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    await expect(step).to_have_value("12")

    await page.keyboard.press("o")  # the result stands in a fold
    await select(page, "r3", "shed", "by the canal")
    await quote.click()
    await expect(step).to_have_value("15")
    await expect(chip).to_have_text("“shed by the canal”")
    assert await page.evaluate("window.pwned") is None


async def test_a_key_and_a_click_toggle_a_tag_and_copy_tells_how_the_labels_are_read(
    lab, page, notebook, pictures
):
    from playwright.async_api import expect

    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await show(lab, page, notebook, PANEL.replace(")", ', tags=("tone", "policy", "made up"))'))
    panel = page.locator(ROOT)
    await panel.evaluate("panel => panel.scrollIntoView()")
    on = panel.locator(".fieldbook-tag.mod-active")
    await panel.focus()
    await page.keyboard.press("4")
    await expect(on).to_have_text(["policy (4)"])
    await page.keyboard.press("2")
    await page.keyboard.type("Made up")
    await panel.get_by_role("button", name="tone (3)").click()
    await expect(on).to_have_text(["tone (3)", "policy (4)"])
    await page.keyboard.type(" in 34")  # the words go on where they were
    await notebook.picture(pictures, "quote-4-tags")
    await page.keyboard.press("Enter")
    await expect(panel.get_by_text("2 of 2 · 1 labelled")).to_be_visible()
    await expect(on).to_have_count(0)
    (label,) = LabelStore(lab.folder / "labels.jsonl").labels()
    assert (label.why, label.tags) == ("Made up in 34", ("tone", "policy"))

    await panel.get_by_role("button", name="Copy").click()
    await expect(panel.get_by_role("button", name="Copied")).to_be_visible()
    file = lab.folder / "labels.jsonl"
    copied = f"from toolkit.evals import LabelStore\nLabelStore({str(file)!r}).frame()"
    assert await page.evaluate("navigator.clipboard.readText()") == copied
    await page.keyboard.press("ArrowLeft")
    await expect(on).to_have_text(["tone (3)", "policy (4)"])


CODING = """\
labels = [
    Label("visit-1", "bo", "fail", "It invents a rule, and says so three times over. " * 3, step="a3", quote="bring it back until six & pay nothing"),
    Label("visit-2", "bo", "fail", "It looks in the wrong place.", step="r5", quote="shed by the canal"),
]
CodingPanel(Codebook("codes.jsonl", labels), traces, by="ada")"""


@pytest.mark.parametrize("theme", ["Light", "Dark"])
async def test_a_reason_that_is_coded_opens_its_trace_at_the_words_that_it_quotes(
    theme, lab, page, notebook, pictures
):
    from playwright.async_api import expect

    lab.choose_theme(f"JupyterLab {theme}")
    await show(lab, page, notebook, CODING)
    panel = page.locator(".fieldbook-coding[tabindex='0']")
    await panel.evaluate("panel => panel.scrollIntoView()")
    marks = panel.locator("mark.quote")
    await expect(marks).to_have_text(["bring it back until six & pay nothing"])
    await expect(marks).to_be_in_viewport(ratio=1)
    await expect(panel.locator(".fieldbook-reason")).to_be_in_viewport(ratio=1)
    await expect(panel.locator(".bar .id")).to_be_visible()
    await notebook.picture(pictures, f"quote-5-coding-{theme}")
    await panel.get_by_role("button", name="Next (→)").click()
    await expect(marks).to_have_text(["shed\nby the canal"])
    await expect(marks).to_be_in_viewport(ratio=1)  # the call that holds it was folded
    await panel.locator(".bar a.tick").first.click()
    await expect(marks).not_to_be_in_viewport()
    await panel.locator(".who .fieldbook-quoted").click()
    await expect(marks).to_be_in_viewport(ratio=1)


ADJUDICATE = """\
from toolkit.evals import LabelStore

for rater, verdict, step, quote in (("ada", "fail", "a1", "bring it back until six"), ("bo", "pass", "a4", "pay nothing")):
    file = LabelStore(f"{rater}.jsonl", make=True)
    file.add(Label("visit-1", rater, verdict, f"So says {rater}.", step=step, quote=quote))
AdjudicationPanel(traces, ["ada.jsonl", "bo.jsonl"], store="final.jsonl", rater="cy")"""


async def test_a_raters_quote_leads_to_its_words(lab, page, notebook, pictures):
    from playwright.async_api import expect

    await show(lab, page, notebook, ADJUDICATE)
    panel = page.locator(".fieldbook-adjudicate[tabindex='0']")
    await panel.evaluate("panel => panel.scrollIntoView()")
    mark = panel.locator("[data-step=a4] mark.quote")
    await expect(mark).to_have_text("pay nothing")
    await panel.locator(".raters").get_by_text("“pay nothing”").click()
    await expect(mark).to_be_in_viewport(ratio=1)
    await notebook.picture(pictures, "quote-6-adjudicate")
