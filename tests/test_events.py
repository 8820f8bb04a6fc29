"""Events go to JSON and come back, and bad ones say what is wrong."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.events import (
    CONTROL_KINDS,
    KINDS,
    Event,
    RecordError,
    decode_event,
    encode,
    new_event,
    storable,
)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
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


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: float
    name: str = "p"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("half \ud83d of it", "half \ufffd of it"),
        ("\ud83d\udeb2", "🚲"),
        ("nul \0", "nul \0"),
        (float("nan"), None),
        ([float("inf"), -float("inf"), 1.5], [None, None, 1.5]),
        (datetime(2026, 11, 30, 12, tzinfo=UTC), "2026-11-30T12:00:00Z"),
        (date(2026, 11, 30), "2026-11-30"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("/a/b"), "/a/b"),
        (Colour.RED, "red"),
        (Point(float("nan"), "\udeb2"), {"x": None, "name": "\ufffd"}),
        ({3, 1, 2}, [1, 2, 3]),
        (("a", ("b",)), ["a", ["b"]]),
        (b"text \xc3\xa9", "text é"),
        (b"\xff\x00", "data:application/octet-stream;base64,/wA="),
        (np.float64("nan"), None),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([[1.0, np.inf]]), [[1.0, None]]),
        (np.str_("word"), "word"),
        (pd.NaT, None),
        (pd.NA, None),
        (pd.Series([1, 2]), [1, 2]),
        (10**3999, 10**3999),
        (
            {1: "a", None: "b", Colour.RED: "c", "\ud83d": "d"},
            {"1": "a", "None": "b", "red": "c", "\ufffd": "d"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_does_not_know_is_stored_as_what_comes_nearest(value, stored):
    event = storable(Event("s", "note", "ada", {"value": value}, "e1"))
    assert event.data == {"value": stored}
    assert type(event.data["value"]) is type(stored)
    assert decode_event(encode(event)) == event


def nested(depth):
    value = "deep"
    for _ in range(depth):
        value = [value]
    return value


def loop():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object(), "cannot serialize a builtins.object"),
        (loop(), "holds itself"),
        (nested(101), "nested more than 100 deep"),
        (nested(10_000), "nested more than 100 deep"),
        (10**4000, "more than 4,000 digits"),
        ((n for n in range(3)), "make a list of it"),
        (len, "cannot serialize"),
    ],
    ids=["object", "loop", "deep", "deeper", "huge", "generator", "function"],
)
def test_what_cannot_be_json_is_refused_with_a_reason(value, why):
    with pytest.raises(ValueError, match=why):
        storable(Event("s", "note", "ada", {"value": value}, "e1"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session", 1),
        ("kind", None),
        ("actor", b"ada"),
        ("id", 1.0),
        ("run", 5),
        ("data", [1]),
        ("time", "noon"),
    ],
)
def test_an_event_whose_fields_are_of_another_type_is_refused(field, value):
    fields = {"session": "s", "kind": "k", "actor": "a", "data": {}, "id": "e"} | {field: value}
    with pytest.raises(ValueError, match=f"an event's {field} is"):
        storable(Event(**fields))


def test_words_around_an_event_are_made_unicode_too_and_a_time_that_is_none_is_none():
    event = storable(Event("s", "k\ud83d", "ada\udeb2", {}, "e\ud83d", "r\ud83d", float("nan")))
    assert (event.kind, event.actor, event.id, event.run, event.time) == (
        "k�",
        "ada�",
        "e�",
        "r�",
        None,
    )


def test_an_event_of_another_program_with_nan_in_it_is_read_as_json_has_it():
    event = decode_event(
        '{"session":"s","kind":"k","actor":"a","data":{"x":NaN,"y":[-Infinity]},"id":"NaN"}'
    )
    assert (event.data, event.id) == ({"x": None, "y": [None]}, "NaN")


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(st.characters())
    | st.binary(max_size=8)
    | st.datetimes()
    | st.dates()
    | st.timedeltas()
    | st.decimals()
    | st.uuids()
    | st.complex_numbers()
    | st.frozensets(st.integers(), max_size=3)
    | st.builds(np.float32, st.floats(width=32))
    | st.builds(object),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(
            st.text(st.characters()) | st.integers() | st.none() | st.floats(), inner, max_size=3
        )
        | st.builds(Point, inner, inner)
    ),
    max_leaves=8,
)


@given(data=st.dictionaries(st.text(st.characters()), anything, max_size=3))
def test_whatever_an_event_holds_it_is_refused_or_comes_back_as_it_was_stored(data):
    try:
        event = storable(Event("s", "note", "ada", data, "e1"))
    except ValueError:
        return
    text = encode(event)
    assert decode_event(text) == event
    assert storable(event) == event
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
