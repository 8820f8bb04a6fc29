"""A build of three sprints that is killed anywhere goes on, and ends as one that was not."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.sessions import NatsServer

ROOT = Path(__file__).parents[2]
LINE_S = 120


@pytest.fixture(scope="module")
def forks():
    """A process that runs the build in a fork, for each line that it reads."""
    command = [sys.executable, "-m", "tests.faults.building"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.communicate(timeout=LINE_S)


def build(forks, folder: Path, where: str, nth: int = 0, killing_call: int = 0) -> int:
    """Run the build until its end, or until it is killed. Returns the exit code."""
    print(folder, where, nth, killing_call, file=forks.stdin, flush=True)
    return int(forks.stdout.readline())


def told(folder: Path) -> dict:
    return json.loads(folder.with_suffix(".result").read_text())


@pytest.fixture(scope="module")
def whole(forks, tmp_path_factory):
    """The result of a build that nobody kills."""
    folder = tmp_path_factory.mktemp("whole") / "work"
    assert build(forks, folder, str(folder.with_suffix(".log"))) == 0
    result = told(folder)
    assert (result["outcome"], result["rounds"]) == ("complete", 4)
    assert result["features"] == ["alpha", "beta", "web"]
    assert result["possibly_billed_calls"] == 0
    return result


def recorded(folder: Path) -> int:
    journal = folder / "journal.jsonl"
    return len(journal.read_bytes().splitlines()) if journal.exists() else 0


def changed_by_kill(forks, folder: Path, where: str, whole: dict, **point: int) -> list[str]:
    """Kill the build at a point, and let it go on. Returns what came out otherwise than without."""
    assert build(forks, folder, where, **point) == -signal.SIGKILL
    n_recorded = recorded(folder)
    calls = folder.with_suffix(".calls")
    n_called = len(calls.read_text().split()) if calls.exists() else 0
    assert build(forks, folder, where) == 0
    result = told(folder)
    in_flight = n_called - n_recorded
    changed = []
    for name, value in (whole | {"possibly_billed_calls": in_flight}).items():
        if name != "stored" and result[name] != value:
            changed.append(name)
    called = calls.read_text().split()
    if len(called) != len(set(called)) + in_flight:
        changed.append("a recorded call was made again")
    return changed


def changed_at_each(forks, folder: Path, whole: dict, where: str = "") -> dict[int, list[str]]:
    """Kill a build at each event of its journal in turn. Returns what that changed, by event."""
    changed = {}
    for nth in range(1, whole["stored"] + 1):
        work = folder / f"event-{nth}"
        log = where or str(work.with_suffix(".log"))
        changed_here = changed_by_kill(forks, work, log, whole, nth=nth)
        if changed_here:
            changed[nth] = changed_here
    return changed


async def test_a_build_killed_early_in_the_middle_and_late_ends_as_one_that_was_not(
    forks, whole, tmp_path
):
    n_events = whole["stored"]
    assert n_events > 100
    for nth in (2, n_events // 2, n_events - 1):
        folder = tmp_path / str(nth)
        log = str(folder.with_suffix(".log"))
        assert not changed_by_kill(forks, folder, log, whole, nth=nth)


@pytest.mark.parametrize("call", [1, 9])
async def test_a_call_in_flight_at_the_kill_was_possibly_billed_and_is_made_again_once(
    forks, whole, tmp_path, call
):
    folder = tmp_path / "work"
    log = str(folder.with_suffix(".log"))
    assert not changed_by_kill(forks, folder, log, whole, killing_call=call)
    assert told(folder)["possibly_billed_calls"] == 1


@pytest.mark.nats
async def test_a_build_on_a_server_that_is_killed_ends_as_one_that_was_not(forks, whole, tmp_path):
    async with NatsServer(store=tmp_path / "store") as server:
        nth = whole["stored"] // 3
        assert not changed_by_kill(forks, tmp_path / "work", server.url, whole, nth=nth)


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_a_build_killed_at_each_event_of_its_journal_ends_as_one_that_was_not(
    forks, whole, tmp_path
):
    assert changed_at_each(forks, tmp_path, whole) == {}


@pytest.mark.slow
@pytest.mark.nats
@pytest.mark.timeout(3600)
async def test_a_build_on_a_server_killed_at_each_event_ends_as_one_that_was_not(
    forks, whole, tmp_path
):
    async with NatsServer(store=tmp_path / "store") as server:
        assert changed_at_each(forks, tmp_path, whole, server.url) == {}


def test_a_kill_before_any_change_of_a_folder_is_not_taken_for_a_change_by_hand(tmp_path):
    command = [sys.executable, "-m", "tests.faults.writing", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=LINE_S)
    report = json.loads(ended.stdout)
    assert len(report["found"]) > 100
    for nth, found in report["found"].items():
        assert found == {"kept": [], "build": report["whole"]}, nth
