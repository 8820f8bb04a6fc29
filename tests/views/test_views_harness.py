"""HarnessPanel: what it shows of a build, what it asks of it, and that it hears the answer."""

import asyncio
from base64 import b64encode
from contextlib import asynccontextmanager

from tests.harness.watched import GOAL, HOSTILE, TURNS, gated_harness
from toolkit.harness import EvidenceFolder
from toolkit.sessions import MemoryLog, Session
from toolkit.views import HarnessPanel
from toolkit.views.panels.page import widgets_in

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


async def until(ready, timeout_s=60.0):
    async with asyncio.timeout(timeout_s):
        while not ready():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def panel_on(session, folder=None):
    panel = HarnessPanel(session, folder, by="ada")
    try:
        yield panel
    finally:
        await panel.aclose()


@asynccontextmanager
async def under_way(session, folder, **options):
    """A build whose roles wait at a gate."""
    gate = asyncio.Semaphore(0)
    run = asyncio.create_task(gated_harness(folder, session, gate, **options).run(GOAL))
    try:
        yield gate, run
    finally:
        run.cancel()
        await asyncio.wait([run])


def shown(panel):
    """All HTML of the panel."""
    return "".join(getattr(widget, "value", "") or "" for widget in widgets_in(panel))


def n_turns(panel):
    return sum(lane.n_turns for lane in panel.status.lanes)


async def test_a_build_is_watched_from_its_plan_to_its_last_green_check(tmp_path):
    session = Session(MemoryLog(), "build")
    async with panel_on(session, tmp_path) as panel, under_way(session, tmp_path) as (gate, run):
        assert panel.stop.disabled
        await until(lambda: n_turns(panel) == 1)
        assert "● at work" in panel._lane_views["planner"].value
        for _ in range(5):
            gate.release()
        await until(lambda: n_turns(panel) == 6)
        assert panel.status.position == "round 1 · 0 of 1 criterion holds"
        assert "not in its stdout" in shown(panel)
        assert "wrote note.txt" in panel._lane_views["generator"].value
        assert HOSTILE not in shown(panel)
        panel.key_layer.press({"act": "evidence"})
        assert "good day" in panel.contract.view.text.value
        for _ in range(TURNS):
            gate.release()
        assert (await run).outcome == "complete"
        await until(lambda: panel.status.n_holding == 1)
        assert "simulated" in panel.head.value
        assert "Round 2" in panel.contract.view.text.value
        panel.key_layer.press({"act": "shut"})
        assert panel.contract.view.text.value == ""


async def test_a_stop_is_asked_once_more_and_ends_the_build_in_mid_run(tmp_path):
    session = Session(MemoryLog(), "build")
    async with panel_on(session, tmp_path) as panel, under_way(session, tmp_path) as (gate, run):
        gate.release()
        await until(lambda: n_turns(panel) == 2)
        panel.key_layer.press({"act": "stop"})
        assert panel.sure.layout.display is None
        assert not run.done()
        panel.sure.children[2].click()
        assert panel.sure.layout.display == "none"
        panel.key_layer.press({"act": "stop"})
        panel.sure.children[1].click()
        assert (await run).outcome == "cancelled"
        await until(lambda: panel.status.phase == "ended")
        assert "ada asked: stop · heard" in panel.asked.value
        assert panel.stop.disabled


async def test_words_are_sent_as_a_steer_and_the_panel_says_what_became_of_them(tmp_path):
    session = Session(MemoryLog(), "build")
    async with panel_on(session, tmp_path) as panel, under_way(session, tmp_path) as (gate, run):
        await until(lambda: n_turns(panel) == 1)
        panel.key_layer.press({"act": "steer", "why": "drop the dark mode"})
        await until(lambda: "drop the dark mode · not heard yet" in panel.asked.value)
        assert panel.words.value == ""
        for _ in range(TURNS):
            gate.release()
        await run
        await until(lambda: panel.status.phase == "ended")
        (request,) = panel.status.requests
        assert request.heard or request.unused
        assert str(request) in panel.asked.value


async def test_a_build_that_waits_for_a_person_shows_its_question_and_takes_one_answer():
    session = Session(MemoryLog(), "build")
    run = await session.start_run("harness", "simulated")
    async with panel_on(session) as panel:
        assert panel.approval.layout.display == "none"
        asking = asyncio.create_task(run.ask(f"Take it over? {HOSTILE}", 60))
        await until(lambda: panel.status.phase == "waiting")
        assert panel.approval.layout.display is None
        assert HOSTILE not in panel.question.value
        panel.key_layer.press({"act": "yes"})
        assert await asking is True
        await until(lambda: panel.approval.layout.display == "none")
    await run.finish()


async def test_evidence_is_a_picture_or_a_text_and_what_is_not_in_the_folder_is_not_shown(tmp_path):
    session = Session(MemoryLog(), "build")
    folder = EvidenceFolder(tmp_path, "evidence/round-1")
    kept = folder.keep("lists", {"list.png": PNG, "log.txt": HOSTILE.encode()})
    files = [{"name": file.name, "sha256": file.sha256} for file in kept]
    files.append({"name": "gone.txt", "sha256": "0" * 64})
    criteria = [{"id": "lists", "claim": HOSTILE}]
    await session.append("contract.frozen", "evaluator", {"sha256": "ab", "criteria": criteria})
    check = {"criterion": "lists", "round": 1, "finding": "fail", "why": "red", "evidence": files}
    await session.append("check.result", "evaluator", check)
    for workspace, pictures in ((tmp_path, 1), (None, 0)):
        async with panel_on(session, workspace) as panel:
            await until(lambda panel=panel: panel.status.n_criteria == 1)
            await until(lambda panel=panel: panel.status.sprint.round == 1)
            panel.contract.view.read_next()
            page = panel.contract.view.text.value
            assert page.count(f"data:image/png;base64,{b64encode(PNG).decode()}") == pictures
            assert ("not shown" in page) == bool(pictures)
            assert HOSTILE not in shown(panel)


async def test_the_contract_of_an_earlier_sprint_is_a_key_away():
    session = Session(MemoryLog(), "build")
    for number in (1, 2):
        criteria = [{"id": f"c{number}", "claim": f"Claim {number}."}]
        frozen = {"sha256": "ab", "criteria": criteria, "sprint": number}
        await session.append("contract.frozen", "evaluator", frozen)
    async with panel_on(session) as panel:
        await until(lambda: len(panel.status.sprints) == 2)
        await until(lambda: "Claim 2." in shown(panel.contract))
        assert panel.contract.after.disabled
        panel.key_layer.press({"act": "previous"})
        assert "Claim 1." in shown(panel.contract)
        assert panel.contract.before.disabled
        panel.key_layer.press({"act": "next"})
        assert "Claim 2." in shown(panel.contract)


async def test_a_refresh_that_fails_is_said_and_is_not_the_last():
    shown = []

    class Fragile(HarnessPanel):
        def refresh(self):
            super().refresh()
            shown.append(None)
            if len(shown) == 2:
                raise ValueError("no <lane>")

    panel = Fragile(Session(MemoryLog(), "build"), by="ada")
    try:
        await until(lambda: "no &lt;lane&gt;" in panel.note.value)
        n_shown = len(shown)
        await until(lambda: len(shown) > n_shown)
    finally:
        await panel.aclose()
