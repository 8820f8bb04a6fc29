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


def killed(forks, folder: Path, where: str, whole: dict, **point: int) -> dict:
    """Kill the build at a point, let it go on, and expect that nothing else came of it."""
    assert build(forks, folder, where, **point) == -signal.SIGKILL
    before = recorded(folder)
    calls = folder.with_suffix(".calls")
    called_before = calls.read_text().split() if calls.exists() else []
    assert build(forks, folder, where) == 0
    result = told(folder)
    for name, value in whole.items():
        if name not in ("stored", "possibly_billed_calls"):
            assert result[name] == value, f"{name} differs after a kill at {point}"
    called = calls.read_text().split()
    in_flight = len(called_before) - before
    assert result["possibly_billed_calls"] == in_flight
    assert len(called) == len(set(called)) + in_flight, "a recorded call was made again"
    return result


def n_of(whole: dict) -> int:
    assert whole["stored"] > 60
    return whole["stored"]


async def test_a_build_killed_early_in_the_middle_and_late_ends_as_one_that_was_not(
    forks, whole, tmp_path
):
    n_events = n_of(whole)
    for nth in (2, n_events // 2, n_events - 1):
        folder = tmp_path / str(nth)
        killed(forks, folder, str(folder.with_suffix(".log")), whole, nth=nth)


@pytest.mark.parametrize("call", [1, 9])
async def test_a_call_in_flight_at_the_kill_was_possibly_billed_and_is_made_again_once(
    forks, whole, tmp_path, call
):
    folder = tmp_path / "work"
    result = killed(forks, folder, str(folder.with_suffix(".log")), whole, killing_call=call)
    assert result["possibly_billed_calls"] == 1


@pytest.mark.nats
async def test_a_build_on_a_server_that_is_killed_ends_as_one_that_was_not(forks, whole, tmp_path):
    async with NatsServer(store=tmp_path / "store") as server:
        folder = tmp_path / "work"
        killed(forks, folder, server.url, whole, nth=n_of(whole) // 3)


@pytest.mark.slow
@pytest.mark.timeout(7200)
async def test_a_build_killed_at_each_event_of_its_journal_ends_as_one_that_was_not(
    forks, whole, tmp_path
):
    for nth in range(1, n_of(whole) + 1):
        folder = tmp_path / str(nth)
        killed(forks, folder, str(folder.with_suffix(".log")), whole, nth=nth)


@pytest.mark.slow
@pytest.mark.nats
@pytest.mark.timeout(7200)
async def test_a_build_on_a_server_killed_at_each_event_ends_as_one_that_was_not(
    forks, whole, tmp_path
):
    for nth in range(1, n_of(whole) + 1):
        async with NatsServer(store=tmp_path / f"store-{nth}") as server:
            killed(forks, tmp_path / str(nth), server.url, whole, nth=nth)
