"""MemoryLog with a file: what was acknowledged is on disk, and bad lines lose nothing else."""

import subprocess
import sys

import pytest

from toolkit.sessions import LogUnavailable, MemoryLog, Session


async def test_a_new_log_on_the_same_path_goes_on_from_it(tmp_path):
    path = tmp_path / "log.jsonl"
    first = await Session(MemoryLog(path), "s").say("one")
    log = MemoryLog(path)
    second = await Session(log, "s").say("two")
    assert second.seq > first.seq
    assert [e.data["text"] async for e in Session(log, "s").read(follow=False)] == ["one", "two"]


def test_what_was_acknowledged_before_a_kill_is_read_back(tmp_path):
    path = tmp_path / "log.jsonl"
    program = (
        "import asyncio\n"
        "from toolkit.sessions import MemoryLog, Session\n"
        "async def main():\n"
        f"    session = Session(MemoryLog({str(path)!r}), 's')\n"
        "    while True:\n"
        "        print((await session.say('x')).seq, flush=True)\n"
        "asyncio.run(main())\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert writer.stdout
    for _ in range(40):
        acknowledged = int(writer.stdout.readline())
    writer.kill()
    rest, _ = writer.communicate(timeout=10)
    acknowledged = max([acknowledged, *(int(line) for line in rest.splitlines())])
    assert _sequences(path)[:acknowledged] == list(range(1, acknowledged + 1))


def _sequences(path):
    from toolkit.events import Event
    from toolkit.records import JsonlFile

    return [event.seq for event in JsonlFile(path, Event).records()]


async def test_a_bad_line_is_named_and_the_others_are_kept(tmp_path):
    path = tmp_path / "log.jsonl"
    session = Session(MemoryLog(path), "s")
    await session.say("good")
    with path.open("a") as file:
        file.write('{"session": "s", "kind": 7}\n')
    log = MemoryLog(path)
    assert [e.data["text"] async for e in Session(log, "s").read(follow=False)] == ["good"]
    (problem,) = log.problems
    assert (problem.line, problem.field) == (2, "kind")


async def test_two_logs_on_one_path_do_not_give_out_the_same_place_twice(tmp_path):
    path = tmp_path / "log.jsonl"
    old, new = MemoryLog(path), MemoryLog(path)
    await Session(new, "s").say("mine")
    with pytest.raises(LogUnavailable, match="another log"):
        await Session(old, "s").say("theirs")
    await Session(new, "s").say("and again")
    assert _sequences(path) == [1, 2]
