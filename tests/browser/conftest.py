"""A real JupyterLab on loopback and a real Chromium, both at home in a temporary folder and gone
afterwards.
"""

import asyncio
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

import psutil
import pytest
import pytest_asyncio

from toolkit import warden

START_S, STOP_S, STEP_S = 120, 10, 60
CHROMIUM_FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
HOMES = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
}
NO_NEWS = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
THEMES = "@jupyterlab/apputils-extension/themes.jupyterlab-settings"
IDLE = "Python 3 (ipykernel) | Idle"


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    token: str
    folder: Path
    """Where the test's notebooks are."""
    settings: Path
    """Where it keeps what its users have chosen."""
    out: Path
    """Where its kernels keep labels, as FIELDBOOK_OUT names it to them."""
    place: str = ""
    """The folder as the address of a notebook names it."""

    def choose_theme(self, theme: str) -> None:
        """Show the next page in `theme`, such as ``JupyterLab Dark``."""
        (self.settings / THEMES).write_text(json.dumps({"theme": theme}))

    def end_kernels(self) -> None:
        """End what the notebooks of one test left running."""
        for session in self._api("GET", "sessions"):
            with suppress(urllib.error.HTTPError):  # its kernel has died
                self._api("DELETE", f"sessions/{session['id']}")

    def _api(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}api/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=STEP_S) as response:
            return json.loads(response.read() or "null")


async def until(ready: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """What `ready` returns, once that is true; asked twenty times a second."""
    try:
        async with asyncio.timeout(timeout_s):
            while not (value := ready()):
                await asyncio.sleep(0.05)
            return value
    except TimeoutError:
        raise AssertionError(f"{what}: not within {timeout_s} s") from None


@asynccontextmanager
async def running(command: list[str], folder: Path, home: Path) -> AsyncIterator[Lab]:
    """The JupyterLab that `command` starts, with notebooks in `folder` and all else in `home`."""
    token, log, out = token_hex(16), home / "lab.log", home / "out"
    homes = {name: str(home / "jupyter" / place) for name, place in HOMES.items()}
    settings = home / "jupyter" / "settings"
    (settings / NO_NEWS).parent.mkdir(parents=True)
    (settings / NO_NEWS).write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    options = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=0",
        f"--IdentityProvider.token={token}",
        "--LabApp.news_url=",
        "--LabApp.extension_manager=readonly",
    ]
    with log.open("wb") as lines:
        server = await asyncio.create_subprocess_exec(
            *warden.command([*command, *options]),  # it ends with a run of the tests that is killed
            env={**os.environ, **homes, "JUPYTER_PLATFORM_DIRS": "1", "FIELDBOOK_OUT": str(out)},
            stdin=asyncio.subprocess.PIPE,
            stdout=lines,
            stderr=lines,
        )
    try:
        runtime = home / "jupyter" / "runtime"

        def is_up() -> bool:
            return any(file.read_text().endswith("}") for file in runtime.glob("jpserver-*.json"))

        await until(is_up, START_S, f"JupyterLab up ({log})")
        (file,) = runtime.glob("jpserver-*.json")
        yield Lab(json.loads(file.read_text())["url"], token, folder, settings, out)
    finally:
        await stop(server)


@pytest.fixture
def start_lab(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Lab]]:
    """What starts a JupyterLab by a command of your own."""
    return partial(running, home=tmp_path)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def jupyter(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """One JupyterLab for all tests: it takes as long to start as a test takes."""
    home = tmp_path_factory.mktemp("jupyter")
    folder = home / "notebooks"
    folder.mkdir()
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    async with running(command, folder, home) as lab:
        yield lab


@pytest.fixture
async def lab(jupyter: Lab, tmp_path: Path) -> AsyncIterator[Lab]:
    """A JupyterLab with a folder, kernels and a theme that no other test sees."""
    folder = jupyter.folder / tmp_path.name
    folder.mkdir()
    yield replace(jupyter, folder=folder, place=f"{tmp_path.name}/")
    await asyncio.to_thread(jupyter.end_kernels)
    (jupyter.settings / THEMES).unlink(missing_ok=True)


async def stop(server: asyncio.subprocess.Process) -> None:
    """End the server and its kernels, which stand in process groups of their own."""
    family = (
        psutil.Process(server.pid).children(recursive=True) if server.returncode is None else []
    )
    with suppress(ProcessLookupError):
        server.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await server.wait()
    except TimeoutError:
        server.kill()
        await server.wait()
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture
async def page(chromium: str, tmp_path: Path) -> AsyncIterator[Any]:
    """One page of a Chromium that has never been anywhere."""
    from playwright.async_api import async_playwright, expect

    expect.set_options(timeout=STEP_S * 1000)
    async with async_playwright() as play:
        context = await play.chromium.launch_persistent_context(
            tmp_path / "chromium",
            executable_path=chromium,
            args=CHROMIUM_FLAGS.split(),
            viewport={"width": 1280, "height": 900},
        )
        context.set_default_timeout(STEP_S * 1000)
        try:
            yield context.pages[0]
            await context.pages[0].screenshot(path=tmp_path / "last.png")
        finally:
            await context.close()


@dataclass(frozen=True)
class Notebook:
    """A notebook as a person at the browser has it."""

    page: Any

    async def open(self, lab: Lab, name: str) -> None:
        await self.page.goto(f"{lab.url}lab/tree/{lab.place}{name}?reset&token={lab.token}")
        await self.idle()

    async def idle(self) -> None:
        """Wait for the status bar: the notebook's own light is green before there is a kernel."""
        await self.page.get_by_text(IDLE, exact=True).wait_for()

    async def menu(self, name: str, entry: str) -> None:
        await self.page.get_by_role("menuitem", name=name, exact=True).click()
        await self.page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()

    async def run_all(self) -> None:
        await self.menu("Run", "Run All Cells")

    async def save_and_reload(self) -> None:
        await self.menu("File", "Save Notebook")
        await self.page.locator(".jp-mod-dirty").wait_for(state="detached")
        await self.page.reload()
        await self.idle()

    async def restart(self) -> None:
        await self.menu("Kernel", "Restart Kernel…")
        await self.page.get_by_role("button", name="Confirm Kernel Restart").click()
        await self.idle()

    async def picture(self, folder: Path, name: str) -> None:
        await self.page.screenshot(path=folder / f"{name}.png")


@pytest.fixture
def notebook(page: Any) -> Notebook:
    return Notebook(page)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: FIELDBOOK_SCREENSHOTS keeps them."""
    folder = Path(os.environ.get("FIELDBOOK_SCREENSHOTS") or tmp_path / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def gallery(pictures: Path) -> Path:
    """Where the README's pictures go: FIELDBOOK_PICTURES keeps them."""
    folder = Path(os.environ.get("FIELDBOOK_PICTURES") or pictures)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
async def visit(chromium):
    """Opens a link on a device, and waits until the page is live."""
    from playwright.async_api import async_playwright, expect

    expect.set_options(timeout=STEP_S * 1000)
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])

        async def open_(link, device, scheme="light"):
            context = await browser.new_context(**device, color_scheme=scheme)
            page = await context.new_page()
            await page.goto(link)
            await expect(page.locator("#line")).to_have_text("live")
            return page

        yield open_
        await browser.close()
