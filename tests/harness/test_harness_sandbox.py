"""Checks are real processes: they are bounded, they end, and so does all that they started.

All of this holds within walls, and without.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid

import psutil
import pytest

from toolkit.harness import Command, Sandbox, TextFile
from toolkit.harness.checking.commands import grade_command
from toolkit.harness.sandbox import Limits

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="watches processes as Linux can"
)

FORK = """
import os, sys, time
if os.fork() == 0:
    os.execv("/bin/sleep", [{mark!r}, "600"])
{then}
"""


@pytest.fixture(
    params=[
        pytest.param("bwrap", marks=pytest.mark.sandbox),
        pytest.param("unshare", marks=pytest.mark.sandbox),
        "none",
    ]
)
def sandbox(request):
    return Sandbox(request.param)


@pytest.fixture
def mark():
    """A word that a process carries in its command line, by which it is known from outside."""
    return f"mark-{uuid.uuid4().hex}"


def carriers(mark):
    """The processes of this machine that carry `mark`."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if mark in (process.info["cmdline"] or []):
            found.append(process)
    return found


async def gone(mark):
    """Whether all that carries `mark` ends soon."""
    return not psutil.wait_procs(carriers(mark), timeout=20)[1]


async def appears(mark):
    async with asyncio.timeout(30):
        while not carriers(mark):
            await asyncio.sleep(0)


def script(folder, text: str) -> list[str]:
    (folder / "script.py").write_text(text)
    return ["python", "script.py"]


def run_check(sandbox, check, folder):
    return sandbox.run(check.argv, folder, check.files, check.timeout_s)


async def test_a_command_gives_its_exit_code_and_both_outputs(tmp_path, sandbox):
    argv = script(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    result = await sandbox.run(argv, tmp_path)
    assert (result.exit_code, result.stdout, result.stderr, result.error) == (
        3,
        "out\n",
        "err\n",
        "",
    )
    assert not result.timed_out


@pytest.mark.parametrize("command", [["no-such-command"], ["./script.sh"], ["./folder"]])
async def test_a_command_that_cannot_be_started_is_unscored(tmp_path, sandbox, command):
    (tmp_path / "script.sh").write_text("echo hi")
    (tmp_path / "folder").mkdir()
    check = Command(tuple(command))
    result = await run_check(sandbox, check, tmp_path)
    assert result.exit_code is None
    assert command[0] in result.error
    assert grade_command(check, result)[0] == "unscored"


async def test_a_shell_that_does_not_find_its_command_proves_nothing_either(tmp_path, sandbox):
    check = Command(("sh", "-c", "no-such-command"))
    result = await run_check(sandbox, check, tmp_path)
    assert grade_command(check, result)[0] == "unscored"


async def test_the_timeout_kills_a_forked_child_that_holds_stdout(tmp_path, sandbox, mark):
    hang = FORK.format(mark=mark, then="print('up', flush=True); time.sleep(600)")
    begun = time.monotonic()
    result = await sandbox.run(script(tmp_path, hang), tmp_path, (), 3.0)
    assert result.timed_out
    assert result.exit_code is None
    assert result.stdout == "up\n"
    assert time.monotonic() - begun < 15
    assert await gone(mark)


async def test_a_child_left_behind_by_a_command_that_ended_blocks_nothing_and_is_killed(
    tmp_path, sandbox, mark
):
    leave = script(tmp_path, FORK.format(mark=mark, then="print('done')"))
    result = await sandbox.run(leave, tmp_path, (), 60)
    assert (result.exit_code, result.stdout, result.timed_out) == (0, "done\n", False)
    assert await gone(mark)


async def test_a_check_that_is_cancelled_leaves_nothing_running(tmp_path, sandbox, mark):
    hang = script(tmp_path, FORK.format(mark=mark, then="time.sleep(600)"))
    check = asyncio.create_task(sandbox.run(hang, tmp_path, (), 60))
    await appears(mark)
    check.cancel()
    with pytest.raises(asyncio.CancelledError):
        await check
    assert await gone(mark)


async def test_all_dies_when_the_process_that_started_it_is_killed(tmp_path, sandbox, mark):
    argv = script(tmp_path, FORK.format(mark=mark, then="time.sleep(600)"))
    parent = f"""
import asyncio, pathlib
from toolkit.harness import Sandbox
run = Sandbox({sandbox.kind!r}).run({argv!r}, pathlib.Path({str(tmp_path)!r}), (), 600)
asyncio.run(run)
"""
    with subprocess.Popen([sys.executable, "-c", parent]) as process:
        await appears(mark)
        process.send_signal(signal.SIGKILL)
    assert await gone(mark)


async def test_too_much_memory_is_refused(tmp_path, sandbox):
    limits = Limits(memory_bytes=256 << 20)
    greedy = script(tmp_path, "x = bytearray(1 << 30)")
    result = await sandbox.run(greedy, tmp_path, (), 20, limits)
    assert result.exit_code == 1
    assert "MemoryError" in result.stderr


async def test_too_much_cpu_is_stopped_before_the_timeout(tmp_path, sandbox):
    busy = script(tmp_path, "while True: pass")
    result = await sandbox.run(busy, tmp_path, (), 60, Limits(cpu_s=1))
    assert result.exit_code == 128 + signal.SIGKILL
    assert not result.timed_out


async def test_an_endless_flood_meets_the_limit_of_a_file(tmp_path, sandbox):
    flood = script(tmp_path, "while True: print('x' * 1000)")
    result = await sandbox.run(flood, tmp_path, (), 60, Limits(file_bytes=1 << 20))
    assert result.exit_code not in (0, None)
    assert len(result.stdout) <= 1 << 20


async def test_the_environment_holds_no_key_and_home_is_the_folder(tmp_path, sandbox, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-a-real-key")
    argv = script(
        tmp_path, "import os; print(os.environ['HOME']); print('KEY' in ' '.join(os.environ))"
    )
    result = await sandbox.run(argv, tmp_path)
    assert result.stdout == "/build\nFalse\n"


async def test_a_criterion_runs_on_a_copy_where_its_own_files_lie_on_top(tmp_path, sandbox):
    (tmp_path / "data.txt").write_text("mine")
    (tmp_path / "app.py").write_text(
        "print(open('data.txt').read()); open('data.txt', 'w').write('spoilt'); 1 / 0"
    )
    check = Command(("python", "app.py"), (TextFile("data.txt", "the contract's"),))
    result = await run_check(sandbox, check, tmp_path)
    assert result.stdout == "the contract's\n"
    assert 'File "/build/app.py"' in result.stderr
    assert (tmp_path / "data.txt").read_text() == "mine"


async def test_a_criterion_whose_files_would_leave_the_folder_is_not_run(tmp_path, sandbox):
    result = await sandbox.run(["true"], tmp_path, [TextFile("../x", "")])
    assert result.exit_code is None
    assert "refused" in result.error


async def test_a_proof_in_the_middle_of_a_long_output_still_counts(tmp_path, sandbox):
    (tmp_path / "app.py").write_text("for n in range(30_000): print('line', n)")
    check = Command(("python", "app.py"), stdout=("line 15000\n",))
    result = await run_check(sandbox, check, tmp_path)
    assert grade_command(check, result)[0] == "pass"


async def test_a_result_says_when_there_was_no_sandbox(tmp_path, sandbox):
    result = await sandbox.run(["true"], tmp_path)
    assert ("without a sandbox" in result.banner) == (sandbox.kind == "none")
    assert "loopback only" in sandbox.describes or sandbox.describes == result.banner
