"""An experiment whose process is killed goes on from its store; one in another process is steered."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from tests.faults import experiment as program
from toolkit.sessions import MemoryLog, NatsLog, NatsServer, Session

TIMES = ["latency_s", "waited_s", "attempts", "possibly_billed"]
ROOT = Path(__file__).parents[2]


def start(*arguments) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.faults.experiment", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def forks():
    """A process that runs an experiment in a fork, for each line that it reads."""
    process = start("fork")
    yield process
    process.communicate()


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def recorded(path: Path) -> set[str]:
    """The cases whose answer is in the store, by the whole lines of its file."""
    cases_of = {}
    answered = set()
    for line in path.read_bytes().split(b"\n")[:-1]:
        event = json.loads(line)
        data = event["data"]
        if event["kind"] == "trial.started":
            cases_of[data["trial"]] = data["case"]
        elif event["kind"] in ("trial.trace", "trial.result"):
            answered.add(cases_of[data["trial"]])
    return answered


def kill_at(forks: subprocess.Popen, store: Path, calls: Path, n: int, point: int) -> bool:
    """Run the experiment, and kill it once so many calls were made. False where it was quicker."""
    assert forks.stdin
    assert forks.stdout
    print(store, calls, n, file=forks.stdin, flush=True)
    pid = int(forks.stdout.readline())
    while len(lines(calls)) < point:
        time.sleep(0.001)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return int(forks.stdout.readline()) == -signal.SIGKILL


async def killed_at(forks: subprocess.Popen, points: list[int], n: int, folder: Path) -> None:
    """Kill the experiment once so many calls were made, at each of `points`; then let it end."""
    store, calls = folder / "log.jsonl", folder / "calls"
    known: set[str] = set()
    seen = 0
    n_killed = 0
    for point in points:
        n_killed += await asyncio.to_thread(kill_at, forks, store, calls, n, point)
        called = lines(calls)[seen:]
        assert not known & set(called), "a recorded answer was asked for again"
        seen += len(called)
        known = recorded(store)
    assert n_killed
    resumed = await program.run(Session(MemoryLog(store), "exp"), calls, n)
    assert not known & set(lines(calls)[seen:]), "a recorded answer was asked for again"
    fresh = await program.run(Session(MemoryLog(), "exp"), folder / "other calls", n)
    frames = [one.frame.drop(columns=TIMES) for one in (resumed, fresh)]
    pd.testing.assert_frame_equal(*frames)
    called = Counter(lines(calls))
    attempts = {row.case: row.attempts for row in resumed.results}
    assert called.keys() == attempts.keys()
    assert all(called[case] <= attempts[case] for case in called), "a call without a record"
    for row in resumed.results:
        assert row.possibly_billed == row.attempts - 1, "an attempt in flight was not counted"


async def test_an_experiment_that_is_killed_three_times_ends_as_one_that_was_not(forks, tmp_path):
    await killed_at(forks, [1, 23, 48], 60, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
async def test_twenty_kills_of_500_cases_change_nothing(seed, forks, tmp_path):
    points = sorted(random.Random(seed).sample(range(1, 450), 20))
    await killed_at(forks, points, 500, tmp_path)


@pytest.mark.nats
async def test_a_pause_from_another_process_is_heard_within_a_second_and_a_stop_ends_it(tmp_path):
    calls = tmp_path / "calls"
    async with NatsServer(store=tmp_path / "store") as server:
        child = start("server", server.url, calls)
        try:
            log = await NatsLog.connect(server.url)
            session = Session(log, "exp")
            async with asyncio.timeout(60):
                while len(lines(calls)) < 5:
                    await asyncio.sleep(0.01)
            asked = time.monotonic()
            pause = await session.steer("pause")
            assert await session.consumed(pause, timeout_s=30)
            heard_s = time.monotonic() - asked
            in_flight_ends = len(lines(calls)) + 2
            retune = await session.steer("concurrency 3")
            unknown = await session.steer("dance")
            assert await session.consumed(retune, timeout_s=30)
            assert not await session.consumed(unknown, timeout_s=30)
            assert len(lines(calls)) <= in_flight_ends
            resume = await session.steer("resume")
            assert await session.consumed(resume, timeout_s=30)
            async with asyncio.timeout(30):
                while len(lines(calls)) <= in_flight_ends:
                    await asyncio.sleep(0.01)
            await session.cancel()
            out, _ = await asyncio.to_thread(child.communicate, timeout=60)
            runs = (await session.conversation()).runs
            await log.close()
        finally:
            child.kill()
            child.communicate()
    n_not_run, _, why = out.strip().partition(" ")
    assert int(n_not_run) > 90_000
    assert why == "user cancelled the experiment"
    assert [run.state for run in runs.values()] == ["cancelled"]
    assert heard_s < 1
