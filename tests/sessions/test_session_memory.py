"""MemoryLog with a file: what was acknowledged is on disk, and bad lines lose nothing else."""

import asyncio
import json
import os
import subprocess
import sys

import pytest

from tests.opcodes import counted
from toolkit.errors import Unavailable
from toolkit.events import new_event
from toolkit.sessions import CursorLost, Fenced, LogUnavailable, MemoryLog, Session


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
    from toolkit.jsonl import JsonlFile

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


def event_line(id_="e1", session="s", **fields):
    event = {
        "session": session,
        "kind": "message",
        "actor": "ada",
        "data": {"text": id_},
        "id": id_,
    } | fields
    return json.dumps(event)


@pytest.mark.parametrize(
    ("line", "field", "why"),
    [
        (event_line("no-seq"), "seq", "has its place there"),
        (event_line("null", seq=None), "seq", "has its place there"),
        (event_line("same", seq=2), "seq", "place 2 is not after 2"),
        (event_line("back", seq=1), "seq", "place 1 is not after 2"),
        (event_line("zero", seq=0), "seq", "place 0 is not after 2"),
        (event_line("text", seq="x"), "seq", "valid integer"),
        (event_line("e1", seq=3), "id", "e1 stands in the file already"),
        (event_line("bad", session="a.b", seq=3), "session", "a session id has"),
        (event_line("bare", session="", seq=3), "session", "a session id has"),
    ],
    ids=[
        "no seq",
        "null",
        "same seq",
        "backwards",
        "zero",
        "text",
        "same id",
        "session",
        "no session",
    ],
)
async def test_an_event_that_has_no_place_in_the_log_is_named_and_the_others_are_kept(
    tmp_path, line, field, why
):
    path = tmp_path / "log.jsonl"
    path.write_text(
        "\n".join(
            [event_line("e1", seq=1), event_line("e2", seq=2), line, event_line("e9", seq=9), ""]
        )
    )
    log = MemoryLog(path)
    (problem,) = log.problems
    assert (problem.file, problem.line, problem.field) == (str(path), 3, field)
    assert why in str(problem)
    session = Session(log, "s")
    assert [event.id async for event in session.read(follow=False)] == ["e1", "e2", "e9"]
    assert (await session.say("next")).seq == 10
    assert line in path.read_text()


async def test_the_same_id_in_another_session_is_another_event(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(
        "\n".join([event_line("e1", seq=1), event_line("e1", session="other", seq=2), ""])
    )
    log = MemoryLog(path)
    assert log.problems == ()
    assert [event.seq async for event in Session(log, "other").read(follow=False)] == [2]


async def test_a_log_that_another_program_wrote_is_read_and_goes_on(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(
        (
            "\ufeff"
            + event_line("e1", seq=1)
            + "\r\n"
            + event_line("e2", seq=2, data={"x": float("nan")})
        ).encode()
    )
    session = Session(MemoryLog(path), "s")
    await session.say("mine")
    fresh = MemoryLog(path)
    assert fresh.problems == ()
    read = [event async for event in Session(fresh, "s").read(follow=False)]
    assert [event.data for event in read] == [{"text": "e1"}, {"x": None}, {"text": "mine"}]


async def test_a_torn_line_is_a_problem_that_keeps_nothing_back(tmp_path):
    path = tmp_path / "log.jsonl"
    await Session(MemoryLog(path), "s").say("one")
    with path.open("ab") as file:
        file.write(b'{"session":"s","kin')
    log = MemoryLog(path)
    assert "breaks off" in str(log.problems[0])
    await Session(log, "s").say("two")
    await Session(log, "s").say("three")
    assert MemoryLog(path).problems == ()
    assert _sequences(path) == [1, 2, 3]


FULL = """
import asyncio, resource, sys
from toolkit.sessions import LogUnavailable, MemoryLog, Session

async def main():
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    log = MemoryLog(sys.argv[1])
    session, stored = Session(log, "s"), 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    for n in range(20):
        try:
            await session.say(f"{n} " * 1500, id=f"m{n}")
            stored += 1
        except LogUnavailable as error:
            assert "disk full" in str(error) and "another log" not in str(error), error
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    again = await session.say("there is room again", id=f"m{stored}")
    assert (again.seq, again.duplicate) == (stored + 1, False)
    assert [event.seq async for event in session.read(follow=False)] == list(range(1, stored + 2))
    assert [event.seq async for event in Session(MemoryLog(sys.argv[1]), "s").read(follow=False)][-1] == stored + 1
    print("went on after", stored)

asyncio.run(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="limits are POSIX")
@pytest.mark.parametrize("torn", [b"", b'{"session":"s","kin'], ids=["new file", "torn file"])
def test_a_log_on_a_full_disk_goes_on_when_there_is_room(tmp_path, torn):
    path = tmp_path / "log.jsonl"
    path.write_bytes(torn)
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("went on after ")
    assert int(ran.stdout.split()[-1]) > 2


TWO = """
import asyncio, sys
from toolkit.sessions import LogUnavailable, MemoryLog, Session

async def main():
    log = MemoryLog(sys.argv[1])
    print("open", flush=True)
    sys.stdin.readline()
    stored = 0
    for n in range(40):
        try:
            await Session(log, "s").say(f"{sys.argv[2]}{n}")
            stored += 1
        except LogUnavailable as error:
            assert "another log" in str(error), error
    print(stored, flush=True)

asyncio.run(main())
"""


def test_two_processes_that_write_one_log_give_no_place_out_twice(tmp_path):
    path = tmp_path / "log.jsonl"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", TWO, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    for writer in writers:
        assert writer.stdout.readline() == "open\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    stored = [int(writer.communicate(timeout=60)[0]) for writer in writers]
    assert sorted(stored) == [0, 40]
    assert _sequences(path) == list(range(1, 41))


async def test_a_log_whose_file_was_taken_away_says_so_and_stores_nothing(tmp_path):
    path = tmp_path / "log.jsonl"
    log = MemoryLog(path)
    await Session(log, "s").say("one")
    path.unlink()
    with pytest.raises(LogUnavailable, match="open a new MemoryLog"):
        await Session(log, "s").say("two")
    assert [event.data["text"] async for event in Session(log, "s").read(follow=False)] == ["one"]


async def test_a_deleted_session_stays_deleted_after_a_restart_and_its_places_are_not_given_again(
    tmp_path,
):
    path = tmp_path / "log.jsonl"
    log = MemoryLog(path)
    await Session(log, "kept").say("stays")
    last = await Session(log, "gone").say("a secret")
    await log.delete("gone")
    await log.delete("gone")
    assert "a secret" not in path.read_text()
    again = MemoryLog(path)
    assert again.problems == ()
    assert await again.sessions() == ["kept"]
    with pytest.raises(CursorLost):
        _ = [event async for event in again.read("gone", last.seq, follow=False)]
    assert (await Session(again, "gone").say("anew")).seq > last.seq


async def test_a_line_that_cannot_be_read_outlives_the_deletion_of_a_session(tmp_path):
    path = tmp_path / "log.jsonl"
    await Session(MemoryLog(path), "gone").say("a secret")
    path.write_text(path.read_text() + "no event\n")
    log = MemoryLog(path)
    await log.delete("gone")
    assert [problem.line for problem in MemoryLog(path).problems] == [1]
    assert path.read_text().startswith("no event\n")


async def test_the_extent_of_a_long_session_is_found_as_soon_as_that_of_a_short_one():
    async def cost(count):
        log = MemoryLog()
        await log.append_all([new_event("s", "note", "user", {}) for _ in range(count)])
        with counted() as opcodes:
            assert (await log.extent("s")).last == count
        return opcodes.count

    assert await cost(3_000) < 2 * await cost(30)


async def test_a_reader_that_was_given_nothing_misses_nothing_of_a_session_that_begins_anew():
    log = MemoryLog()
    await Session(log, "s").say("of the first history, and on another lane")
    feed = log.read("s", lane="control")
    waiting = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)  # it has passed over the message
    await log.delete("s")
    cancel = await log.append(new_event("s", "cancel", "ada", {}))
    async with asyncio.timeout(5):
        assert await waiting == cancel.event


async def test_a_file_that_another_log_holds_is_refused_until_it_lets_go(tmp_path):
    first = Session(MemoryLog(tmp_path / "log.jsonl"), "one")
    other = Session(MemoryLog(tmp_path / "log.jsonl"), "two")
    with (
        first.exclusive(),
        pytest.raises(Unavailable, match="by another process"),
        other.exclusive(),
    ):
        pass
    with other.exclusive():
        await other.say("hello")


async def test_two_sessions_of_one_log_are_written_at_once_and_one_session_by_one_writer(tmp_path):
    log = MemoryLog(tmp_path / "log.jsonl")
    with (
        Session(log, "one").exclusive(),
        Session(log, "two").exclusive(),
        pytest.raises(Unavailable, match="session one is being written already"),
        Session(log, "one").exclusive(),
    ):
        pass
    with Session(log, "one").exclusive():
        pass


async def test_a_silent_run_is_ended_and_one_that_renews_its_lease_is_not():
    session = Session(MemoryLog(), "s")
    alive = await session.start_run("agent", ttl_s=2.0)
    silent = await session.start_run("agent", ttl_s=0.3)
    await silent.stop_listening()
    assert not await session.end_if_silent(alive.id, alive.fence, "warden")
    assert await session.end_if_silent(silent.id, silent.fence, "warden")
    with pytest.raises(Fenced):
        await silent.write("late")
    await alive.write("still here")
    await alive.finish()
    runs = (await session.conversation()).runs
    assert [runs[run.id].state for run in (alive, silent)] == ["complete", "orphaned"]
