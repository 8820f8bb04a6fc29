"""HarnessPanel on a build that another process drives: the session is all that they share, and the
folder, for its evidence.
"""

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness.elsewhere import WORD
from toolkit.sessions import NatsLog, NatsServer, Session
from toolkit.views import HarnessPanel

pytestmark = pytest.mark.nats
ROOT = Path(__file__).parents[2]
WAIT_S = 60


@asynccontextmanager
async def built_elsewhere(tmp_path):
    """A build in a process of its own, and a panel in this one that has seen it fail a round."""
    folder = tmp_path / "work"
    async with (
        NatsServer(store=tmp_path / "store") as server,
        await NatsLog.connect(server.url) as log,
    ):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.harness.elsewhere", server.url, str(folder)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        panel = HarnessPanel(Session(log, "build"), folder, by="ada")
        try:
            await until(lambda: panel.status.sprint and panel.status.sprint.round > 1)
            yield panel, process
        finally:
            await panel.aclose()
            if process.returncode is None:
                process.kill()
            await process.wait()


async def until(ready):
    async with asyncio.timeout(WAIT_S):
        while not ready():
            await asyncio.sleep(0.01)


async def said_at_its_end(process):
    async with asyncio.timeout(WAIT_S):
        said, _ = await process.communicate()
    return process.returncode, said.decode().strip()


async def test_a_word_from_a_panel_reaches_a_build_in_another_process_which_then_passes(tmp_path):
    async with built_elsewhere(tmp_path) as (panel, process):
        panel.key_layer.press({"act": "evidence"})
        assert "draft" in panel.contract.view.text.value
        panel.key_layer.press({"act": "steer", "why": WORD})
        assert await said_at_its_end(process) == (0, "complete")
        await until(lambda: panel.status.outcome == "complete")
        (request,) = panel.status.requests
        assert request.heard
        await until(lambda: f"{WORD} · heard" in panel.asked.value)
    assert (tmp_path / "work/build/notes.txt").read_text() == "notes is here"


async def test_a_stop_from_a_panel_ends_a_build_in_another_process(tmp_path):
    async with built_elsewhere(tmp_path) as (panel, process):
        panel.key_layer.press({"act": "stop"})
        panel.sure.children[1].click()
        assert await said_at_its_end(process) == (0, "cancelled")
        await until(lambda: panel.status.outcome == "cancelled")
    assert not any((tmp_path / "work/build").iterdir())
