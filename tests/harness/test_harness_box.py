"""A box stays open: a server runs in it while checks and a browser look at it; it keeps its limits."""

import json
import subprocess
import sys

import pytest

from toolkit.harness import Sandbox, TextFile
from toolkit.harness.sandbox import BROWSER, BoxError

PORT = 8000
SERVER = """
import http.server

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<title>To do</title><h1 style='color:green'>milk</h1>")

http.server.HTTPServer(("127.0.0.1", 8000), Page).serve_forever()
"""
ASK = """
import urllib.request
print(urllib.request.urlopen("http://localhost:8000/").read().decode())
"""
LOOK = """
import sys
from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    # Chromium's own sandbox needs user namespaces of its own; the walls of the box stand in for it.
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=["--no-sandbox"])
    page = browser.new_page()
    page.goto("http://127.0.0.1:8000/")
    print(page.title(), page.inner_text("h1"))
    page.screenshot(path="page.png")
    browser.close()
"""
ON_A_MAC = """
import json, resource, sys
set_limit = resource.setrlimit
def setrlimit(name, value):
    if name == resource.RLIMIT_AS:
        raise ValueError("current limit exceeds maximum limit")
    set_limit(name, value)
from toolkit.harness.sandbox.inside import Limits, restrict

resource.setrlimit, sys.platform = setrlimit, "darwin"
restrict(Limits(memory_bytes=1 << 32, cpu_s=7))
print(json.dumps(resource.getrlimit(resource.RLIMIT_CPU)))
"""


@pytest.fixture(
    params=[
        pytest.param("bwrap", marks=pytest.mark.sandbox),
        pytest.param("unshare", marks=pytest.mark.sandbox),
    ]
)
def kind(request):
    return request.param


async def test_a_server_answers_checks_in_its_box_and_nowhere_else(tmp_path, kind):
    files = [TextFile("server.py", SERVER), TextFile("ask.py", ASK)]
    async with Sandbox(kind).open(tmp_path, files) as box:
        server = await box.start(["python", "server.py"], PORT, ready_s=30)
        first = await box.run(["python", "ask.py"], 30)
        second = await box.run(["python", "ask.py"], 30)
        assert server.is_running
        assert '"GET / HTTP/1.1" 200' in server.log
        elsewhere = await Sandbox(kind).run(["python", "ask.py"], tmp_path, files, 30)
    assert "milk" in first.stdout
    assert first.stdout == second.stdout
    assert elsewhere.exit_code == 1
    assert "refused" in elsewhere.stderr


async def test_a_server_that_ends_at_once_is_told_with_what_it_printed(tmp_path, kind):
    async with Sandbox(kind).open(tmp_path, [TextFile("server.py", "1 / 0")]) as box:
        with pytest.raises(BoxError, match=r"has ended(?s:.*)ZeroDivisionError"):
            await box.start(["python", "server.py"], PORT, ready_s=30)


async def test_a_server_that_never_answers_is_given_up(tmp_path, kind):
    idle = TextFile("server.py", "import time; time.sleep(600)")
    async with Sandbox(kind).open(tmp_path, [idle]) as box:
        with pytest.raises(BoxError, match="does not answer on port 8000 after 1 s"):
            await box.start(["python", "server.py"], PORT, ready_s=1)


async def test_a_check_that_hangs_ends_and_the_server_goes_on(tmp_path, kind):
    async with Sandbox(kind).open(tmp_path, [TextFile("server.py", SERVER)]) as box:
        server = await box.start(["python", "server.py"], PORT, ready_s=30)
        hung = await box.run(["sleep", "600"], 0.5)
        assert hung.timed_out
        assert server.is_running
        assert (await box.run(["true"])).exit_code == 0


async def test_what_a_command_left_can_be_read_and_nothing_else(tmp_path, kind):
    async with Sandbox(kind).open(tmp_path) as box:
        await box.run(["sh", "-c", "printf 'a\\0b' > left; mkfifo pipe"])
        assert await box.read("left") == b"a\0b"
        with pytest.raises(BoxError, match="No such file"):
            await box.read(str(tmp_path / "conftest.py"))
        with pytest.raises(BoxError, match="cannot be read in"):
            await box.read("pipe", timeout_s=0.2)


async def test_a_build_that_is_too_large_for_the_box_is_unscored(tmp_path, kind):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(300 << 20)
    result = await Sandbox(kind).run(["true"], tmp_path)
    assert result.exit_code is None
    assert "do not fit into the sandbox" in result.error


@pytest.mark.browser
async def test_chromium_in_the_box_opens_the_server_and_gives_a_screenshot_back(
    tmp_path, kind, chromium
):
    sandbox = Sandbox(kind, packages=("playwright", "greenlet"))
    files = [TextFile("server.py", SERVER), TextFile("look.py", LOOK)]
    async with sandbox.open(tmp_path, files) as box:
        await box.start(["python", "server.py"], PORT, ready_s=30)
        seen = await box.run(["python", "look.py", chromium], 90, BROWSER)
        assert seen.stdout == "To do milk\n", seen.stderr
        picture = await box.read("page.png")
    assert picture.startswith(b"\x89PNG")
    (tmp_path / "page.png").write_bytes(picture)


@pytest.mark.skipif(sys.platform == "win32", reason="limits need a POSIX system")
def test_a_limit_on_memory_which_a_mac_refuses_is_left_out():
    start = [sys.executable, "-c", ON_A_MAC]
    ended = subprocess.run(start, capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == [7, 7]
