"""Rollup and snapshots: fewer events, the same text, whoever joins whenever."""

import asyncio
import json
import random
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.opcodes import counted
from toolkit.events import Event
from toolkit.sessions import (
    Conversation,
    MemoryLog,
    NatsLog,
    NatsServer,
    Run,
    Session,
    Surface,
    fold,
)

WORDS = [f"word{n} " for n in range(400)]


async def speak(session, words, window_s=0.0, **options):
    run = await session.start_run("agent", source="simulated", window_s=window_s, **options)
    for word in words:
        await run.write(word)
    await run.finish()
    return run


async def folded(session, after=0):
    return fold(session.id, [event async for event in session.read(after, follow=False)])


async def plainly_folded(session):
    return fold(session.id, [event async for event in session.read(follow=False, lane="log")])


@pytest.mark.parametrize("window_s", [0, 0.02, 0.04, 0.1, 0.5])
async def test_the_text_is_the_same_at_each_window_and_the_first_word_is_never_delayed(
    log, window_s
):
    session = Session(log, "window")
    run = await session.start_run("agent", source="simulated", window_s=window_s)
    first = await run.write(WORDS[0])
    assert first is not None
    assert [e.data["text"] async for e in session.read(follow=False, lane="words")] == [WORDS[0]]
    for word in WORDS[1:50]:
        await run.write(word)
    await run.finish()
    assert (await session.conversation()).text == "".join(WORDS[:50])
    deltas = [event async for event in session.read(follow=False, lane="words")]
    assert len(deltas) == 50 if window_s == 0 else len(deltas) < 50


async def test_a_late_joiner_gets_the_text_so_far_as_one_event_and_then_deltas(log):
    session = Session(log, "late")
    run = await session.start_run("agent", source="simulated", window_s=0)
    for word in WORDS[:200]:
        await run.write(word)
    reader = session.read()
    kinds, text = [], ""
    async with asyncio.timeout(10):
        async for event in reader:
            kinds.append(event.kind)
            text = (
                event.data["text"]
                if event.kind == "text.snapshot"
                else text + event.data.get("text", "")
            )
            if event.kind == "text.snapshot":
                for word in WORDS[200:210]:
                    await run.write(word)
            if text == "".join(WORDS[:210]):
                break
    await reader.aclose()
    await run.finish()
    assert kinds[:2] == ["text.snapshot", "run.started"]
    assert set(kinds[2:]) == {"text.delta"}
    assert len(kinds) < 100


async def test_a_late_join_of_a_long_answer_costs_little_more_than_its_text(log):
    session = Session(log, "cost")
    text = [f"token{n % 10} " for n in range(2000)]
    await speak(session, text)
    got = [event async for event in session.read(follow=False)]
    data = sum(len(json.dumps(event.data)) for event in got)
    assert data <= 1.1 * len("".join(text))


async def test_every_join_folds_to_the_same_bytes(log):
    session = Session(log, "same")
    await session.say("Tell me everything.")
    run = await session.start_run("agent", source="simulated", window_s=0)
    for word in WORDS[:150]:
        await run.write(word)
    call = await run.call_tool("look", {})
    await run.tool_result(call, "found")
    for word in WORDS[150:320]:
        await run.write(word)
    other = await session.start_run("helper", source="simulated", window_s=0)
    for word in WORDS[:20]:
        await other.write(word)
        await run.write(word)
    await run.finish()
    whole = await plainly_folded(session)
    assert (await folded(session)).to_json() == whole.to_json()
    events = [event async for event in session.read(follow=False, lane="log")]
    for cut in range(0, len(events), 17):
        early = fold(session.id, events[:cut])
        late = await session.conversation(early)
        assert late.to_json() == whole.to_json(), cut
    await other.finish()


async def test_words_that_are_not_those_of_the_agent_are_noticed_by_their_hash():
    session = Session(MemoryLog(), "hash")
    await speak(session, WORDS[:20])
    events = [event async for event in session.read(follow=False, lane="log")]
    one_less = [event for event in events if event.data.get("text") != WORDS[7]]
    assert [state.intact for state in fold("hash", events).runs.values()] == [True]
    assert [state.intact for state in fold("hash", one_less).runs.values()] == [False]
    assert [state.intact for state in fold("hash", events[:10]).runs.values()] == [None]


ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(
            ["write"] * 3 + ["long", "tool", "step", "finish", "say", "roll back", "adopt", "steer"]
        ),
    ),
    min_size=5,
    max_size=40,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ACTIONS, st.integers(0, 2**31))
async def test_whatever_happens_snapshots_change_no_byte_of_the_fold(actions, seed):
    await _folds_alike(Session(MemoryLog(), "any"), actions, seed)


@pytest.mark.nats
async def test_whatever_happens_snapshots_change_no_byte_of_the_fold_on_a_server_either(tmp_path):
    kinds = (
        ["write"] * 4
        + ["long"] * 3
        + ["tool", "step", "finish", "say", "roll back", "adopt", "steer"]
    )
    async with NatsServer(store=tmp_path) as server, await NatsLog.connect(server.url) as log:
        for seed in range(12):
            dice = random.Random(seed)
            actions = [(dice.randrange(3), dice.choice(kinds)) for _ in range(40)]
            await _folds_alike(Session(log, f"any{seed}"), actions, seed * 7919)


async def _folds_alike(session, actions, seed):
    runs = {}
    for agent, action in actions:
        run = runs.get(agent)
        if action == "say":
            await session.say("hm")
        elif run is None or run.outcome:
            runs[agent] = await session.start_run(f"agent{agent}", source="simulated", window_s=0)
        elif action in {"write", "long"}:
            await run.write("x" * (700 if action == "long" else 3))
        elif action == "tool":
            await run.call_tool("look", {})
        elif action == "step":
            await run.step("answer")
        elif action == "roll back":
            await run.roll_back()
        elif action == "steer":
            await session.steer("hm", run.id, actor=run.actor)
        elif action == "adopt":
            await run.stop_listening()
            runs[agent] = Run(session, f"heir of {run.actor}", run.id, window_s=0)
            await runs[agent].take("run.adopted", {"from": run.actor}, run.fence)
        else:
            await run.finish()
    events = [event async for event in session.read(follow=False, lane="log")]
    got = [event async for event in session.read(follow=False)]
    whole = fold(session.id, events)
    for seen in (
        events,
        got,
    ):  # A reader that came along, and one that broke off while it caught up.
        late = await session.conversation(fold(session.id, seen[: seed % (len(seen) + 1)]))
        assert late.to_json() == whole.to_json()
    said = {event.run: True for event in events if event.kind == "text.done"}
    for conversation in (whole, late, await session.conversation()):
        assert {
            run: state.intact
            for run, state in conversation.runs.items()
            if state.intact is not None
        } == said
    for run in runs.values():
        await run.stop_listening()


async def test_a_second_attempt_at_a_step_replaces_the_first_on_every_surface(log):
    session = Session(log, "steps")
    surface = Surface(session, "phone")
    await surface.connect()
    run = await session.start_run("agent", source="simulated", window_s=0)
    await run.write("Before. ")
    await run.step("answer", attempt=1)
    await run.write("Half an ans")
    await run.step("answer", attempt=2)
    await run.write("A whole answer.")
    await run.finish()
    done = await surface.wait_for(lambda c: run.id in c.runs and c.runs[run.id].ended)
    assert done.text == (await session.conversation()).text == "Before. A whole answer."
    assert [item.text for item in done.replaced] == ["Half an ans"]
    await surface.disconnect()


async def test_a_fold_to_any_sequence_number_is_a_prefix_of_what_came():
    session = Session(MemoryLog(), "travel")
    await speak(session, WORDS[:30])
    events = [event async for event in session.read(follow=False, lane="log")]
    texts = [fold("travel", events[:n]).text for n in range(len(events) + 1)]
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert Conversation("travel").text == ""


async def test_a_reader_that_breaks_off_anywhere_in_the_catch_up_resumes_without_loss_or_double():
    session = Session(MemoryLog(), "cuts")
    runs = [await session.start_run(name, source="simulated", window_s=0) for name in ("a", "b")]
    for n in range(120):
        await runs[n % 7 % 2].write(f"{n}:{'x' * (n % 23)} ")
        if n % 31 == 30:
            await session.say(f"hm {n}")
            await runs[0].call_tool("look", {"n": n})
    await runs[0].finish()
    whole = await plainly_folded(session)
    got = [event async for event in session.read(follow=False)]
    assert len(got) < whole.cursor / 2
    for cut in range(len(got) + 1):
        early = fold(session.id, got[:cut])
        texts = {"a": "", "b": ""}
        for event in [*got[:cut], *[e async for e in session.read(early.cursor, follow=False)]]:
            if event.kind == "text.snapshot":
                texts[event.actor] = event.data["text"]
            elif event.kind == "text.delta":
                texts[event.actor] += event.data["text"]
        assert (await session.conversation(early)).to_json() == whole.to_json(), cut
        assert texts == {run.actor: run.text for run in runs}, cut
    await runs[1].finish()


def test_runs_stand_in_the_order_of_their_starts_whichever_a_snapshot_names_first():
    words = {"text": "", "covers": 5, "open": False, "items": []}
    later = Event("s", "text.snapshot", "b", words, "n1", "second", 0.0, 0)
    starts = [
        Event("s", "run.started", name, {"source": "simulated"}, f"e{at}", run, 0.0, at)
        for at, (name, run) in enumerate((("a", "first"), ("b", "second")), 1)
    ]
    assert list(fold("s", starts).runs) == ["first", "second"]
    assert list(fold("s", [later, *starts]).runs) == ["first", "second"]


def answers(count):
    """The events of a session with so many questions and answers, none of them attended."""
    kinds = (
        ("message", {"text": "when?"}),
        ("run.started", {"source": "simulated"}),
        ("text.delta", {"text": "at nine"}),
        ("step.started", {"step": "check", "attempt": 1}),
        ("text.done", {"chars": 7, "sha256": ""}),
        ("run.finished", {"outcome": "complete"}),
    )
    return [
        Event("s", kind, "agent", data, f"{n}-{kind}", f"r{n}", 0.0, n * len(kinds) + at)
        for n in range(count)
        for at, (kind, data) in enumerate(kinds, 1)
    ]


def test_an_answer_costs_as_much_in_a_long_session_as_in_a_short_one():
    def cost(count):
        events = answers(count)
        with counted() as opcodes:
            fold("s", events)
        return opcodes.count

    assert cost(1_600) < 1.2 * 16 * cost(100)
