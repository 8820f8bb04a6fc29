"""The rubric panel as a person meets it: in a real JupyterLab, in a real Chromium."""

import nbformat
import pytest

from toolkit.evals import Rubric

pytestmark = pytest.mark.browser

CELLS = (
    """\
from toolkit.evals import Criterion, Label, Rubric
from toolkit.traces import Step, Trace
from toolkit.views import RubricPanel

hostile = '<img src=x onerror="window.pwned = 1">'
said = ["Yes.", "It is in shed 7.", "The red bike is in shed 7.", "No."] * 3
traces = [Trace(f"t{i}", (Step("a", "message", "assistant", words),)) for i, words in enumerate(said)]
verdicts = ["pass" if "shed" in words else "fail" for words in said]
labels = [Label(f"t{i}", "bo", verdict, f"Where is it? {hostile}") for i, verdict in enumerate(verdicts)]
where = Criterion("where", "The answer names the shed.", "says red bike")""",
    """\
panel = RubricPanel(Rubric("where", "Is it said where the bike is?", (where,)), traces, labels)
panel""",
)


async def test_an_edit_shows_which_verdicts_change_and_outlives_the_kernel(
    lab, page, notebook, pictures
):
    from playwright.async_api import expect

    kernel = {
        "kernelspec": {
            "name": "python3",
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
        }
    }
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    nbformat.write(
        nbformat.v4.new_notebook(metadata=kernel, cells=cells), lab.folder / "rubric.ipynb"
    )
    await notebook.open(lab, "rubric.ipynb")
    await notebook.run_all()
    box = page.locator(".jp-OutputArea textarea")
    await expect(page.get_by_text("saved: 9 of 12 agree")).to_be_visible()
    text = await box.input_value()
    await box.fill(text.replace("red bike", "shed"))
    await box.blur()
    await expect(page.get_by_text("your edit: 12 of 12 agree")).to_be_visible()
    await expect(page.get_by_text("now agrees")).to_have_count(3)
    await expect(page.get_by_text("Not saved yet: a draft is on disk.")).to_be_visible()
    await notebook.picture(pictures, "rubric-edited")
    assert "red bike" in (lab.folder / "where.md").read_text()

    await box.fill("# no rubric at all")
    await box.blur()
    await expect(page.get_by_role("alert").first).to_be_visible()
    await box.fill(text.replace("red bike", "shed"))
    await box.blur()
    await expect(page.get_by_text("your edit: 12 of 12 agree")).to_be_visible()
    await notebook.restart()
    await notebook.run_all()
    await expect(page.get_by_text("Your unsaved edit is in the box again.")).to_be_visible()
    assert await box.input_value() == text.replace("red bike", "shed")
    await page.locator(".jp-OutputArea").get_by_role("button", name="Save").click()
    await expect(page.get_by_text("saved: 12 of 12 agree")).to_be_visible()
    await notebook.picture(pictures, "rubric-saved")
    assert Rubric.load(lab.folder / "where.md").criteria[0].rule == "says shed"
    assert await page.evaluate("window.pwned") is None
