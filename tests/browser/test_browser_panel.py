"""A panel of an outsider's own, as a person meets it: in a real JupyterLab, in a real Chromium."""

from pathlib import Path

import nbformat
import pytest

from toolkit.jsonl import JsonlFile

pytestmark = pytest.mark.browser

PANEL = (Path(__file__).parents[1] / "views" / "which_is_better.py").read_text()
CELL = """\
from toolkit.traces import Step, Trace

hostile = '<img src=x onerror="window.pwned = 1">'
answers = tuple(Trace(name, (Step("1", "message", "assistant", name + hostile),)) for name in "ab")
WhichIsBetter({f"pair {n}": answers for n in range(4)}, "choices.jsonl")"""


async def test_pairs_are_compared_by_keys_and_clicks(lab, page, notebook, pictures):
    from playwright.async_api import expect

    kernel = {
        "kernelspec": {
            "name": "python3",
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
        }
    }
    cells = [nbformat.v4.new_code_cell(cell) for cell in (PANEL, CELL)]
    nbformat.write(
        nbformat.v4.new_notebook(metadata=kernel, cells=cells), lab.folder / "panel.ipynb"
    )
    await notebook.open(lab, "panel.ipynb")
    await notebook.run_all()
    layer = page.locator(".fieldbook-keys[tabindex='0']")
    await layer.wait_for()
    await layer.focus()
    for key, message in (
        ("1", "Saved: the better of pair 0 is left"),
        ("2", "Saved: the better of pair 1 is right"),
        ("u", "Saved: the better of pair 1 is open again"),
    ):
        await page.keyboard.press(key)
        await expect(page.get_by_text(message)).to_be_visible()
    await page.get_by_role("button", name="Left").dblclick()
    await expect(page.get_by_text("Saved: the better of pair 1 is left")).to_be_visible()
    await notebook.picture(pictures, "outsiders-panel")
    choices = [
        (record["pair"], record["better"])
        for record in JsonlFile(lab.folder / "choices.jsonl", dict).records()
    ]
    assert choices == [
        ("pair 0", "left"),
        ("pair 1", "right"),
        ("pair 1", ""),
        ("pair 1", "left"),
    ]
    assert await page.evaluate("window.pwned") is None
