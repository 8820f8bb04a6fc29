"""What a run puts out: characters that a stream splits, logs that take little, and text of any
kind.
"""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.opcodes import counted
from toolkit.events import KINDS, Event
from toolkit.sessions import Conversation, MemoryLog, NatsLog, NatsServer, Session, attend, fold
from toolkit.sessions.writer import join_surrogates

HIGH, LOW = "\ud83d", "\udeb2"


async def written(log, pieces, window_s=0.0):
    session = Session(log, "written")
    run = await session.start_run("agent", "simulated", window_s=window_s)
    for piece in pieces:
        await run.write(piece)
    await run.finish()
    known = await session.conversation()
    assert (known.runs[run.id].state, known.runs[run.id].intact) == ("complete", True)
    return known


@pytest.mark.parametrize("window_s", [0.0, 0.02])
async def test_a_character_that_a_stream_splits_is_whole_on_the_log(log, window_s):
    known = await written(log, ["Have a nice ride ", HIGH, LOW, " bye", HIGH], window_s)
    assert known.text == "Have a nice ride 🚲 bye\ufffd"


async def test_half_a_character_before_another_event_stays_half(log):
    session = Session(log, "half")
    run = await session.start_run("agent", "simulated", window_s=0)
    await run.write(f"a{HIGH}")
    await run.call_tool("look", {})
    await run.write(f"{LOW}b")
    await run.finish()
    assert [
        item.text for item in (await session.conversation()).items if item.kind == "text.delta"
    ] == [
        "a\ufffd",
        "\ufffdb",
    ]


async def test_half_a_character_is_not_waited_for_by_the_windows_timer():
    session = Session(MemoryLog(), "timer")
    run = await session.start_run("agent", "simulated", window_s=0.001)
    await run.write("first ")
    await run.write(f"b{HIGH}")
    async with asyncio.timeout(10):
        while (await session.conversation()).text != "first b":
            await asyncio.sleep(0.001)
    await run.write(LOW)
    await run.finish()
    assert (await session.conversation()).text == "first b🚲"


async def test_a_single_character_that_comes_while_words_are_being_stored_is_stored_by_the_timer():
    class Slow(MemoryLog):
        """A log during whose write the next character comes."""

        run = None

        async def append(self, event, fence=None):
            ack = await super().append(event, fence)
            if event.data.get("text") == "second" and self.run:
                await self.run.write("!")
            return ack

    log = Slow()
    session = Session(log, "single")
    run = log.run = await session.start_run("agent", "simulated", window_s=0.001)
    await run.write("first ")
    await run.write("second")
    async with asyncio.timeout(10):
        while (await session.conversation()).text != "first second!":
            await asyncio.sleep(0.001)
    await run.finish()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=12), st.data())
def test_text_that_is_cut_between_any_two_code_units_comes_out_as_it_was(text, data):
    units = text.encode("utf-16-le")
    cuts = data.draw(st.lists(st.integers(0, len(units) // 2), max_size=6))
    edges = [0, *sorted(2 * cut for cut in cuts), len(units)]
    pieces = [units[a:b].decode("utf-16-le", "surrogatepass") for a, b in pairwise(edges)]
    out, half = "", ""
    for piece in pieces:
        whole, half = join_surrogates(half + piece)
        out += whole
    assert (out, half) == (text, "")


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(categories=["Cs", "L"]), max_size=8))
def test_whatever_is_cut_what_is_ready_can_be_stored(text):
    ready, half = join_surrogates(text)
    ready.encode()
    assert len(half) <= 1


async def test_an_agent_whose_words_and_errors_are_strange_ends_and_the_next_message_is_answered(
    log,
):
    session = Session(log, "strange")

    async def agent(run, message):
        await run.write(f"{LOW}\0{HIGH}")
        await run.call_tool(f"look{HIGH}", {"when": HIGH, "n": float("nan")})
        if message.id == "m1":
            raise RuntimeError(f"no {HIGH} " + "x" * 5_000_000)

    attending = asyncio.create_task(attend(session, agent, "agent", "simulated"))
    for id_ in ("m1", "m2"):
        await session.say(f"hi {HIGH}", id=id_)
    async with asyncio.timeout(30):
        while [run.state for run in (await session.conversation()).runs.values()] != [
            "error",
            "complete",
        ]:
            await asyncio.sleep(0.01)
    assert not attending.done()
    attending.cancel()
    await asyncio.wait([attending])


@pytest.mark.parametrize("limit", [2_000, 20_000])
async def test_words_fit_into_what_a_log_takes_and_the_run_ends(limit, tmp_path):
    text = "bicycle \u2028\0" * 4_000
    known = await written(MemoryLog(max_event_bytes=limit), ["start ", text, text])
    assert known.text == f"start {text}{text}"


@pytest.mark.nats
async def test_a_server_that_takes_little_has_the_words_acknowledged_and_the_run_ended(tmp_path):
    server = NatsServer(store=tmp_path, settings=["max_payload: 20480"])
    async with server, await NatsLog.connect(server.url) as log:
        assert log.max_event_bytes < 20_480
        known = await written(log, ["word " * 20 for _ in range(400)])
        assert known.text == "word " * 8_000


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)
NAMES = st.sampled_from(
    [
        "text",
        "covers",
        "items",
        "open",
        "event",
        "request",
        "answer",
        "step",
        "source",
        "connection",
    ]
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(sorted(KINDS)),
        st.sampled_from([None, "r", "q"]),
        st.dictionaries(NAMES, ANYTHING),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_whatever_another_program_wrote_no_reader_dies_of_it(events):
    stored = [
        Event("s", kind, "a", data, f"e{n}", run, None, n)
        for n, (kind, run, data) in enumerate(events, 1)
    ]
    known = fold("s", stored)
    assert isinstance(known, Conversation)
    assert len(known.sha256) == 64
    assert known.trace().id == "s"
    assert isinstance(known.signals.refusal("cancel"), str)


def test_taking_back_many_items_is_linear():
    def cost(count):
        events = [Event("s", "run.started", "a", {}, "start", "r", None, 1)]
        events += [Event("s", "tool.call", "a", {}, f"t{n}", "r", None, n) for n in range(2, count)]
        conversation = fold("s", events)
        with counted() as opcodes:
            conversation.apply(Event("s", "run.rolled_back", "a", {}, "back", "r", None, count))
        assert (len(conversation.items), len(conversation.replaced)) == (0, count - 2)
        return opcodes.count

    assert cost(1_600) < 1.2 * 8 * cost(200)
