"""The steps of a browse: what a person would find on a page is found, and nothing else."""

import http.server
import threading
from dataclasses import asdict
from functools import partial

import pytest

from toolkit.harness import Step
from toolkit.harness.checking.inside_browser import browse

pytestmark = pytest.mark.browser
PAGE = """<!doctype html><title>Shop</title><link rel="icon" href="data:,">
<h1>Shop</h1><p hidden>Secret</p><p>Two <b>kinds</b> of milk</p><script>var script = "Scripted"</script>
<label>Amount <input></label> <input placeholder="Search">
<label>Size <select><option>small</option><option>large</option></select></label>
<label><input type="checkbox" onclick="result.textContent = 'agreed ' + this.checked"> I agree</label>
<ul>
  <li>milk <button onclick="result.textContent = 'milk sold'">Buy</button></li>
  <li>oat milk, 2 for 1 <button onclick="setTimeout(() => result.textContent = 'oat sold', 100)"><i>Buy</i></button></li>
</ul>
<p id="result"></p>
<script>
document.querySelector("input").onkeydown = event => {
  if (event.key == "Enter") result.textContent = "amount " + event.target.value;
};
document.querySelector("select").onchange = event => result.textContent = event.target.value;
</script>
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A server of one page."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text(PAGE)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def page(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


@pytest.fixture
def walk(page, address):
    """Make steps on the page. Returns the report of the program."""

    def make(*steps, step_s=30.0):
        listed = [asdict(step) for step in (Step("open", "/"), *steps)]
        return browse(page, {"port": address, "steps": listed, "timeout_s": 120, "step_s": step_s})

    return make


def test_controls_go_by_what_is_written_on_them(walk):
    report = walk(
        Step("fill", "Amount", "3"),
        Step("press", "Enter"),
        Step("see", "amount 3"),
        Step("fill", "Search", "milk"),
        Step("fill", "Size", "large"),
        Step("see", "large"),
        Step("click", "I agree"),
        Step("see", "agreed true"),
        Step("see", "Two kinds of milk"),
        Step("click", "Buy", within="oat milk, 2 for 1"),
        Step("see", "oat sold"),
        Step("not_see", "agreed"),
        Step("see", "oat", within="2 for 1"),
        Step("picture", "end1"),
    )
    assert set(report["faults"]) == {""}
    assert report["pictures"].keys() == {"end1", "end"}
    assert "oat sold" in report["text"]
    assert report["messages"] == []


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (Step("see", "cream"), "it is not there"),
        (Step("see", "MILK"), "it is not there"),
        (Step("see", "Secret"), "it is not there"),
        (Step("see", "Scripted"), "it is not there"),
        (Step("not_see", "milk"), "it is there"),
        (Step("click", "Sell"), "there is no such control"),
        (Step("click", "Buy", within="cream"), "no item of a list or row of a table holds 'cream'"),
    ],
)
def test_what_does_not_come_is_waited_for_and_then_missed(walk, step, fault):
    report = walk(step, step_s=0.3)
    assert report["faults"] == ["", fault]
    assert "end" in report["pictures"]


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (Step("click", "Buy"), "2 controls are called so: say within which text"),
        (Step("click", "Buy", within="milk"), "2 items or rows hold 'milk'"),
        (Step("press", "NoKey"), 'Keyboard.press: Unknown key: "NoKey"'),
        (Step("open", "/nowhere"), ""),
    ],
)
def test_what_is_not_clear_is_not_guessed(walk, step, fault):
    assert walk(step)["faults"] == ["", fault]
