"""The lab: faults on real sockets, the comparison under them, the bugs, the relay, the audit, time travel."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from io import BytesIO

import pandas as pd
import pytest
from bugs import BUGS
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from typer.testing import CliRunner

from toolkit import views
from toolkit.cli import app
from toolkit.sessions import MemoryLog, Session, fold
from toolkit.sessions.lab import (
    FaultyProxy,
    Schedule,
    audit_endpoint,
    compare_relay,
    compare_transports,
    diff_folds,
)
from toolkit.web import serving

DURABLE = ["durable over SSE", "durable over WebSocket"]


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


def check_comparison(frame, seeds):
    assert len(frame) == 5 * seeds
    assert set(frame["source"]) == {"simulated"}
    durable = frame[frame["arm"].isin(DURABLE)]
    for column in ("lost", "duplicated", "reordered", "regenerated", "wrong_cancels"):
        assert durable[column].sum() == 0, durable
    assert durable["second_surface_saw_all"].all()
    direct = frame[frame["arm"] == "direct SSE"]
    assert direct["lost"].sum() > 0
    assert not direct["second_surface_saw_all"].any()


@pytest.mark.nats
async def test_under_the_same_faults_direct_sse_loses_and_durable_sessions_lose_nothing():
    frame = await compare_transports(5)
    check_comparison(frame, 5)
    assert frame[frame["arm"] == "direct SSE"]["wrong_cancels"].sum() > 0


@pytest.mark.slow
@pytest.mark.nats
async def test_the_comparison_holds_over_twenty_seeds():
    check_comparison(await compare_transports(20), 20)


@pytest.mark.nats
async def test_without_faults_no_arm_loses_a_word():
    frame = await compare_transports([3], faults=[])
    assert frame["lost"].sum() == frame["regenerated"].sum() == frame["wrong_cancels"].sum() == 0


@pytest.mark.nats
async def test_a_seed_that_is_there_twice_is_run_twice_with_an_answer_of_its_own():
    frame = await compare_transports([1, 1], faults=[])
    assert list(frame["seed"]) == [1] * 10
    for column in ("lost", "duplicated", "regenerated", "wrong_cancels"):
        assert frame[column].sum() == 0, frame


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


async def answering(session, words=60, word=""):
    run = await session.start_run("agent", "simulated", window_s=0)
    for n in range(words):
        await asyncio.sleep(0.02)
        await run.write(f"{n} {word}")
    await run.finish()


async def nothing(session):
    """A session without a past."""


async def messages(session):
    for n in range(15):
        await session.say(f"message {n}")


async def a_long_past(session):
    for n in range(2500):
        await session.say(f"message {n}")


async def a_whole_answer(session):
    await answering(session, 12)


async def a_stopped_answer(session):
    run = await session.start_run("agent", "simulated", window_s=0)
    for n in range(12):
        await run.write(f"{n} ")
    await session.cancel(run.id)
    await run.finish("cancelled")


@asynccontextmanager
async def endpoint(past=nothing, word="", already=0, more=60):
    """Our own endpoints: a session that is being answered, and the trap, once with words that repeat."""
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    from toolkit.sessions.http import EventStream, direct_stream, session_app
    from toolkit.sessions.sse import frame

    async def words(different):
        for n in range(45):
            await asyncio.sleep(0.02)
            yield f"{n % different} "

    async def fresh():
        yield frame({"grant": "read"}, "live")
        async for word in words(45):
            yield frame({"session": "f", "kind": "word", "seq": int(word)}, id=int(word))

    log = MemoryLog()
    session = Session(log, "s")
    routes = [
        Route("/trap", lambda request: direct_stream(words(45))),
        Route("/refrain", lambda request: direct_stream(words(8))),
        Route("/fresh", lambda request: EventStream(fresh())),
        Route("/short", lambda request: PlainTextResponse(json.dumps({"text": "<b>hi"}) + "\n")),
        Route("/huge", lambda request: PlainTextResponse("x" * 1_500_000)),
        Mount("/", session_app(log, None, beat_s=0.2)),
    ]
    for one in (session, Session(log, "old")):
        await past(one)
    async with serving(Starlette(routes=routes), ws="websockets-sansio") as port:
        answer = asyncio.create_task(answering(session, already + more, word))
        async for event in session.read(follow=already > 0, lane="words"):
            if event.data["text"].startswith(f"{already} "):
                break
        yield f"127.0.0.1:{port}"
        await answer


async def verdicts(url):
    card = await audit_endpoint(url, silence_s=2.0, timeout_s=20.0)
    assert url in card._repr_html_()
    assert "again" not in str(card.findings) or "/sessions/" not in url, "nothing of a session comes twice"
    return {one.capability: one.verdict for one in card.findings}


GOOD = {
    "survives a cut": "yes",
    "resumes": "yes",
    "second surface": "yes",
    "a disconnect leaves it running": "yes",
    "terminal event": "yes",
}


@pytest.mark.parametrize("address", ["http://{}/sessions/s/events", "ws://{}/sessions/s/ws"])
async def test_an_audit_of_a_durable_session_finds_each_capability(address):
    async with endpoint() as place:
        assert await verdicts(address.format(place)) == GOOD


@pytest.mark.parametrize("past", [messages, a_whole_answer, a_stopped_answer])
@pytest.mark.parametrize("already", [0, 60])
async def test_what_a_session_has_seen_before_is_not_taken_for_the_answer(past, already):
    async with endpoint(past, already=already) as place:
        assert await verdicts(f"http://{place}/sessions/s/events") == GOOD


async def test_a_past_that_takes_its_time_is_waited_for():
    async with endpoint(a_long_past, already=10, more=300) as place:
        assert await verdicts(f"http://{place}/sessions/s/events") == GOOD


async def test_a_session_of_ours_without_a_past_keeps_nobody_waiting():
    async with endpoint() as place:
        assert (await verdicts(f"http://{place}/fresh"))["second surface"] == "no"


async def test_a_snapshot_in_the_place_of_words_is_no_loss():
    async with endpoint(messages, word="longer than most words are " * 4, already=30) as place:
        assert await verdicts(f"http://{place}/sessions/s/events") == GOOD


async def test_a_session_whose_answers_are_all_given_cannot_be_probed():
    async with endpoint(a_whole_answer) as place:
        card = await audit_endpoint(f"http://{place}/sessions/old/events", silence_s=0.5, timeout_s=20.0)
    assert {one.verdict for one in card.findings} == {"could not probe"}
    assert "nothing came for 0.5 s after 'complete'" in card.findings[0].evidence


@pytest.mark.parametrize("path", ["trap", "refrain"])
async def test_an_audit_of_the_trap_finds_only_its_terminal_event(path):
    async with endpoint() as place:
        found = await verdicts(f"http://{place}/{path}")
    assert found == dict.fromkeys(GOOD, "no") | {
        "a disconnect leaves it running": "could not probe",
        "terminal event": "yes",
    }


async def test_what_cannot_be_probed_is_said_plainly_and_other_schemes_are_refused():
    async with endpoint() as place:
        for path in ("short", "nothing-here"):
            assert set((await verdicts(f"http://{place}/{path}")).values()) == {"could not probe"}
        for scheme in ("http", "ws"):
            card = await audit_endpoint(f"{scheme}://{place}/nothing-here", silence_s=2.0)
            assert all("HTTP 40" in one.evidence for one in card.findings), card
        card = await audit_endpoint(f"http://{place}/huge", silence_s=2.0)
        assert "more than 1000000 characters" in card.findings[0].evidence
    with pytest.raises(ValueError, match="no endpoint"):
        await audit_endpoint("file:///etc/hostname")


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


@pytest.mark.parametrize("name", ["plot_loss", "plot_stalls"])
def test_a_plot_of_the_comparison_says_that_it_is_simulated_and_uses_the_axes_it_is_given(name):
    rows = [(arm, lost, 0.1 * lost, "simulated") for arm in ("direct SSE", *DURABLE) for lost in (0, 3)]
    frame = pd.DataFrame(rows, columns=["arm", "lost", "stall_s", "source"])
    ax = Figure().subplots()
    assert getattr(views, name)(frame, ax=ax) is ax
    ax.figure.savefig(BytesIO(), format="png")
    assert "simulated" in [text.get_text() for text in ax.texts]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["direct SSE", *DURABLE]


def test_the_command_refuses_what_is_no_endpoint():
    result = CliRunner().invoke(app, ["audit", "file:///etc/hostname"])
    assert result.exit_code == 2
    assert "no endpoint" in result.output


async def test_the_command_fails_where_nothing_could_be_probed_and_not_where_the_card_is_bad():
    with socket.create_server(("127.0.0.1", 0)) as free:
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with endpoint() as place:
        for url, code in ((dead, 1), (f"http://{place}/nothing-here", 1), (f"http://{place}/trap", 0)):
            result = await asyncio.to_thread(CliRunner().invoke, app, ["audit", url, "--json"])
            assert result.exit_code == code, result.output
            assert json.loads(result.stdout)["ok"] == (code == 0)


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_the_command_refuses_a_port_that_there_cannot_be_in_one_line(port):
    result = CliRunner().invoke(app, ["serve", "--port", port])
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"fieldbook: --port {port}: a port is a number from 1 to 65535, and 0 takes a free one"
    ]
