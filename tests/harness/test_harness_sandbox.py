"""Checks are real processes: they are bounded, they end, and so does all that they started."""

import asyncio
import os
import select
import signal
import sys
import time

import pytest

from toolkit.harness import Criterion, TextFile, run_check, run_criterion, score_check
from toolkit.warden import Limits

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="watches processes as Linux can"
)

FORK = """
import os, time
pid = os.fork()
if pid == 0:
    time.sleep(600)
open("pid", "w").write(str(pid))
{then}
"""


async def readable(descriptor: int) -> bool:
    return bool((await asyncio.to_thread(select.select, [descriptor], [], [], 20))[0])


@pytest.fixture
def announced(tmp_path):
    """Waits for the pid of the child that `FORK` leaves, as soon as it is written to the pipe
    ``pid``.
    """
    os.mkfifo(tmp_path / "pid")
    pipe = os.open(tmp_path / "pid", os.O_RDWR)

    async def pid() -> int:
        assert await readable(pipe)
        return int(os.read(pipe, 100))

    yield pid
    os.close(pipe)


async def gone(pid: int) -> bool:
    """Whether the process ends soon."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return await readable(descriptor)
    finally:
        os.close(descriptor)


def script(folder, text: str) -> list[str]:
    (folder / "script.py").write_text(text)
    return ["python", "script.py"]


async def test_a_command_gives_its_exit_code_and_both_outputs(tmp_path):
    argv = script(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    result = await run_check(argv, tmp_path)
    assert (result.exit_code, result.stdout, result.stderr, result.error) == (
        3,
        "out\n",
        "err\n",
        "",
    )
    assert not result.timed_out


@pytest.mark.parametrize("command", [["no-such-command"], ["./script.sh"], ["./folder"]])
async def test_a_command_that_cannot_be_started_is_unscored(tmp_path, command):
    (tmp_path / "script.sh").write_text("echo hi")
    (tmp_path / "folder").mkdir()
    result = await run_criterion(Criterion("starts", "Starts.", tuple(command)), tmp_path)
    assert result.exit_code is None
    assert command[0] in result.error
    assert score_check(Criterion("starts", "Starts.", tuple(command)), result)[0] == "unscored"


async def test_a_shell_that_does_not_find_its_command_proves_nothing_either(tmp_path):
    criterion = Criterion("starts", "Starts.", ("sh", "-c", "no-such-command"))
    assert score_check(criterion, await run_criterion(criterion, tmp_path))[0] == "unscored"


async def test_the_timeout_kills_a_forked_child_that_holds_stdout(tmp_path):
    begun = time.monotonic()
    result = await run_check(
        script(tmp_path, FORK.format(then="print('up', flush=True); time.sleep(600)")),
        tmp_path,
        3.0,
    )
    assert result.timed_out
    assert result.exit_code is None
    assert result.stdout == "up\n"
    assert time.monotonic() - begun < 15
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_a_child_left_behind_by_a_command_that_ended_blocks_nothing_and_is_killed(tmp_path):
    result = await run_check(script(tmp_path, FORK.format(then="print('done')")), tmp_path, 60)
    assert (result.exit_code, result.stdout, result.timed_out) == (0, "done\n", False)
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_a_check_that_is_cancelled_leaves_nothing_running(tmp_path, announced):
    check = asyncio.create_task(
        run_check(script(tmp_path, FORK.format(then="time.sleep(600)")), tmp_path, 60)
    )
    pid = await announced()
    check.cancel()
    with pytest.raises(asyncio.CancelledError):
        await check
    assert await gone(pid)


async def test_the_group_dies_when_the_process_that_started_it_is_killed(tmp_path, announced):
    argv = script(tmp_path, FORK.format(then="time.sleep(600)"))
    parent = f"""
import asyncio, pathlib
from toolkit.harness import run_check
asyncio.run(run_check({argv!r}, pathlib.Path({str(tmp_path)!r}), 600))
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", parent)
    pid = await announced()
    os.kill(process.pid, signal.SIGKILL)
    await asyncio.wait_for(process.wait(), 20)
    assert await gone(pid)


async def test_too_much_memory_is_refused(tmp_path):
    limits = Limits(memory_bytes=256 << 20)
    result = await run_check(script(tmp_path, "x = bytearray(1 << 30)"), tmp_path, 20, limits)
    assert result.exit_code == 1
    assert "MemoryError" in result.stderr


async def test_too_much_cpu_is_stopped_before_the_timeout(tmp_path):
    result = await run_check(script(tmp_path, "while True: pass"), tmp_path, 60, Limits(cpu_s=1))
    assert result.exit_code == 128 + signal.SIGKILL
    assert not result.timed_out


async def test_an_endless_flood_meets_the_limit_of_a_file(tmp_path):
    result = await run_check(
        script(tmp_path, "while True: print('x' * 1000)"), tmp_path, 60, Limits(file_bytes=1 << 20)
    )
    assert result.exit_code not in (0, None)
    assert len(result.stdout) <= 1 << 20


async def test_the_environment_holds_no_key_and_home_is_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-a-real-key")
    argv = script(
        tmp_path, "import os; print(os.environ['HOME']); print('KEY' in ' '.join(os.environ))"
    )
    result = await run_check(argv, tmp_path)
    assert result.stdout == f"{tmp_path}\nFalse\n"


async def test_a_criterion_runs_on_a_copy_where_its_own_files_lie_on_top(tmp_path):
    (tmp_path / "data.txt").write_text("mine")
    (tmp_path / "app.py").write_text(
        "print(open('data.txt').read()); open('data.txt', 'w').write('spoilt'); 1 / 0"
    )
    criterion = Criterion(
        "reads", "Reads.", ("python", "app.py"), (TextFile("data.txt", "the contract's"),)
    )
    result = await run_criterion(criterion, tmp_path)
    assert result.stdout == "the contract's\n"
    assert 'File "build/app.py"' in result.stderr
    assert (tmp_path / "data.txt").read_text() == "mine"


async def test_a_criterion_whose_files_would_leave_the_folder_is_not_run(tmp_path):
    result = await run_criterion(
        Criterion("out", "x", ("true",), (TextFile("../x", ""),)), tmp_path
    )
    assert result.exit_code is None
    assert "refused" in result.error


async def test_a_proof_in_the_middle_of_a_long_output_still_counts(tmp_path):
    (tmp_path / "app.py").write_text("for n in range(30_000): print('line', n)")
    criterion = Criterion("long", "Prints.", ("python", "app.py"), stdout=("line 15000\n",))
    assert score_check(criterion, await run_criterion(criterion, tmp_path))[0] == "pass"
