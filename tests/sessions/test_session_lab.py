"""The lab: faults on real sockets, the comparison under them, the bugs, the relay, time travel."""

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from io import BytesIO

import pandas as pd
import psutil
import pytest
from bugs import BUGS
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from typer.testing import CliRunner

from toolkit import views
from toolkit.cli import app
from toolkit.sessions import MemoryLog, NatsServer, Session, fold
from toolkit.sessions.lab import (
    FaultyProxy,
    Schedule,
    compare_relay,
    compare_transports,
    diff_folds,
)
from toolkit.sessions.lab.processes import ServerProcess
from toolkit.sessions.lab.speech import N_TOKENS
from toolkit.sessions.lease import LEASE_TTL_S

DURABLE = ["durable over SSE", "durable over WebSocket"]
INSIDE = "durable over SSE, agent inside"
RESUMABLE = "resumable SSE, agent outside"
ARMS = 7


@given(st.integers(), st.integers(0, 6))
def test_a_schedule_is_drawn_from_its_seed_and_can_be_drawn_again(seed, count):
    schedule = Schedule.draw(seed, count=count)
    assert schedule == Schedule.draw(seed, count=count)
    times = [fault.at_s for fault in schedule.faults]
    assert len(times) == count
    assert times == sorted(times)
    assert all(0 <= at <= 1 for at in times)


def test_an_unknown_fault_is_named():
    with pytest.raises(ValueError, match="no such fault: meteor"):
        Schedule.draw(1, kinds=["meteor"])
    with pytest.raises(ValueError, match=r"say \['cut'\]"):
        Schedule.draw(1, kinds="cut")


@asynccontextmanager
async def echo():
    """A server that says everything back, behind the proxy."""

    async def answer(reader, writer):
        try:
            while data := await reader.read(100):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with FaultyProxy(server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"before")
        assert await asyncio.wait_for(reader.readexactly(6), 5) == b"before"
        yield proxy, reader, writer
        writer.close()
    server.close()
    await server.wait_closed()


async def test_a_cut_is_a_reset_on_the_wire():
    async with echo() as (proxy, reader, _):
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 5)


async def test_a_half_open_connection_brings_nothing_and_does_not_say_so():
    async with echo() as (proxy, reader, writer):
        proxy.half_open()
        writer.write(b"lost")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)


@pytest.mark.parametrize("fault", ["stall", "slow"])
async def test_a_stalled_or_slow_connection_loses_nothing(fault):
    async with echo() as (proxy, reader, writer):
        getattr(proxy, fault)(0.2)
        writer.write(b"late")
        assert await asyncio.wait_for(reader.readexactly(4), 5) == b"late"


def rows_of(frame, *arms):
    return frame[frame["arm"].isin(arms)]


def check_comparison(frame, seeds):
    assert len(frame) == ARMS * seeds
    assert set(frame["source"]) == {"simulated"}
    kept = rows_of(frame, *DURABLE, RESUMABLE, INSIDE)
    for column in ("lost", "duplicated", "reordered", "wrong_cancels"):
        assert kept[column].sum() == 0, kept
    assert kept["second_surface_saw_all"].all()
    assert kept["whole_s"].notna().all()
    assert rows_of(frame, *DURABLE, RESUMABLE)["regenerated"].sum() == 0
    direct = rows_of(frame, "direct SSE")
    assert direct["lost"].sum() > 0
    assert not direct["second_surface_saw_all"].any()


@pytest.mark.nats
async def test_under_the_same_faults_direct_sse_loses_and_what_is_stored_outside_loses_nothing():
    frame = await compare_transports([0, 1, 2, 5])
    check_comparison(frame, 4)
    assert rows_of(frame, "direct SSE")["wrong_cancels"].sum() > 0


@pytest.mark.slow
@pytest.mark.nats
async def test_the_comparison_holds_over_twenty_seeds():
    check_comparison(await compare_transports(20), 20)


@pytest.mark.nats
async def test_each_row_says_where_the_agent_runs_and_where_the_words_are_kept():
    frame = await compare_transports([3], faults=[])
    assert set(frame["broken"]) == {()}
    for times_s in frame["token_times_s"]:
        assert len(times_s) == N_TOKENS
        assert list(times_s) == sorted(times_s)
    assert frame["lost"].sum() == frame["regenerated"].sum() == frame["wrong_cancels"].sum() == 0
    where = frame.set_index("arm")[["agent", "store"]].agg(": ".join, axis=1).to_dict()
    assert where == {
        "direct SSE": "in the web server: none",
        "SSE with a buffer": "in the web server: memory of the web server",
        "bare WebSocket": "in the web server: memory of the web server",
        RESUMABLE: "in a worker: SQLite file",
        "durable over SSE": "in a worker: NATS",
        "durable over WebSocket": "in a worker: NATS",
        INSIDE: "in the web server: NATS",
    }


@pytest.mark.nats
async def test_a_kill_of_the_web_server_costs_a_lease_and_new_tokens_where_the_agent_was_inside():
    frame = (await compare_transports([0], faults=["kill"], count=1)).set_index("arm")
    assert (frame.loc[[RESUMABLE, *DURABLE], "lost"] == 0).all()
    assert (frame.loc[[RESUMABLE, *DURABLE], "regenerated"] == 0).all()
    assert (frame.loc[[RESUMABLE, *DURABLE], "whole_s"] < LEASE_TTL_S).all()
    (kill,) = frame["broken"].iloc[0]
    assert (kill.kind, kill.for_s > 0) == ("kill", True)
    for arm, row in frame.iterrows():
        lost = [at_s for at_s in row["token_times_s"] if at_s is None]
        assert len(lost) == row["lost"], arm
    assert max(frame.loc[RESUMABLE, "token_times_s"]) > kill.at_s + kill.for_s
    inside = frame.loc[INSIDE]
    assert (inside["lost"], inside["second_surface_saw_all"]) == (0, True)
    assert inside["regenerated"] > 0
    assert inside["whole_s"] > LEASE_TTL_S
    assert (frame.loc[["direct SSE", "SSE with a buffer", "bare WebSocket"], "lost"] > 0).all()


@pytest.mark.nats
async def test_a_crash_of_nats_itself_costs_the_durable_arms_time_and_no_word():
    frame = (await compare_transports([4], faults=["nats-crash"], count=2)).set_index("arm")
    assert frame.loc[[*DURABLE, INSIDE], "lost"].sum() == 0
    assert frame.loc[[*DURABLE, INSIDE], "regenerated"].sum() == 0
    assert frame["faults"].iloc[0].count("nats-crash") == 2


@pytest.mark.nats
async def test_a_seed_that_is_there_twice_is_run_twice_with_an_answer_of_its_own():
    frame = await compare_transports([1, 1], faults=[])
    assert list(frame["seed"]) == [1] * 2 * ARMS
    assert frame["wrong_cancels"].sum() == 0, frame
    # A machine that stalls is silence to a client, which connects again: only an arm that catches
    # up can promise anything then.
    catching_up = frame[~frame["arm"].isin(["direct SSE", "bare WebSocket"])]
    for column in ("lost", "duplicated", "regenerated"):
        assert catching_up[column].sum() == 0, frame


@pytest.mark.nats
async def test_a_cluster_of_somebody_else_is_used_and_not_killed(monkeypatch):
    async with NatsServer() as server:
        monkeypatch.setenv("NATS_URL", server.url)
        for _ in range(2):  # the second must not meet the sessions of the first
            frame = await compare_transports([4])
            assert "nats-crash" not in frame["faults"].iloc[0]
            durable = rows_of(frame, *DURABLE, INSIDE)
            assert durable[["lost", "duplicated", "regenerated"]].sum().sum() == 0, durable
        with pytest.raises(ValueError, match="not ours: leave out 'nats-crash'"):
            await compare_transports([4], faults=["cut", "nats-crash"])


async def test_a_server_of_the_lab_that_cannot_start_says_why(tmp_path):
    process = ServerProcess("toolkit.sessions.lab.web:nobody", "nats://127.0.0.1:9", tmp_path)
    with pytest.raises(RuntimeError, match="nobody"):
        await process.start()


NO_SERVER = """
import asyncio, sys
from contextlib import suppress
from pathlib import Path
from toolkit.sessions.lab.processes import ServerProcess

async def main():
    process = ServerProcess("toolkit.sessions.lab.web:nobody", "nats://127.0.0.1:9", Path(sys.argv[1]))
    await process.kill()
    with suppress(RuntimeError):
        await process.start()
    await process.kill()
    print("alive")

asyncio.run(main())
"""


def test_the_kill_of_a_server_that_never_started_hits_nobody(tmp_path):
    command = [sys.executable, "-c", NO_SERVER, tmp_path]
    done = subprocess.run(
        command, start_new_session=True, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


@pytest.mark.nats
async def test_the_servers_of_the_lab_die_with_the_process_that_started_them():
    program = (
        "import asyncio, sys\n"
        "from toolkit.sessions.lab import compare_transports\n"
        "asyncio.run(compare_transports(50))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    process, children = psutil.Process(parent.pid), []
    try:
        async with asyncio.timeout(60):
            while sum("serve_" in " ".join(child.cmdline()) for child in children) < 4:
                await asyncio.sleep(0.1)
                with suppress(psutil.NoSuchProcess):
                    children = process.children(recursive=True)
    finally:
        parent.kill()
        parent.wait(10)
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, 10)
    assert alive == []


@pytest.mark.parametrize("name", BUGS)
async def test_each_bug_shows_in_the_naive_version_and_not_in_ours(name):
    naive, ours = await BUGS[name].naive(), await BUGS[name].ours()
    assert not naive.holds
    assert ours.holds, ours


@pytest.mark.nats
async def test_what_sub_agents_hand_to_a_dead_orchestrator_is_lost():
    frame = (await compare_relay(workers=3, words=30)).set_index("arm")
    assert frame.loc["relay", "lost"] > 0
    assert frame.loc["relay", "through_orchestrator"] > 0
    assert frame.loc["direct", "lost"] == frame.loc["direct", "through_orchestrator"] == 0


async def test_two_moments_of_a_session_differ_by_what_came_grew_or_was_taken_back():
    session = Session(MemoryLog(), "travel")
    run = await session.start_run("agent", "simulated", window_s=0)
    await run.step("draft")
    first = await run.write("one ")
    await run.write("two")
    await run.step("draft", attempt=2)
    again = await run.write("better")
    await run.finish()
    events = [event async for event in session.read(follow=False, lane="log")]
    moments = [fold("travel", events[:n]) for n in range(len(events) + 1)]
    early, grown, last = moments[3], moments[4], moments[-1]
    assert diff_folds(early, grown).changed == (first.event.id,)
    assert diff_folds(grown, last).replaced == (first.event.id,)
    assert diff_folds(grown, last).added == (again.event.id,)
    assert not any((diff := diff_folds(last, last)).added + diff.changed + diff.replaced)
    with pytest.raises(ValueError, match="two sessions"):
        diff_folds(last, fold("other", []))


async def test_what_differs_between_two_moments_is_shown_by_its_words_and_escaped():
    session = Session(MemoryLog(), "travel")
    await session.say("<b>one</b>")
    events = [event async for event in session.read(follow=False, lane="log")]
    empty, last = fold("travel", []), fold("travel", events)
    assert "<td>added</td><td>&lt;b&gt;one&lt;/b&gt;</td>" in diff_folds(empty, last)._repr_html_()
    assert "show the same" in diff_folds(last, last)._repr_html_()


def test_a_plot_of_the_comparison_says_that_it_is_simulated_and_uses_the_axes_it_is_given():
    rows = [(arm, lost, "simulated") for arm in ("direct SSE", *DURABLE) for lost in (0, 3)]
    frame = pd.DataFrame(rows, columns=["arm", "lost", "source"])
    ax = Figure().subplots()
    assert views.plot_loss(frame, ax=ax) is ax
    ax.figure.savefig(BytesIO(), format="png")
    assert "simulated" in [text.get_text() for text in ax.texts]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["direct SSE", *DURABLE]


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_the_command_refuses_a_port_that_there_cannot_be_in_one_line(port):
    result = CliRunner().invoke(app, ["serve", "--port", port])
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"fieldbook: --port {port}: a port is a number from 1 to 65535, and 0 takes a free one"
    ]
