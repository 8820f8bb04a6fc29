"""The count must see a loss, a double and a wrong order wherever there is one: else its zeros mean
nothing.
"""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from toolkit.events import Event
from toolkit.tour import compare


def events(sizes):
    return [
        Event(f"s{session}", "text.delta", "agent", {"text": str(n)}, f"{session}-{n}")
        for session, size in enumerate(sizes)
        for n in range(size)
    ]


SENT = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(events)


@given(SENT, st.data())
def test_any_interleaving_of_sessions_that_keeps_their_own_order_is_whole(sent, data):
    order = data.draw(st.permutations([event.session for event in sent]))
    queues = {s: iter([e for e in sent if e.session == s]) for s in set(order)}
    received = [next(queues[session]) for session in order]
    assert compare(sent, received) == {
        "sent": len(sent),
        "received": len(sent),
        "lost": 0,
        "duplicated": 0,
        "reordered": 0,
        "sha256_match": True,
    }


@given(SENT, st.data())
def test_lost_and_doubled_events_are_counted_one_by_one(sent, data):
    copies = data.draw(st.lists(st.integers(0, 3), min_size=len(sent), max_size=len(sent)))
    received = [event for event, times in zip(sent, copies, strict=True) for _ in range(times)]
    found = compare(sent, received)
    assert (found["lost"], found["duplicated"]) == (
        copies.count(0),
        sum(max(0, n - 1) for n in copies),
    )
    assert found["sha256_match"] == (set(copies) == {1})


@given(st.integers(2, 8), st.data())
def test_a_wrong_order_within_a_session_is_seen(size, data):
    sent = events([size])
    received = data.draw(st.permutations(sent))
    found = compare(sent, received)
    seen, late = set(), 0
    for event in received:
        position = sent.index(event)
        late += any(other > position for other in seen)
        seen.add(position)
    assert found["reordered"] == late
    assert found["sha256_match"] == (received == sent)


def test_a_changed_word_breaks_the_hash_though_every_id_arrived():
    sent = events([3])
    changed = [*sent[:2], Event("s0", "text.delta", "agent", {"text": "other"}, sent[2].id)]
    found = compare(sent, changed)
    assert Counter(found)["lost"] == 0
    assert not found["sha256_match"]
