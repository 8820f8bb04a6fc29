"""The annotation panel as a person meets it: in a real JupyterLab, in a real Chromium."""

import asyncio
import time
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest
from filelock import FileLock

from toolkit.evals.labels.labels import LabelStore

pytestmark = pytest.mark.browser

LAYER = ".fieldbook-keys[tabindex='0']"
"""The panel, once its keys are there."""
HOSTILE = '<img src=x onerror="window.pwned = 1">'
CELLS = [
    f"""\
N = 4
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
    for i in range(1, N + 1)
]""",
    """\
AnnotationPanel(traces, store="labels.jsonl", rater="ada")""",
    "traces[0]",
]


def labels(folder: Path) -> list[tuple[str, str, str]]:
    return [
        (label.trace_id, label.verdict, label.why)
        for label in LabelStore(folder / "labels.jsonl", make=True).labels()
    ]


def write_notebook(folder: Path, cells: list[str]) -> None:
    kernel = {
        "kernelspec": {
            "name": "python3",
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
        }
    }
    book = nbformat.v4.new_notebook(
        metadata=kernel, cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    nbformat.write(book, folder / "panel.ipynb")


async def test_a_person_labels_traces_in_jupyterlab(lab, page, notebook, pictures):
    from playwright.async_api import expect

    write_notebook(lab.folder, CELLS)
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
    assert labels(lab.folder) == [
        ("visit-1", "pass", "It answers politely, and where the bike is.")
    ]
    await notebook.picture(pictures, "panel-3-moved-on")

    await page.keyboard.press(
        "x"
    )  # in command mode Lab would cut the cell; it is still there after the reload
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


async def on_disk(file: Path, lines: int) -> float:
    """When `file` has that many lines, in seconds."""
    async with asyncio.timeout(20):
        while not file.exists() or file.read_bytes().count(b"\n") < lines:
            await asyncio.sleep(0.001)
    return time.perf_counter()


async def test_twenty_traces_are_labelled_by_keyboard_alone_and_outlive_their_kernel(
    lab, page, notebook, pictures
):
    from playwright.async_api import expect

    write_notebook(
        lab.folder,
        [CELLS[0].replace("N = 4", "N = 22"), CELLS[1], "import os; print('pid', os.getpid())"],
    )
    await notebook.open(lab, "panel.ipynb")
    await notebook.run_all()
    await expect(page.get_by_text("1 of 22 · 0 labelled")).to_be_visible()
    press, box = page.keyboard.press, page.get_by_label("Why")
    await expect(page.get_by_text("pid ", exact=False).last).to_be_visible()
    await notebook.idle()
    await page.locator(LAYER).wait_for()
    for key in ("Escape", "ArrowUp"):  # from the last cell to the panel's
        await press(key)
    for _ in range(12):  # into the panel, past the cell's toolbar where that is there already
        await press("Tab")
        if await page.locator(f"{LAYER}:focus").count():
            break
    await expect(page.locator(LAYER)).to_be_focused()
    for stray in (
        "x",
        "a",
        "b",
        "m",
        "r",
        "d",
        "d",
    ):  # the first d chooses Defer and opens the box, which has the second
        await press(stray)
    await expect(box).to_have_value("d")
    for key in ("Backspace", "Enter"):
        await press(key)
    await expect(page.get_by_role("alert").get_by_text("say why")).to_be_visible()
    await press("Escape")

    taken, meant = [], []
    for n in range(1, 21):
        act, verdict = [("1", "pass"), ("2", "fail"), ("d", "defer")][n % 3]
        meant.append((f"visit-{n}", verdict, f"Undue, {n} 1 2 xdd"))
        await press(act)
        await page.keyboard.type(meant[-1][2])
        if n == 2:
            await notebook.picture(pictures, "keys-1-reason")
        start = time.perf_counter()
        await press("Enter")
        taken.append(1000 * (await on_disk(lab.folder / "labels.jsonl", n) - start))
        await expect(page.get_by_text(f"{n + 1} of 22 · {n} labelled")).to_be_visible()
        for stray in "xab":
            await press(stray)
    assert labels(lab.folder) == meant
    assert await page.locator(".jp-Notebook .jp-Cell").count() == 3
    await notebook.picture(pictures, "keys-2-all")
    p50, p95 = np.percentile(taken, [50, 95])
    report = f"key press to label on disk, n = {len(taken)}: p50 {p50:.0f} ms, p95 {p95:.0f} ms"
    (pictures / "key-to-disk.txt").write_text(f"{report}\n")
    print(report)

    told = await page.get_by_text("pid ", exact=False).last.inner_text()
    psutil.Process(int(told.split()[-1])).kill()
    await page.get_by_role("button", name="Ok").click()
    await notebook.idle()
    await notebook.run_all()
    await expect(page.get_by_text(told)).to_have_count(0)
    await expect(page.get_by_text("21 of 22 · 20 labelled")).to_be_visible()
    await page.get_by_text("21 of 22 · 20 labelled").scroll_into_view_if_needed()
    await notebook.picture(pictures, "keys-3-after-the-kill")
    assert labels(lab.folder) == meant
    assert await page.evaluate("window.pwned") is None, "a trace ran script in the notebook"
    assert await page.locator(".fieldbook img").count() == 0


async def test_keys_wait_for_a_slow_disk_and_undo_jump_and_arrows_are_keys_too(
    lab, page, notebook, pictures
):
    from playwright.async_api import expect

    write_notebook(lab.folder, CELLS[:2])
    await notebook.open(lab, "panel.ipynb")
    await notebook.run_all()
    await expect(page.get_by_text("1 of 4 · 0 labelled")).to_be_visible()
    press, box = page.keyboard.press, page.get_by_label("Why")
    await page.locator(LAYER).focus()
    await press("1")
    await page.keyboard.type("Good.")
    with FileLock(lab.folder / "labels.jsonl.lock"):
        for key in ("Enter", "1", "u", "ArrowRight", "j", "d"):
            await press(key)
    await expect(page.get_by_text("2 of 4 · 1 labelled")).to_be_visible()
    await expect(box).to_have_value("")
    for _ in range(2):
        await press("ArrowRight")
    await expect(page.get_by_text("4 of 4 · 1 labelled")).to_be_visible()
    await press("j")
    await page.keyboard.type("visit-3")
    await press("Enter")
    await expect(page.get_by_text("3 of 4 · 1 labelled")).to_be_visible()
    await press("u")
    await expect(page.get_by_text("1 of 4 · 0 labelled")).to_be_visible()
    await expect(box).to_have_value("Good.")
    await press("2")
    await press("Shift+Enter")
    await page.keyboard.type("But late.")
    await notebook.picture(pictures, "keys-4-undone")
    await press("Enter")
    await expect(page.get_by_text("2 of 4 · 1 labelled")).to_be_visible()
    assert labels(lab.folder) == [("visit-1", "fail", "Good.\nBut late.")]
    await press("u")
    await expect(page.get_by_text("1 of 4 · 0 labelled")).to_be_visible()
    await press("1")
    await page.keyboard.type("And kind.")
    await press("Enter")
    await expect(page.get_by_text("2 of 4 · 1 labelled")).to_be_visible()
    assert labels(lab.folder) == [("visit-1", "pass", "Good.\nBut late. And kind.")]


async def test_the_buttons_do_everything_where_the_key_layer_cannot_be_loaded(
    lab, page, notebook, pictures
):
    from playwright.async_api import expect

    await page.route("**/anywidget/**", lambda route: route.abort())
    write_notebook(lab.folder, CELLS[:2])
    await notebook.open(lab, "panel.ipynb")
    await notebook.run_all()
    await expect(page.get_by_text("1 of 4 · 0 labelled")).to_be_visible()
    await page.get_by_label("Why").fill("Never says when.")
    await page.get_by_role("button", name="Fail").click()
    await expect(page.get_by_text("2 of 4 · 1 labelled")).to_be_visible()
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_text("3 of 4 · 1 labelled")).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("1 of 4 · 0 labelled")).to_be_visible()
    await notebook.picture(pictures, "keys-5-without")
    assert await page.get_by_text("Tab into it").count() == 0, "the layer was there"


BROWSE = f"""\
from toolkit.traces import Step, Trace
from toolkit.views import TraceBrowser

hostile = {HOSTILE!r}
traces = [
    Trace(
        f"visit-{{i}}{{hostile if i == 7 else ''}}",
        (
            Step("u", "message", "user", f"{{hostile}} Is bike {{i}} free?"),
            Step("c", "tool.call", "assistant", "find", data={{"call_id": "1", "arguments": {{"bike": i}}}}),
            Step("r", "tool.result", "tool", "free", data={{"call_id": "1", "error": i % 2 == 0 if i % 3 else None}}),
            Step("a", "message", "assistant", "The heron is." if i % 100 == 0 else "Yes."),
        ),
        {{"outcome": hostile, "cost_usd": i / 1e5}} if i % 5 else {{}},
        source="simulated",
    )
    for i in range(1, 5001)
]
browser = TraceBrowser(traces, store="labels.jsonl", rater="ada")
browser"""


async def test_five_thousand_traces_are_searched_opened_and_sent_to_the_panel_offline(
    lab, page, notebook, pictures
):
    from playwright.async_api import expect

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    write_notebook(
        lab.folder, [BROWSE, "print('chosen', [trace.id for trace in browser.selected])"]
    )
    await notebook.open(lab, "panel.ipynb")
    start = time.perf_counter()
    await notebook.run_all()
    await expect(page.locator(".dt-info")).to_contain_text("1 to 8 of 5,000", timeout=60_000)
    shown = time.perf_counter()
    await notebook.picture(pictures, "browser-1-opens")

    head = page.locator(".dt-scroll-head")
    cost = head.get_by_role("columnheader", name="cost ($)").locator(".dt-column-order")
    body = page.locator(".dt-scroll-body")
    await body.evaluate("body => (body.scrollLeft = body.scrollWidth)")
    await cost.click()
    await cost.click()  # dearest first, and not "0.05" after "0.1" or among the unknown
    await expect(page.locator("tbody tr").first).to_contain_text("visit-4999")
    await notebook.picture(pictures, "browser-2-sorted")

    errors = page.locator(".dt-scroll-foot").get_by_placeholder("tool errors")
    await errors.press_sequentially("1")  # a filter has a row of its own, and does not sort
    await expect(page.locator("tbody tr").first).to_contain_text("visit-4996")
    await expect(page.locator(".dt-info")).to_contain_text("of 1,667")
    await errors.press("Backspace")
    await expect(head.get_by_role("columnheader", name="source")).to_have_count(0)
    hidden = page.locator(".fieldbook-hidden")
    await expect(hidden.get_by_text("source simulated")).to_be_hidden()
    await hidden.get_by_text("the same everywhere").click()
    await expect(hidden.get_by_text("source simulated")).to_be_visible()
    for name, left in (("outcome", "body.scrollWidth"), ("id", "0")):
        await body.evaluate(f"body => (body.scrollLeft = {left})")
        await expect(head.get_by_role("columnheader", name=name)).to_be_in_viewport()

    search = page.get_by_placeholder("Words anywhere in a trace")
    await search.fill("HERON is.")
    searched = time.perf_counter()
    await search.press("Enter")
    await expect(page.locator(".dt-info")).to_contain_text("1 to 8 of 50 ")
    print(
        f"5,000 traces: {shown - start:.1f} s to the table, {time.perf_counter() - searched:.1f} s to search"
    )
    await page.locator("td", has_text="visit-300").click()
    await expect(page.locator(".steps").get_by_text("Is bike 300 free?")).to_be_visible()
    await page.locator("td", has_text="visit-300").first.click()  # it stays open, and selected
    await page.locator("td", has_text="visit-500").first.click(modifiers=["Control"])
    await expect(page.get_by_text("2 of 50 selected")).to_be_visible()
    marks = page.locator(".fieldbook-browse .steps mark")
    await expect(marks).to_have_text(["heron", "is."])
    await expect(marks.first).to_be_in_viewport()
    await notebook.picture(pictures, "browser-3-found")
    await page.get_by_role("button", name="Label these").click()
    await expect(page.locator(".fieldbook-annotate")).to_be_focused()
    for element in ("1 of 2 · 0 labelled", "Defer (D)"):
        await expect(page.get_by_text(element)).to_be_in_viewport(ratio=1)
    await notebook.picture(pictures, "browser-4-labels")
    assert await page.evaluate("window.pwned") is None, "a trace ran script in the notebook"
    await page.locator(".fieldbook-browse").focus()
    await page.keyboard.press("f")
    await expect(page.get_by_text("34 with a failure, which come first")).to_be_visible()
    await expect(page.locator("tbody tr.selected")).to_have_count(0)
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_text("1 of 50 selected")).to_be_visible()
    await page.keyboard.press("Shift+ArrowDown")
    await expect(page.get_by_text("2 of 50 selected")).to_be_visible()
    await expect(page.locator(".fieldbook-browse article.failed").first).to_be_in_viewport()
    assert [
        url
        for url in asked
        if not url.startswith((lab.url, lab.url.replace("http", "ws"), "data:", "blob:"))
    ] == []


SEARCH = """\
from pathlib import Path

from toolkit.traces import Step, Trace
from toolkit.views import TraceBrowser

traces = []
for i in range(6):
    words = "a refund" if i % 2 else "a ride"
    traces.append(Trace(f"t{i}", (Step("u", "message", "user", f"{words}, no. {i}"),)))
TraceBrowser(traces)"""
BUSY = """\
while not Path("searched").exists():
    pass"""


async def test_while_the_kernel_searches_the_rows_take_no_click_that_would_be_lost(
    lab, page, notebook, pictures
):
    from playwright.async_api import expect

    write_notebook(lab.folder, [SEARCH, BUSY])
    await notebook.open(lab, "panel.ipynb")
    await notebook.run_all()
    rows = page.locator(".fieldbook-table tbody tr")
    await expect(rows).to_have_count(6)
    await page.get_by_placeholder("Words anywhere in a trace").fill("refund")
    await page.keyboard.press("Enter")
    await expect(page.locator(".fieldbook-table")).to_have_attribute("inert", "")
    await notebook.picture(pictures, "browser-searching")
    (lab.folder / "searched").touch()
    await rows.nth(2).click()  # waits until the rows are those that were searched for
    await expect(page.locator(".fieldbook-browse .steps mark")).to_have_text("refund")
    await expect(page.get_by_text("1 of 3 selected")).to_be_visible()
    await page.get_by_role("button", name="Failed first (F)").click()
    await rows.first.click()
    await expect(page.locator(".fieldbook-browse .steps")).to_contain_text("refund, no. 1")
