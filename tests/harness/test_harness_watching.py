"""A build is folded from its session's events alone: a real one to what its outcome says, a broken
one without an error, and nothing is green that no verdict has passed.
"""

import asyncio
import random
from dataclasses import asdict

import pytest

from tests.harness.watched import GOAL, TURNS, folded, gated_harness, random_session
from toolkit.events import Event
from toolkit.harness import EvidenceFolder, run_demo
from toolkit.harness.watching import WatchedBuild, find_evidence
from toolkit.sessions import MemoryLog, Session


class Feed:
    """A session's events, written by hand."""

    def __init__(self):
        self.events = []

    def add(self, kind, actor="evaluator", run=None, **data):
        seq = len(self.events) + 1
        self.events.append(Event("s", kind, actor, data, f"e{seq}", run, float(seq), seq))
        return f"e{seq}"

    @property
    def status(self):
        return folded(self.events)


def with_contract(*ids, sprint=1):
    feed = Feed()
    frozen_contract(feed, *ids, sprint=sprint)
    return feed


def frozen_contract(feed, *ids, sprint=1):
    criteria = [{"id": id_, "claim": f"{id_}.", "check": {"kind": "command"}} for id_ in ids]
    feed.add("contract.frozen", sha256="ab", criteria=criteria, sprint=sprint)


async def test_a_real_build_is_folded_to_what_its_outcome_says(tmp_path):
    session = Session(MemoryLog(), "build")
    figures = await run_demo(tmp_path, session)
    status = folded([event async for event in session.read(follow=False)])
    assert status.phase == "ended"
    assert status.source == "simulated"
    assert status.spent_usd == figures["cost_usd"]
    ledger = {total["role"]: total["cost_usd"] for total in figures["ledger"]}
    assert {lane.role: lane.cost_usd for lane in status.lanes} == ledger
    assert status.position == "round 2 · 5 of 5 criteria hold"
    grades = {}
    for id_, line in status.sprint.lines.items():
        grades[id_] = [line.cells[number].grade for number in sorted(line.cells)]
    assert grades["quoted-commas"] == ["fail", "fail", "pass"]
    assert grades["totals"] == ["fail", "pass", "pass"]
    evidence = status.sprint.lines["quoted-commas"].now.evidence[0]
    assert b"report.py" in find_evidence(tmp_path, evidence.sha256)
    generator = next(lane for lane in status.lanes if lane.role == "generator")
    assert generator.turns[-1].files == ["report.py"]
    assert "csv module" in generator.turns[-1].words


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_whatever_stands_on_a_session_it_is_folded_and_only_a_verdict_makes_green(first):
    for seed in range(first, first + 100):
        watched = WatchedBuild()
        passed = set()
        later = []
        for event in random_session(random.Random(seed)):
            watched.apply(event)
            given_out = watched.status()
            before = asdict(given_out)
            watched.apply(event)
            if event.kind != "text.snapshot":
                assert asdict(watched.status()) == before, f"{seed}: {event} counts twice"
            if event.kind == "verdict" and event.data.get("verdict") == "pass":
                passed.add(str(event.data.get("criterion")))
            for sprint in watched.status().sprints:
                assert {id_ for id_, line in sprint.lines.items() if line.holds} <= passed
            str(watched.status())
            later.append((given_out, before))
        assert all(asdict(status) == before for status, before in later)


def test_a_check_that_passes_is_no_verdict_and_a_later_round_may_turn_it_red():
    feed = with_contract("totals")
    feed.add("check.result", run="r1", criterion="totals", round=1, finding="pass")
    line = feed.status.sprint.lines["totals"]
    assert line.now.grade == "pass"
    assert not line.holds
    feed.add("verdict", run="r1", criterion="totals", round=1, verdict="pass")
    assert feed.status.sprint.lines["totals"].holds
    feed.add("check.result", run="r2", criterion="totals", round=2, finding="fail", why="3 rows")
    line = feed.status.sprint.lines["totals"]
    assert not line.holds
    assert line.now.why == "3 rows"


def test_what_is_no_pass_and_no_fail_is_unscored():
    feed = with_contract("totals")
    feed.add("verdict", criterion="totals", round=1, verdict="surely")
    assert feed.status.sprint.lines["totals"].now.grade == "unscored"


def test_a_sprint_has_its_own_contract_and_what_earlier_ones_promised_is_checked_again():
    feed = Feed()
    feed.add("sprint.started", "harness", sprint=1, of=2, goal="add")
    frozen_contract(feed, "adds")
    feed.add("verdict", criterion="adds", round=1, sprint=1, verdict="pass")
    feed.add("sprint.started", "harness", sprint=2, of=2, goal="list")
    frozen_contract(feed, "lists", sprint=2)
    feed.add("check.result", criterion="lists", round=1, finding="fail")
    feed.add("check.result", criterion="adds", round=1, finding="fail", regression_of=1)
    status = feed.status
    assert status.position == "sprint 2 of 2 · round 1 · 1 of 2 criteria hold"
    assert status.sprint.earlier["1/adds"].claim == "adds."
    assert status.sprint.earlier["1/adds"].now.grade == "fail"
    assert status.sprints[0].goal == "add"


def test_a_build_of_an_earlier_version_has_no_loops_run_and_no_end_of_its_own():
    feed = Feed()
    feed.add("message", "user", text=GOAL)
    feed.add("run.started", "planner", "r1", source="simulated")
    assert feed.status.phase == "running"
    assert feed.status.goal == GOAL
    feed.add("run.finished", "planner", "r1", outcome="complete")
    assert feed.status.phase == "ended"
    assert feed.status.outcome is None


def test_a_second_run_of_a_build_takes_the_place_of_the_first():
    feed = Feed()
    for run in ("1", "2"):
        feed.add("message", "user", text=GOAL)
        feed.add("run.started", "harness", f"loop{run}", source="simulated")
        budget = {"cost_usd": 2.0, "tokens": 500}
        feed.add("build.started", "harness", f"loop{run}", budget=budget, roles=["poet"])
        feed.add("run.started", "poet", f"r{run}", source="simulated")
        usage = {"input_tokens": 10, "output_tokens": 5}
        feed.add("model.usage", "poet", f"r{run}", cost_usd=0.25, usage=usage)
        assert feed.status.money == "$0.25 spent of $2.00 · 15 tokens of 500"
        assert [lane.role for lane in feed.status.lanes] == ["poet"]
        assert feed.status.phase == "running"
        feed.add("run.finished", "ada", f"loop{run}", outcome="orphaned")
        assert feed.status.phase == "ended"


def test_what_people_ask_has_a_receipt_or_is_not_heard_yet():
    feed = Feed()
    feed.add("run.started", "harness", "loop")
    steer = feed.add("steer", "ada", text="drop the dark mode", screen="phone")
    assert str(feed.status.requests[-1]).endswith("drop the dark mode · not heard yet")
    feed.add("steer.consumed", "harness", "loop", event=steer)
    expected = "ada on the phone asked: drop the dark mode · heard"
    assert str(feed.status.requests[-1]) == expected
    late = feed.add("steer", "ada", text="blue")
    feed.add("signal.unused", "ada", event=late, why="the run ended")
    assert str(feed.status.requests[-1]) == "ada asked: blue · not used: the run ended"
    question = feed.add("approval.asked", "harness", "loop", question="Take it over?")
    assert (feed.status.phase, feed.status.question) == ("waiting", "Take it over?")
    feed.add("approval.settled", "harness", "loop", request=question, answer=True)
    assert feed.status.phase == "running"
    feed.add("cancel", "ada")
    assert feed.status.phase == "stopping"
    feed.add("build.finished", "harness", "loop", outcome="cancelled", why="a cancel arrived")
    feed.add("run.finished", "harness", "loop", outcome="cancelled")
    assert (feed.status.phase, feed.status.outcome) == ("ended", "cancelled")
    assert str(feed.status.requests[-1]) == "ada asked: stop · heard"


async def test_a_snapshot_stands_for_the_words_before_it(tmp_path):
    session = Session(MemoryLog(), "build")
    gate = asyncio.Semaphore(TURNS)
    outcome = await gated_harness(tmp_path, session, gate).run(GOAL)
    assert outcome.outcome == "complete"
    whole = folded([event async for event in session.read(follow=False, lane="log")])
    late = folded([event async for event in session.read(follow=False)])
    assert asdict(late)["lanes"] == asdict(whole)["lanes"]


def test_evidence_is_found_by_its_hash_alone(tmp_path):
    workspace = tmp_path / "build"
    folder = EvidenceFolder(workspace, "sprints/2/evidence/round-1")
    (kept,) = folder.keep("totals", {"output.json": b"seen"})
    assert find_evidence(workspace, kept.sha256) == b"seen"
    assert find_evidence(workspace, kept.path) is None
    assert find_evidence(workspace, "0" * 64) is None
    (workspace / kept.path).write_bytes(b"seen, or not")
    assert find_evidence(workspace, kept.sha256) is None
    secret = tmp_path / "secret"
    secret.write_bytes(b"seen")
    (workspace / kept.path).unlink()
    (workspace / kept.path).symlink_to(secret)
    assert find_evidence(workspace, kept.sha256) is None
