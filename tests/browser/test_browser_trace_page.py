"""The page of a trace and the viewer of many, in a real Chromium: with script and without."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.bench.opening import long_trace
from toolkit.render import block, document, table
from toolkit.traces import Step, Trace, trace_html
from toolkit.traces.page import page_html
from toolkit.traces.viewer import viewer

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.pwned = 1"><script>window.pwned = 1</script>'
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def talk(number: int, *, failing: bool = False, words: str = "Two bikes are free.") -> Trace:
    """A trace of 62 steps; where it fails, the calls at steps 21 and 41 do."""
    steps = [Step("s0", "message", "user", f"Is a bike free? {HOSTILE}", 0.0)]
    for at in range(1, 61, 2):
        error = failing and at in (20 + 1, 40 + 1)
        about = {"call_id": f"c{at}", "name": "find_bike"}
        arguments = {"day": f"day {at}", "note": HOSTILE}
        answer = "Error: no such day" if error else "\n".join(f"bike {n}" for n in range(30))
        steps.append(
            Step(
                f"s{at}",
                "tool.call",
                "assistant",
                "find_bike",
                at * 1.5,
                {**about, "arguments": arguments},
            )
        )
        steps.append(
            Step(
                f"s{at + 1}", "tool.result", "tool", answer, at * 1.5 + 1, {**about, "error": error}
            )
        )
    picture = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    ]
    steps.append(Step("end", "message", "assistant", words, 120.0, {"parts": picture}))
    meta = {
        "outcome": "failed" if failing else "passed",
        "cost_usd": number / 100,
        "model": f"m-{number % 3}",
    }
    return Trace(f"visit-{number}", steps, meta, "simulated")


async def show(page, folder: Path, html: str) -> list[str]:
    """Open the page, and return where it asks for anything, as it happens."""
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(path.as_uri())
    return asked


def only_the_page(asked: list[str]) -> bool:
    return all(url.startswith(("file:///", "data:image/png;base64,", "blob:")) for url in asked)


@pytest.fixture
async def reader(chromium: str) -> AsyncIterator[Any]:
    """A page of a browser that runs no script."""
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = await play.chromium.launch(executable_path=chromium, args=flags)
        context = await browser.new_context(java_script_enabled=False)
        try:
            yield await context.new_page()
        finally:
            await browser.close()


async def test_the_page_is_read_without_script(reader, tmp_path):
    from playwright.async_api import expect

    trace = talk(1, failing=True)
    asked = await show(reader, tmp_path, document(trace.id, trace_html(trace, anchors="v")))
    await expect(reader.locator("article.failed")).to_have_count(2)
    await expect(reader.get_by_text("find_bike failed 2 times, at steps")).to_be_visible()
    await expect(reader.locator("#v-22").get_by_text("Error: no such day")).to_be_visible()

    await reader.locator(".tick.failed").nth(1).click()
    await expect(reader.locator("#v-42")).to_be_in_viewport()
    await expect(reader.locator("#v-22")).not_to_be_in_viewport()
    await reader.get_by_role("link", name="first error").click()
    await expect(reader.locator("#v-22")).to_be_in_viewport()

    await expect(reader.locator("#v-25")).not_to_be_visible()
    await reader.get_by_label("open all").check()
    await expect(reader.locator("#v-25").get_by_text("bike 7")).to_be_visible()
    assert only_the_page(asked)


@pytest.mark.parametrize(
    ("width", "theme", "ground"),
    [
        (1280, "light", "rgb(255, 255, 255)"),
        (1280, "dark", "rgb(21, 24, 28)"),
        (390, "light", "rgb(255, 255, 255)"),
    ],
)
async def test_nothing_is_cut_off_in_light_and_dark_and_on_a_phone(
    page, tmp_path, pictures, width, theme, ground
):
    await page.set_viewport_size({"width": width, "height": 844})
    await page.emulate_media(color_scheme=theme)
    await show(page, tmp_path, viewer([talk(1, failing=True)], "visits.jsonl").html)
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert (
        await page.evaluate(
            "getComputedStyle(document.querySelector('.fieldbook')).backgroundColor"
        )
        == ground
    )
    failed, good = page.locator(".tick.failed").first, page.locator(".tick.tool:not(.failed)").first
    assert (await failed.bounding_box())["height"] > (await good.bounding_box())["height"]
    await page.screenshot(path=pictures / f"trace-{width}-{theme}.png")


async def test_nothing_in_a_trace_runs_or_loads(page, tmp_path):
    traces = [talk(1, failing=True), talk(2)]
    asked = await show(page, tmp_path, viewer(traces, HOSTILE).html)
    await page.get_by_role("link", name="visit-1").click()
    await page.locator("article").first.wait_for()
    assert await page.evaluate("window.pwned === undefined")
    assert await page.locator("#trace img").count() == 1

    # what is put in by other means is stopped by the page's own policy
    refused = asyncio.get_running_loop().create_future()
    page.on(
        "console",
        lambda message: (
            "Content Security Policy" in message.text
            and not refused.done()
            and refused.set_result(True)
        ),
    )
    await page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"http://127.0.0.1:9/x.png\" onerror=\"window.pwned = 1\">')"
    )
    await asyncio.wait_for(refused, 10)
    assert await page.evaluate("window.pwned === undefined")
    assert only_the_page([url for url in asked if "127.0.0.1:9" not in url])


async def test_a_viewer_lists_searches_sorts_and_opens(page, tmp_path, pictures):
    from playwright.async_api import expect

    traces = [talk(number, failing=number in (5, 17)) for number in range(20)]
    traces[11] = talk(11, words="The lighthouse is by the **canal**.")
    prompt = Step("rules", "message", "system", "Say nothing of the lighthouse.")
    traces[12] = replace(traces[12], steps=[prompt, *traces[12].steps])
    await show(page, tmp_path, viewer(traces, "visits.jsonl").html)
    names = page.locator("#rows tbody a")
    await expect(names).to_have_count(20)

    await page.get_by_role("button", name="Failed first").click()
    assert (await names.all_inner_texts())[:3] == ["visit-5", "visit-17", "visit-0"]
    await page.get_by_role("button", name="cost", exact=True).click()
    assert (await names.all_inner_texts())[:3] == ["visit-17", "visit-5", "visit-19"]
    await page.screenshot(path=pictures / "viewer-list.png")

    await page.get_by_placeholder("Search all words").fill("LIGHTHOUSE canal")
    await expect(names).to_have_count(1)
    await expect(page.get_by_role("status")).to_have_text("1 of 20")
    await expect(page.locator("#rows .hit")).to_contain_text("The lighthouse is by the canal.")
    await expect(page.locator("#rows .hit mark")).to_have_text(["lighthouse", "canal"])
    await page.screenshot(path=pictures / "viewer-hit.png")
    await names.first.click()
    await expect(page.locator("#trace article mark")).to_have_text(["lighthouse", "canal"])
    await expect(page.locator("#list")).to_be_hidden()

    await page.keyboard.press("Escape")
    await expect(page.locator("#list")).to_be_visible()
    await page.get_by_placeholder("Search all words").fill("")
    await expect(names).to_have_count(20)


async def test_a_phrase_is_searched_as_it_stands_and_shown_with_whole_words(
    page, tmp_path, monkeypatch
):
    from playwright.async_api import expect

    long = " ".join(f"wonderful{n}" for n in range(60))
    traces = [talk(number) for number in range(4)]
    traces[1] = talk(1, words=f"{long} the red harbour light {long}")
    traces[2] = talk(2, words="the light in the harbour is red")
    pages = [page_html(trace, anchors=f"t{n}") for n, trace in enumerate(traces)]
    monkeypatch.setattr("toolkit.traces.viewer.PAGES_CHARS", sum(map(len, pages)) - 1)
    await show(page, tmp_path, viewer(traces, "visits.jsonl").html)
    names = page.locator("#rows tbody a")
    box = page.get_by_placeholder("Search all words")
    await box.fill("harbour red")
    await expect(names).to_have_text(["visit-1", "visit-2"])
    await expect(page.get_by_role("status")).to_have_text("2 of 3")
    await box.fill('"red harbour"')
    await expect(names).to_have_text(["visit-1"])
    await expect(page.locator("#rows .hit mark")).to_have_text(["red harbour"])
    words = (await page.locator("#rows .hit").inner_text()).strip("… ").split()
    assert set(words) <= {*long.split(), "the", "red", "harbour", "light"}
    await box.fill('"bike 28 bike 29"')
    await expect(names).to_have_count(3)
    await expect(page.locator("#rows .hit").first).to_contain_text("bike 28 · bike 29")
    await box.fill("visit-3")
    await expect(page.get_by_role("status")).to_have_text("0 of 3, and 1 by name alone")


async def test_the_way_back_and_the_keys_stay_in_sight_of_a_trace(page, tmp_path):
    from playwright.async_api import expect

    traces = [talk(number) for number in range(3)]
    await show(page, tmp_path, viewer(traces, "visits.jsonl").html)
    await page.locator("#rows tbody a").nth(1).click()
    await page.locator("article.step").last.scroll_into_view_if_needed()
    for link in ("← all 3 traces", "previous", "next"):
        await expect(page.get_by_role("link", name=link)).to_be_in_viewport()
    await page.keyboard.press("Home")
    await expect(page.locator("#keys")).not_to_be_in_viewport()
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_in_viewport()
    await expect(page.locator("#keys")).to_contain_text("next trace")
    await page.keyboard.press("Escape")
    await expect(page.locator("#keys")).not_to_be_in_viewport()
    await expect(page.locator("#list")).to_be_hidden()


@pytest.mark.parametrize("width", [1280, 390])
async def test_a_click_anywhere_in_a_row_opens_its_trace_and_e_is_the_next_error(
    page, tmp_path, width
):
    from playwright.async_api import expect

    traces = [talk(number, failing=number == 1) for number in range(3)]
    await page.set_viewport_size({"width": width, "height": 844})
    await show(page, tmp_path, viewer(traces, "visits.jsonl").html)
    await page.locator("#rows tbody tr").nth(1).locator("td").last.click()
    await expect(page.get_by_role("heading", name="visit-1")).to_be_visible()
    await page.keyboard.press("E")
    await expect(page.locator("#t1-22")).to_be_in_viewport()
    await expect(page.locator(".glance")).to_be_visible()
    await expect(page.locator(".glance")).to_contain_text("visit-1")
    await expect(page.locator("#trace .step .n").first).to_have_css("white-space", "nowrap")


async def test_keys_lead_from_error_to_error_and_from_trace_to_trace(page, tmp_path, pictures):
    from playwright.async_api import expect

    traces = [talk(number, failing=number == 1) for number in range(3)]
    await show(page, tmp_path, viewer(traces, "visits.jsonl").html)
    await page.goto(page.url + "#t0")
    await expect(page.get_by_role("heading", name="visit-0")).to_be_visible()
    await page.keyboard.press("j")
    await expect(page.get_by_role("heading", name="visit-1")).to_be_visible()
    for anchor in ("#t1-22", "#t1-42", "#t1-22"):
        await page.keyboard.press("n")
        await expect(page.locator(anchor)).to_be_in_viewport()
        await expect(page.locator(f'.tick.here[href="{anchor}"]')).to_have_count(1)
    await page.screenshot(path=pictures / "viewer-next-error.png")
    await page.keyboard.press("p")
    await expect(page.locator("#t1-42")).to_be_in_viewport()
    await page.keyboard.press("o")
    await expect(page.get_by_label("open all")).to_be_checked()

    await page.goto(page.url.partition("#")[0] + "#t2-30")
    await expect(page.get_by_role("heading", name="visit-2")).to_be_attached()
    await expect(page.locator("#t2-30")).to_be_in_viewport()


async def test_a_trace_that_is_not_laid_out_as_a_whole_leads_to_its_last_error(page, tmp_path):
    from playwright.async_api import expect

    trace = long_trace(1000)  # what 5,000 steps take to open is measured in the bench
    await show(page, tmp_path, document(trace.id, trace_html(trace, anchors="v")))
    await page.locator(".tick.failed").last.click()
    await expect(page.locator("article:target")).to_be_in_viewport()


async def test_on_a_phone_each_trace_is_a_card_and_no_column_is_cut_off(page, tmp_path, pictures):
    from playwright.async_api import expect

    traces = [talk(number, failing=number == 1) for number in range(3)]
    files = [f"runs/of/a/folder/number-{number}.jsonl" for number in range(3)]
    await page.set_viewport_size({"width": 390, "height": 844})
    await show(page, tmp_path, viewer(traces, "runs (3 files)", files=files).html)
    cells = page.locator("#rows tbody td")
    await expect(page.locator("#rows tbody tr")).to_have_count(3)
    edges = await cells.evaluate_all("all => all.map(cell => cell.getBoundingClientRect().right)")
    assert len(edges) == 3 * 6
    assert max(edges) <= 390
    await expect(page.get_by_text("number-2.jsonl")).to_be_in_viewport()
    await page.get_by_role("button", name="file", exact=True).click()
    await expect(page.locator("#rows th[aria-sort]")).to_have_text("file ▴")
    await page.screenshot(path=pictures / "viewer-list-390.png")


async def test_a_trace_in_jupyterlab_has_ticks_that_lead_to_steps_in_either_theme(
    lab, page, notebook, pictures
):
    from playwright.async_api import expect

    cells = [
        "from toolkit.traces import Step, Trace, trace_html\n"
        "from toolkit import render\n"
        "from ipywidgets import HTML, Box, Layout\n"
        "steps = [Step(f's{n}', 'message', 'user' if n % 2 else 'assistant', f'words {n}. ' * 40) for n in range(60)]\n"
        "trace = Trace('t', steps)\n"
        "trace",
        "Box([HTML(render.block(trace_html(trace, anchors='framed')))], layout=Layout(height='20rem', overflow='auto'))",
    ]
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
    nbformat.write(book, lab.folder / "trace.ipynb")
    await notebook.open(lab, "trace.ipynb")
    await notebook.run_all()

    framed = page.locator("#framed-50")
    await page.locator('.tick[href="#framed-50"]').click()
    await expect(framed).to_be_in_viewport()
    shown = page.locator(".jp-RenderedHTMLCommon article").nth(54)
    await page.locator(".jp-RenderedHTMLCommon .tick").nth(54).click()
    await expect(shown).to_be_in_viewport()
    await notebook.picture(pictures, "trace-in-lab-light")

    ground = "getComputedStyle(document.querySelector('.fieldbook')).backgroundColor"
    assert await page.evaluate(ground) == "rgb(255, 255, 255)"
    await page.emulate_media(color_scheme="dark")
    assert await page.evaluate(ground) == "rgb(255, 255, 255)", (
        "JupyterLab's theme counts, not the system's"
    )
    await page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    assert await page.evaluate(ground) == "rgb(21, 24, 28)"
    await notebook.picture(pictures, "trace-in-lab-dark")


LAB = """<style>:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon td,
:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon th{text-align:right}</style>"""
"""What JupyterLab 4.6 says of tables in outputs."""


async def test_the_words_of_a_table_begin_at_the_left_in_jupyterlab_too(reader, tmp_path):
    output = block(table([("find_booking", "read")], ["tool", "declared"]))
    html = f'<!doctype html>{LAB}<div class="jp-RenderedHTMLCommon">{output}</div>'
    await show(reader, tmp_path, html)
    for cell in ("th", "td"):
        style = await reader.locator(cell).first.evaluate(
            "cell => getComputedStyle(cell).textAlign"
        )
        assert style == "left"
