"""`fieldbook serve --harness FOLDER`: the session of a folder's build, its evidence by hash, and a
simulated build where the folder is empty.
"""

import asyncio
import json
import subprocess
import sys
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.harness.watched import GOAL, TURNS, gated_harness
from toolkit.errors import UsageError
from toolkit.harness import EvidenceFolder, Workspace
from toolkit.harness.demo import GOAL as DEMO_GOAL
from toolkit.harness.watching import WatchedBuild
from toolkit.harness.watching.served import SESSION_FILE, served_build
from toolkit.sessions import MemoryLog, Session
from toolkit.sessions.http import Tokens

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@asynccontextmanager
async def reader(folder):
    """What gets a path of the served build, with a token that controls it."""
    tokens = Tokens()
    async with (
        served_build(folder, tokens) as served,
        httpx.AsyncClient(trust_env=False, timeout=120) as client,
    ):
        token = tokens.issue(served.session, "control")

        def address(path, token=token):
            return f"{served.url}/sessions/{served.session}{path}?token={token}"

        yield served, client, address


async def status_at_end(client, address):
    """The status of the build, read from the stream until it has ended."""
    watched = WatchedBuild()
    async with client.stream("GET", address("/events")) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: ") and '"kind"' in line:
                watched.apply(event_of(json.loads(line.removeprefix("data: "))))
            if watched.status().phase == "ended":
                return watched.status()
    raise AssertionError("the stream has ended")


def event_of(data):
    from toolkit.events import Event

    return Event(**data)


async def test_in_an_empty_folder_a_simulated_build_begins_with_its_first_visitor_and_once(
    tmp_path,
):
    folder = tmp_path / "demo"
    async with reader(folder) as (served, client, address):
        assert "simulated" in served.about
        assert not (folder / "goal.md").exists()
        status = await status_at_end(client, address)
        assert status.outcome == "complete"
        assert status.source == "simulated"
        assert status.goal == DEMO_GOAL
        evidence = status.sprint.lines["totals"].now.evidence[0]
        answer = await client.get(address(f"/evidence/{evidence.sha256}"))
        assert "report.py" in answer.text
    written = (folder / SESSION_FILE).read_text().count('"build.started"')
    async with reader(folder) as (served, client, address):
        assert "complete, round 2 · 5 of 5 criteria hold" in served.about
        assert (await status_at_end(client, address)).outcome == "complete"
    assert (folder / SESSION_FILE).read_text().count('"build.started"') == written == 1


async def test_a_build_of_your_own_that_kept_its_session_in_its_folder_is_shown_as_it_is(tmp_path):
    session = Session(MemoryLog(tmp_path / SESSION_FILE), "mine")
    await gated_harness(tmp_path, session, asyncio.Semaphore(TURNS)).run(GOAL)
    async with reader(tmp_path) as (served, client, address):
        assert served.session == "mine"
        status = await status_at_end(client, address)
    assert (status.goal, status.outcome) == (GOAL, "complete")


async def test_a_folder_without_a_session_and_one_that_is_built_in_are_refused_in_words(tmp_path):
    (tmp_path / "goal.md").write_text("A goal.")
    with pytest.raises(UsageError, match=r"there is no session\.jsonl"):
        async with served_build(tmp_path, None):
            pass
    (tmp_path / SESSION_FILE).touch()
    with Workspace(tmp_path).held(), pytest.raises(UsageError, match="another run is at work") as e:
        async with served_build(tmp_path, None):
            pass
    assert "NATS_URL=nats://127.0.0.1:4222 fieldbook serve --session ID" in str(e.value)
    assert "wait for it" not in str(e.value)


async def test_evidence_needs_a_token_and_comes_as_a_picture_or_as_text_that_runs_nothing(tmp_path):
    folder = EvidenceFolder(tmp_path, "evidence/round-1")
    page = b"<script>alert(1)</script>"
    picture, text = folder.keep("lists", {"list.png": PNG, "page.html": page})
    (tmp_path / SESSION_FILE).touch()
    async with reader(tmp_path) as (_, client, address):
        shown = await client.get(address(f"/evidence/{picture.sha256}"))
        assert (shown.headers["content-type"], shown.content) == ("image/png", PNG)
        shown = await client.get(address(f"/evidence/{text.sha256}"))
        assert shown.headers["content-type"] == "text/plain; charset=utf-8"
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in shown.headers["content-security-policy"]
        for path in ("0" * 64, "..%2f..%2fsession.jsonl", text.path):
            assert (await client.get(address(f"/evidence/{path}"))).status_code == 404
        refused = await client.get(address(f"/evidence/{text.sha256}", token="guess"))
        assert refused.status_code == 401


def test_the_command_says_which_options_do_not_go_together(tmp_path):
    program = [sys.executable, "-c", "from toolkit.cli import app; app()", "serve"]
    options = ["--harness", str(tmp_path), "--store", str(tmp_path)]
    ended = subprocess.run([*program, *options], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert "--harness names a folder of its own" in ended.stderr
