"""The annotation panel as a person meets it: in a real JupyterLab, in a real Chromium."""

from pathlib import Path

import nbformat
import pytest

from toolkit.evals.labels import LabelStore

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.pwned = 1">'
CELLS = [
    f"""\
from toolkit.traces import Step, Trace
from toolkit.views import AnnotationPanel

hostile = {HOSTILE!r}
long = "The red one is in the shed by the canal; the code is on your booking. " * 12
call = Step("c", "tool.call", "assistant", "find_booking", data={{"call_id": "1", "arguments": {{"name": hostile}}}})
traces = [
    Trace(
        f"visit-{{i}}",
        (
            Step("s", "message", "system", "Rent bicycles. " * 40),
            Step("u", "message", "user", f"Where is my bike? This is message {{i}}. {{hostile}}"),
            call,
            Step("r", "tool.result", "tool", hostile, data={{"call_id": "1"}}),
            Step("a", "message", "assistant", long),
            Step("u2", "message", "user", "And when do I have to bring it back?"),
            Step("a2", "message", "assistant", long),
        ),
        source="simulated",
    )
    for i in range(1, 5)
]""",
    """\
AnnotationPanel(traces, store="labels.jsonl", rater="ada")""",
    "traces[0]",
]


def labels(folder: Path) -> list[tuple[str, str, str]]:
    return [(label.trace_id, label.verdict, label.why) for label in LabelStore(folder / "labels.jsonl").labels()]


async def test_a_person_labels_traces_in_jupyterlab(lab, page, notebook, pictures):
    from playwright.async_api import expect

    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    book = nbformat.v4.new_notebook(metadata=kernel, cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbformat.write(book, lab.folder / "panel.ipynb")
    box = page.get_by_label("Why")

    await notebook.open(lab, "panel.ipynb")
    await notebook.run_all()
    await expect(page.get_by_text("1 of 4 · 0 labelled")).to_be_visible()
    await notebook.picture(pictures, "panel-1-opens")

    await page.get_by_role("button", name="Fail").click()
    await expect(page.get_by_role("alert").get_by_text("say why")).to_be_visible()
    await expect(box).to_be_focused()
    await notebook.picture(pictures, "panel-2-no-reason")
    assert labels(lab.folder) == []

    await box.fill("It answers politely, and where the bike is.")
    await page.get_by_role("button", name="Pass").dblclick()
    await expect(page.get_by_text("2 of 4 · 1 labelled")).to_be_visible()
    await expect(box).to_have_value("")
    assert labels(lab.folder) == [("visit-1", "pass", "It answers politely, and where the bike is.")]
    await notebook.picture(pictures, "panel-3-moved-on")

    await page.keyboard.press("x")  # in command mode Lab would cut the cell; it is still there after the reload
    await notebook.save_and_reload()
    await expect(page.get_by_text("2 of 4 · 1 labelled")).to_be_visible()
    await box.fill("Never says when.")
    await page.get_by_role("button", name="Fail").click()
    await expect(page.get_by_text("3 of 4 · 2 labelled")).to_be_visible()

    await page.get_by_placeholder("Jump to an id").fill("visit-1")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("1 of 4 · 2 labelled")).to_be_visible()
    await notebook.picture(pictures, "panel-4-labelled-before")

    await notebook.restart()
    await notebook.run_all()
    await expect(page.get_by_text("3 of 4 · 2 labelled")).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("2 of 4 · 1 labelled")).to_be_visible()
    await expect(box).to_have_value("Never says when.")
    await notebook.picture(pictures, "panel-5-undone")
    assert await page.evaluate("window.pwned") is None, "a trace ran script in the notebook"
    assert await page.locator(".fieldbook img").count() == 0
