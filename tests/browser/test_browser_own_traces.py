"""`fieldbook lab --traces FILE` as a person meets it: their own file, on one screen, and labelled."""

import json
import re
import sys
import time
from pathlib import Path

import nbformat
import pytest

from toolkit.evals import LabelStore
from toolkit.traces import read_traces

pytestmark = pytest.mark.browser

WORDS = "Take the nonstop flight at three, please. " * 12
N_FAILED = 3
MINUTE_S = 60
VERDICTS = ("Pass (1)", "Fail (2)", "Defer (D)")


def called(call_id: str, name: str, result: str) -> list[dict[str, object]]:
    """The messages of a call and of its result."""
    function = {"name": name, "arguments": json.dumps({"flight": "HAT052"})}
    call = {"id": call_id, "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": result},
    ]


def talk(number: int) -> dict[str, object]:
    """A conversation in which the same call fails three times, and another one does not."""
    messages: list[dict[str, object]] = [{"role": "user", "content": f"Trip {number}. {WORDS}"}]
    for attempt in range(N_FAILED):
        messages += called(f"c{attempt}", "rebook", "Error: flight HAT052 is not available")
        messages.append({"role": "assistant", "content": f"Attempt {attempt}. {WORDS}"})
    messages += called("last", "search", f"HAT102\n{WORDS}")
    return {"id": f"trip-{number}", "messages": messages}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(talk(number)) + "\n" for number in range(1, 4)))
    return path


async def notebook_of(lab, file: Path) -> None:
    """A notebook that opens a panel on the file."""
    code = (
        "from toolkit.traces import read_traces\n"
        "from toolkit.views import AnnotationPanel\n"
        f"AnnotationPanel(read_traces({str(file)!r}), store='labels.jsonl', rater='ada')"
    )
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    cells = [nbformat.v4.new_code_cell(code)]
    book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=cells)
    nbformat.write(book, lab.folder / "panel.ipynb")


@pytest.fixture
async def own_lab(own, start_lab, tmp_path):
    """What the command starts on the file."""
    folder = tmp_path / "notebooks"
    fieldbook = Path(sys.executable).with_name("fieldbook")
    command = [str(fieldbook), "lab", "--traces", str(own), "--folder", str(folder)]
    async with start_lab(command, folder) as lab:
        yield lab


async def test_a_person_with_a_file_of_their_own_labels_it_on_one_screen(
    own, own_lab, page, pictures
):
    from playwright.async_api import expect

    start = time.perf_counter()
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(f"{own_lab.url}?token={own_lab.token}")
    await page.get_by_text("Python 3 (ipykernel) | Idle", exact=True).wait_for(
        timeout=MINUTE_S * 1000
    )
    await page.locator(".jp-Notebook .jp-CodeCell").first.click()
    for _ in range(2):
        await page.keyboard.press("Shift+Enter")
    panel = page.locator(".fieldbook-annotate[tabindex='0']").first
    position = panel.get_by_text("1 of 3 · 0 labelled")
    await expect(position).to_be_visible()
    verdicts = [panel.get_by_role("button", name=name) for name in VERDICTS]
    why = panel.get_by_label("Why")
    await expect(panel).to_be_in_viewport(ratio=0.99)  # its height is no full number of pixels
    for element in (position, why, *verdicts):
        await expect(element).to_be_in_viewport(ratio=1)
    taken_s = time.perf_counter() - start
    print(f"from the page to a panel that takes keys: {taken_s:.0f} s")
    assert taken_s < MINUTE_S
    await page.screenshot(path=pictures / "own-1-opens.png")

    await panel.focus()
    await page.keyboard.press("e")
    await expect(panel.locator(".steps article.failed.fieldbook-here")).to_have_count(1)
    await page.keyboard.press("s")
    await expect(panel.get_by_label("Goes wrong at step (S)")).to_have_value("2")
    await page.keyboard.press("2")
    await page.keyboard.type("Retries without change.")
    await page.screenshot(path=pictures / "own-2-wrong.png")
    await page.keyboard.press("Enter")
    await expect(panel.get_by_text("2 of 3 · 1 labelled")).to_be_visible()
    for element in (panel.get_by_text("2 of 3 · 1 labelled"), why, *verdicts):
        await expect(element).to_be_in_viewport(ratio=1)
    (file,) = own_lab.out.glob("*.labels.jsonl")
    (label,) = LabelStore(file).labels()
    assert (label.verdict, label.why) == ("fail", "Retries without change.")
    (trace,) = [trace for trace in read_traces(own) if trace.id == label.trace_id]
    assert label.step == trace.steps[1].id


async def test_the_step_where_it_goes_wrong_is_chosen_by_click_and_key_shown_and_given_back(
    own, lab, page, notebook, pictures
):
    from playwright.async_api import expect

    await notebook_of(lab, own)
    await notebook.open(lab, "panel.ipynb")
    await notebook.run_all()
    panel = page.locator(".fieldbook-annotate[tabindex='0']")
    step = panel.get_by_label("Goes wrong at step (S)")
    failed = panel.locator("article.failed")
    press = page.keyboard.press
    await panel.focus()

    assert await failed.count() == N_FAILED
    for number in ("2", "5", "8", "2"):  # round the end of the trace
        await press("e")
        await expect(
            failed.filter(has=page.locator(f"a.n:text-is('{number}–{int(number) + 1}')"))
        ).to_have_class(re.compile("fieldbook-here"))
    await press("s")
    await expect(step).to_have_value("2")
    await press("s")
    await expect(step).to_have_value("")

    await panel.locator("a.tick.failed").nth(1).click()
    await expect(failed.nth(1)).to_be_in_viewport()
    await expect(step).to_have_value("")
    await failed.nth(1).locator("a.n").click()
    await expect(step).to_have_value("5")
    await expect(failed.nth(1)).to_have_css("outline-style", "solid")
    assert "#" not in page.url, "a click on a step changed the notebook's address"

    await press("ArrowRight")
    await expect(panel.get_by_role("alert")).to_contain_text("not saved yet")
    await panel.get_by_role("button", name="Unset").click()
    await expect(step).to_have_value("")
    await step.fill("99")
    await press("Enter")
    await expect(panel.get_by_role("alert")).to_contain_text("1 to 12")

    await failed.nth(2).locator("a.n").click()
    await press("2")
    await page.keyboard.type("Gives up.")
    await failed.nth(2).locator("a.n").click()  # unset, and back to the words
    await page.keyboard.type(" Late.")
    await failed.nth(2).locator("a.n").click()
    await press("Enter")
    await expect(panel.get_by_text("2 of 3 · 1 labelled")).to_be_visible()
    await expect(step).to_have_value("")
    chip = panel.get_by_role("button", name="Gives up · 1")
    await expect(chip).to_be_visible()
    await press("u")
    await expect(panel.get_by_text("1 of 3 · 0 labelled")).to_be_visible()
    await expect(step).to_have_value("8")
    await expect(panel.get_by_label("Why")).to_have_value("Gives up. Late.")
    await expect(failed.nth(2)).to_have_css("outline-style", "solid")
    await press("2")
    await press("Enter")
    await expect(panel.get_by_text("2 of 3 · 1 labelled")).to_be_visible()

    await press("2")
    await chip.click()
    await expect(panel.get_by_label("Why")).to_have_value("Gives up")
    await press("Enter")
    await expect(panel.get_by_text("3 of 3 · 2 labelled")).to_be_visible()
    await expect(panel.get_by_role("button", name="Gives up · 2")).to_be_visible()
    await notebook.picture(pictures, "own-3-words")
    labels = LabelStore(lab.folder / "labels.jsonl").labels()
    assert [(label.why, label.step is None) for label in labels] == [
        ("Gives up. Late.", False),
        ("Gives up", True),
    ]


async def test_all_folds_open_and_close_on_a_key(own, lab, page, notebook):
    await notebook_of(lab, own)
    await notebook.open(lab, "panel.ipynb")
    await notebook.run_all()
    panel = page.locator(".fieldbook-annotate[tabindex='0']")
    await panel.focus()
    folded = panel.locator(".steps details:not([open])")
    assert await folded.count() > 0
    await page.keyboard.press("o")
    assert await folded.count() == 0
    await page.keyboard.press("o")
    assert await panel.locator(".steps details[open]").count() == 0


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
async def test_the_verdict_stays_in_sight_on_a_phone_and_in_the_dark(
    theme, own, lab, page, notebook, pictures
):
    from playwright.async_api import expect

    lab.choose_theme(theme)
    await notebook_of(lab, own)
    await page.set_viewport_size({"width": 390, "height": 844})
    await notebook.open(lab, "panel.ipynb")
    await page.locator(".jp-SideBar.jp-mod-left li").first.click()  # the list of files folds away
    await notebook.run_all()
    panel = page.locator(".fieldbook-annotate[tabindex='0']")
    await panel.evaluate("panel => panel.scrollIntoView()")
    await panel.focus()
    await page.keyboard.press("e")
    await expect(panel.locator(".steps article.failed.fieldbook-here")).to_have_count(1)
    await page.keyboard.press("s")
    await expect(panel.get_by_label("Goes wrong at step (S)")).to_have_value("2")
    await notebook.picture(pictures, f"own-4-phone-{theme.split()[-1].lower()}")
    verdicts = [panel.get_by_role("button", name=name) for name in VERDICTS]
    for element in (panel.get_by_text("1 of 3 · 0 labelled"), panel.get_by_label("Why"), *verdicts):
        await expect(element).to_be_in_viewport(ratio=1)
    for button in verdicts:
        assert await button.evaluate("button => button.scrollWidth <= button.clientWidth")
