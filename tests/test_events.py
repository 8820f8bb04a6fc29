"""Events go to JSON and come back, and bad ones say what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.events import CONTROL_KINDS, KINDS, Event, RecordError, decode_event, encode, new_event

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
events = st.builds(
    Event,
    session=st.text(),
    kind=st.text(),
    actor=st.text(),
    data=st.dictionaries(st.text(), values, max_size=3),
    id=st.text(),
    run=st.none() | st.text(),
    time=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    seq=st.none() | st.integers(),
)


@given(event=events)
def test_an_event_comes_back_as_it_went(event):
    text = encode(event)
    assert "\n" not in text
    assert decode_event(text) == event


def test_a_new_event_has_its_own_id_and_time_and_no_place_yet():
    first, second = (new_event("s", "message", "user", {"text": "hi"}) for _ in range(2))
    assert first.id != second.id
    assert first.seq is None
    assert first.time is not None


def test_an_unknown_kind_is_kept():
    event = new_event("s", "weather.changed", "sky", {"rain": True})
    assert event.kind not in KINDS
    assert decode_event(encode(event)) == event
    assert CONTROL_KINDS < KINDS


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"session":"s","kind":"k","actor":"a","data":{}}', "id"),
        ('{"session":"s","kind":"k","actor":"a","data":[],"id":"e"}', "data"),
        ('{"session":"s","kind":"k","actor":"a","data":{},"id":"e","seq":"x"}', "seq"),
        ('{"session":"s"', None),
        ("null", None),
        (b'{"session":"\xff"}', None),
    ],
)
def test_a_bad_event_names_file_line_and_field(text, field):
    with pytest.raises(RecordError, match=r"^log\.jsonl:7: ") as caught:
        decode_event(text, "log.jsonl", 7)
    assert (caught.value.file, caught.value.line, caught.value.field) == ("log.jsonl", 7, field)
