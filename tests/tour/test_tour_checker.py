"""The checker must see a loss, a double and a wrong order wherever there is one: else its zeros mean
nothing.
"""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from toolkit.events import Event
from toolkit.sessions import MemoryLog, Session
from toolkit.tour import NO_DAMAGE, Delivery, check
from toolkit.tour.reader import Arrival


def events(sizes):
    number = 0
    stored = []
    for session, size in enumerate(sizes):
        for n in range(size):
            number += 1
            text = {"text": str(n)}
            stored.append(
                Event(f"s{session}", "text.delta", "agent", text, f"{session}-{n}", seq=number)
            )
    return stored


STORED = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(events)


def acknowledged(stored):
    return [(event.id, event.seq) for event in stored]


@given(STORED, st.data())
def test_any_interleaving_of_sessions_that_keeps_their_own_order_is_no_damage(stored, data):
    order = data.draw(st.permutations([event.session for event in stored]))
    queues = {s: iter([e for e in stored if e.session == s]) for s in set(order)}
    arrived = [next(queues[session]) for session in order]
    assert check(arrived, acknowledged(stored)) == NO_DAMAGE


@given(STORED, st.data())
def test_lost_and_doubled_events_are_named(stored, data):
    copies = data.draw(st.lists(st.integers(0, 3), min_size=len(stored), max_size=len(stored)))
    arrived = [event for event, times in zip(stored, copies, strict=True) for _ in range(times)]
    damage = check(arrived, acknowledged(stored))
    pairs = list(zip(stored, copies, strict=True))
    assert damage.lost == tuple(event.id for event, times in pairs if times == 0)
    assert damage.duplicated == tuple(event.id for event, times in pairs if times > 1)
    assert damage.reordered == ()


@given(st.integers(2, 8), st.data())
def test_a_wrong_order_within_a_session_is_seen(size, data):
    stored = events([size])
    arrived = data.draw(st.permutations(stored))
    damage = check(arrived, acknowledged(stored))
    late = [
        event.id for n, event in enumerate(arrived) if any(e.seq > event.seq for e in arrived[:n])
    ]
    assert damage.reordered == tuple(late)
    assert (damage == NO_DAMAGE) == (arrived == stored)


def test_an_event_that_arrives_with_another_number_than_it_was_stored_with_is_out_of_order():
    stored = events([3])
    moved = [*stored[:2], replace(stored[2], seq=9)]
    assert check(moved, acknowledged(stored)).reordered == (stored[2].id,)


async def delivered():
    """A conversation, and its delivery where everything arrived."""
    session = Session(MemoryLog(), "s")
    await session.say("Hello")
    run = await session.start_run("agent", source="simulated", window_s=0)
    for word in ("The ", "tandem ", "is ", "free."):
        await run.write(word)
    await run.finish()
    sent = tuple([event async for event in session.read(follow=False)])
    received = tuple(Arrival(event.time, event) for event in sent)
    return Delivery(sent, received, (), (await session.trace(),), "memory", 1, ())


async def test_what_arrived_makes_the_same_conversations_as_what_was_sent():
    counts = (await delivered()).counts()
    assert counts["sent"] == counts["received"] > 5
    assert (counts["lost"], counts["duplicated"], counts["reordered"]) == (0, 0, 0)
    assert counts["sha256_match"]


async def test_a_changed_word_breaks_the_match_though_every_id_arrived():
    whole = await delivered()
    at = next(n for n, event in enumerate(whole.sent) if event.data.get("text") == "tandem ")
    changed = replace(whole.sent[at], data={**whole.sent[at].data, "text": "other "})
    received = list(whole.received)
    received[at] = Arrival(changed.time, changed)
    counts = replace(whole, received=tuple(received)).counts()
    assert (counts["lost"], counts["sha256_match"]) == (0, False)


async def test_words_that_the_log_itself_lost_break_the_match_though_both_sides_are_alike():
    whole = await delivered()
    sent = tuple(event for event in whole.sent if event.data.get("text") != "tandem ")
    received = tuple(Arrival(event.time, event) for event in sent)
    counts = replace(whole, sent=sent, received=received).counts()
    assert (counts["lost"], counts["sha256_match"]) == (0, False)
