"""Workers on one experiment and a cluster of servers: one is killed, another frozen past its lease,
and the rest end as one worker alone would have.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from tests.faults import workers as program
from tests.faults.cluster import NatsCluster
from toolkit.evals.experiments import Experiment
from toolkit.sessions import MemoryLog, NatsLog, Session

ROOT = Path(__file__).parents[2]
TIMES = ["latency_s", "waited_s", "attempts", "possibly_billed"]
LIMIT = 6
PATIENCE_S = 240.0


def start(n_workers: int, **settings) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.faults.workers", str(n_workers), json.dumps(settings)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def calls_of(path: Path) -> list[tuple[str, int, str]]:
    """What was called: begin or end, by which process, of which case; in order."""
    calls = []
    for line in path.read_text().splitlines() if path.exists() else []:
        word, pid, number = line.split()
        calls.append((word, int(pid), f"c{number}"))
    return calls


def wait_for_calls(path: Path, n: int, pids: set[int]) -> None:
    """Until so many calls were begun, and by each worker one."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        begun = [pid for word, pid, _ in calls_of(path) if word == "begin"]
        if len(begun) >= n and pids <= set(begun):
            return
        assert time.monotonic() < deadline, "the workers do not begin"
        time.sleep(0.005)


def hurt(path: Path, n: int, killed: int, frozen: int) -> int:
    """Kill one worker and freeze another. Returns how many calls were noted by then."""
    wait_for_calls(path, n, {killed, frozen})
    os.kill(killed, signal.SIGKILL)
    os.kill(frozen, signal.SIGSTOP)
    return len(calls_of(path))


async def ended(process: subprocess.Popen, n: int) -> dict[int, int]:
    """The exit codes of the next `n` workers that end."""
    codes = {}
    for _ in range(n):
        line = await asyncio.to_thread(process.stdout.readline)
        pid, code = line.split()
        codes[int(pid)] = int(code)
    return codes


def check_calls(path: Path, n_cases: int, n_before: int, hurt_pids: set[int], budget_usd: float):
    """What was really called: nothing twice that could be known, and the limit and budget kept."""
    under_way: dict[str, int] = {}
    called = Counter()
    cost_usd = 0.0
    for number, (word, pid, case) in enumerate(calls_of(path)):
        if number >= n_before and pid in hurt_pids:
            continue  # a call that was let through before the freeze
        if word == "begin":
            before = under_way.get(case)
            assert before is None or before in hurt_pids, "two workers had one case"
            assert called[case] == 0 or before in hurt_pids, "an answer was asked for again"
            if before is not None:
                cost_usd += program.WORST_USD  # possibly billed
            under_way[case] = pid
            called[case] += 1
        elif under_way.get(case) == pid:
            del under_way[case]
            cost_usd += program.CALL_USD
        counted = [pid for pid in under_way.values() if number < n_before or pid not in hurt_pids]
        assert len(counted) <= LIMIT
        assert cost_usd + len(under_way) * program.WORST_USD <= budget_usd * 1.000001
    assert len(called) == n_cases
    lost = sum(called.values()) - n_cases
    assert lost <= LIMIT


async def kill_one_and_freeze_one(folder: Path, n_cases: int, lease_s: float) -> None:
    budget_usd = (LIMIT + 1) * program.WORST_USD + n_cases * program.CALL_USD
    calls = folder / "calls"
    async with NatsCluster() as cluster:
        settings = {"n": n_cases, "budget_usd": budget_usd, "concurrency": LIMIT}
        process = start(
            4, folder=str(folder), url=cluster.url, replicas=3, lease_s=lease_s, **settings
        )
        pids: set[int] = set()
        codes: dict[int, int] = {}
        try:
            line = await asyncio.to_thread(process.stdout.readline)
            pids = set(map(int, line.split()))
            killed, frozen = sorted(pids)[:2]
            n_before = await asyncio.to_thread(hurt, calls, n_cases // 4, killed, frozen)
            codes = await ended(process, 3)
            log = await NatsLog.connect(cluster.url, replicas=3)
            session = Session(log, "exp")
            stored = [event async for event in session.read(follow=False)]
            os.kill(frozen, signal.SIGCONT)
            codes |= await ended(process, 1)
            stored_at_end = [event async for event in session.read(follow=False)]
            runs = (await session.conversation()).runs
            await log.close()
        finally:
            for pid in pids:
                if pid not in codes:
                    os.kill(pid, signal.SIGKILL)
            process.communicate()
    assert codes.pop(killed) == -signal.SIGKILL
    assert codes.pop(frozen) == program.FENCED
    assert set(codes.values()) == {0}
    assert "longer than its lease" in (folder / f"{frozen}.txt").read_text()
    assert stored_at_end == stored, "a fenced worker wrote"
    assert Counter(run.state for run in runs.values()) == {"complete": 2, "orphaned": 2}
    alone = await program.work(
        Session(MemoryLog(), "exp"), folder / "other calls", n_cases, budget_usd, LIMIT
    )
    called = Counter(case for word, _, case in calls_of(calls) if word == "begin")
    for pid in codes:
        together = Experiment.load(folder / f"{pid}.jsonl")
        frames = [one.frame.drop(columns=TIMES) for one in (together, alone)]
        pd.testing.assert_frame_equal(*frames)
        for row in together.results:
            assert row.possibly_billed == row.attempts - 1, "what was in flight was not counted"
            assert called[row.case] <= row.attempts, "a call without a record"
    check_calls(calls, n_cases, n_before, {killed, frozen}, budget_usd)


@pytest.mark.nats
async def test_four_workers_of_whom_one_is_killed_and_one_frozen_end_as_one_alone(tmp_path):
    await kill_one_and_freeze_one(tmp_path, n_cases=40, lease_s=2.0)


@pytest.mark.nats
@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_of_500_cases_none_is_made_twice_by_four_workers(tmp_path):
    await kill_one_and_freeze_one(tmp_path, n_cases=500, lease_s=5.0)
