"""The coding panel as a person meets it: in a real JupyterLab, in a real Chromium."""

import nbformat
import pytest

from toolkit.evals import Codebook

pytestmark = pytest.mark.browser

CELL = """\
from toolkit.evals import Codebook, Label
from toolkit.traces import Step, Trace
from toolkit.views import CodingPanel

hostile = '<img src=x onerror="window.pwned = 1">'
labels = [Label(f"t{i}", "bo", "fail", f"Ignores the condition {i}. {hostile}", id=f"l{i}") for i in range(3)]
traces = [Trace(one.trace_id, (Step("u", "message", "user", f"Not on Sunday! {hostile}"),) * 20) for one in labels]
book = Codebook("codes.jsonl", labels)
book.suggest({f"sunday {hostile}": ["l0", "l1"]}, by="clusters")
CodingPanel(book, traces, by="ada")"""


async def test_a_person_codes_a_reason_and_makes_a_failure_mode(lab, page, notebook, pictures):
    from playwright.async_api import expect

    kernel = {
        "kernelspec": {
            "name": "python3",
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
        }
    }
    book = nbformat.v4.new_notebook(metadata=kernel, cells=[nbformat.v4.new_code_cell(CELL)])
    nbformat.write(book, lab.folder / "coding.ipynb")

    def press(name):
        return page.get_by_role("button", name=name).click()

    await notebook.open(lab, "coding.ipynb")
    await notebook.run_all()
    await expect(page.get_by_text("0 of 3 read")).to_be_visible()
    code = page.get_by_placeholder("A code")
    await code.press_sequentially("ignores the condition")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("1 code,")).to_be_visible()
    await expect(code).to_be_focused()  # so that one code can be typed after the other
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("Reason 2")).to_be_visible()
    await expect(code).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("1")
    await expect(
        page.get_by_role("button", name="ignores the condition · on this reason")
    ).to_be_visible()
    await page.keyboard.press("u")
    await expect(page.get_by_role("button", name="ignores the condition · 1 (1)")).to_be_visible()
    await page.keyboard.press("ArrowLeft")
    await expect(page.get_by_text("Reason 1")).to_be_visible()
    for stray in "vab":  # in command mode Lab would paste a cell
        await page.keyboard.press(stray)
    await page.keyboard.press("?")
    keys = page.get_by_role("dialog").filter(has_text="Keys")
    await expect(keys.get_by_text("write a code", exact=True)).to_be_visible()
    await notebook.picture(pictures, "coding-keys")
    await page.keyboard.press("n")  # does nothing while the keys are listed
    await page.keyboard.press("?")
    await expect(keys).to_be_hidden()
    await page.keyboard.press("c")
    await expect(page.get_by_text("2 codes")).to_be_visible()
    await press("Merge codes into a failure mode")
    merge = page.locator("button.fieldbook-page-button").get_by_text("Merge", exact=True)
    await merge.click()
    await expect(page.get_by_text("Choose one code or more in this list.").last).to_be_visible()
    await page.get_by_role("listbox").select_option("ignores the condition · 1")
    await page.get_by_placeholder("Name of").fill("ignores a constraint")
    await merge.click()
    await expect(page.get_by_text("Say in a sentence what it is.").last).to_be_visible()
    await page.get_by_placeholder("What it is").fill(
        "Acts against a condition that the customer stated."
    )
    await merge.click()
    await expect(page.get_by_text("1 failure mode")).to_be_visible()
    await expect(page.get_by_text("Not on Sunday!").first).to_be_visible()
    await notebook.picture(pictures, "coding-panel")
    assert await page.evaluate("window.pwned") is None
    assert await page.locator(".jp-Notebook .jp-Cell").count() == 1
    now = Codebook(lab.folder / "codes.jsonl", []).now
    assert [(mode.name, mode.codes, mode.by) for mode in now.modes] == [
        ("ignores a constraint", ("ignores the condition",), "ada")
    ]
