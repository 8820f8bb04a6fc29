"""Scorers made to order, and how they go together."""

import re
from functools import partial
from itertools import product
from threading import Thread

import pytest
from jsonschema import SchemaError

from toolkit.evals import Score, all_of, any_of, between, not_, score_traces
from toolkit.evals.checks import (
    called,
    contains,
    latency_s,
    length,
    matches,
    measure,
    valid_json,
)
from toolkit.traces import Step, Trace


def said(*words, actor="assistant", meta=None, times=()):
    """A trace in which `actor` says each of `words`."""
    whens = [*times, *[None] * len(words)]
    steps = [Step(str(n), "message", actor, text, whens[n]) for n, text in enumerate(words)]
    return Trace("t", tuple(steps), meta or {})


def talk(*turns):
    """A trace of (actor, seconds) messages."""
    return Trace(
        "t",
        tuple(Step(str(n), "message", actor, "words", at) for n, (actor, at) in enumerate(turns)),
    )


def calls(*made):
    data = [{"name": name, "arguments": arguments} for name, arguments in made]
    return Trace(
        "t",
        tuple(
            Step(str(n), "tool.call", "assistant", d["name"], data=d) for n, d in enumerate(data)
        ),
    )


def fixed(value):
    def scorer(trace):
        return Score("fixed", value, f"it is {value}", "7")

    return scorer


EMPTY = Trace("t", ())
PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@pytest.mark.parametrize(
    ("scorer", "trace", "value"),
    [
        (contains("refund"), said("Your REFUND is on its way"), True),
        (contains("STRASSE"), said("Die Straße"), True),
        (contains("sorry", "apolog"), said("We apologise", "Bye"), True),
        (contains("refund"), said("No."), False),
        (contains("refund"), said("refund me", actor="user"), None),
        (contains("refund", actor="user"), said("refund me", actor="user"), True),
        (contains("refund"), said("  "), None),
        (matches(r"HB-\d{4}"), said("It is HB-2101."), True),
        (matches(r"^no", flags=re.IGNORECASE), said("Yes", "No way"), True),
        (matches(r"HB-\d{4}"), said("It is HB-21."), False),
        (matches(r"HB-\d{4}"), EMPTY, None),
        (matches("a"), said("a", "b" * 20_001), None),
        (valid_json(PERSON), said("Let me see", '{"name": "Ada"}'), True),
        (valid_json(PERSON), said('{"name": 1}'), False),
        (valid_json(PERSON), said('```json\n{"name": "Ada"}\n```'), False),
        (valid_json(PERSON), said('{"name": "Ada", "n": NaN}'), False),
        (valid_json(PERSON), said('[{"name": "Ada"}]'), False),
        (valid_json(PERSON), EMPTY, None),
        (length(), said("four", "five!"), 9),
        (length("words"), said("one two", "three"), 3),
        (length(), EMPTY, None),
        (between(length("words"), high=2), said("one two", "three"), False),
        (between(length("words"), 3, 3), said("one two", "three"), True),
        (between(length("words"), high=2), EMPTY, None),
        (between(contains("a"), high=2), said("a"), None),
        (called("refund"), calls(("find", {}), ("refund", {"eur": 5})), True),
        (called("refund"), calls(("find", {})), False),
        (called("refund"), said("no tools here"), False),
        (called("refund"), EMPTY, None),
        (not_(called("refund")), EMPTY, None),
        (called("refund", eur=5), calls(("refund", {"eur": 5.0, "id": ["x"]})), True),
        (called("refund", eur=5), calls(("refund", {"eur": 6}), ("refund", {"eur": 5})), True),
        (called("refund", eur=5), calls(("refund", {"eur": 6})), False),
        (called("refund", eur=5), calls(("refund", {})), False),
        (called("refund", eur=5), calls(("refund", '{"eur": 5')), None),
        (called("refund", eur=5), calls(("refund", None), ("refund", {"eur": 5})), True),
        (called("refund"), calls(("refund", "{broken")), True),
        (called("refund", tool={"a": [1, 2]}), calls(("refund", {"tool": {"a": [1, 2]}})), True),
        (
            latency_s,
            talk(("user", 1.0), ("assistant", 3.5), ("user", 60.0), ("assistant", 61.0)),
            2.5,
        ),
        (latency_s, talk(("user", 1.0), ("user", 3.0), ("assistant", 4.0)), 3.0),
        (latency_s, talk(("user", 1.0), ("assistant", None)), None),
        (latency_s, talk(("user", None), ("assistant", 1.0)), None),
        (latency_s, talk(("user", 5.0), ("assistant", 1.0)), None),
        (latency_s, talk(("assistant", 1.0), ("user", 5.0)), None),
        (between(latency_s, high=3), talk(("user", 1.0), ("assistant", None)), None),
        (
            measure("tokens"),
            said("x", meta={"usage": {"input_tokens": 10, "output_tokens": 5}}),
            15,
        ),
        (measure("tokens"), said("x", meta={"usage": {"input_tokens": 10}}), None),
        (measure("cost_usd"), said("x", meta={"cost_usd": 0.25}), 0.25),
        (measure("cost_usd"), said("x", meta={"cost_usd": -1}), None),
        (between(measure("cost_usd"), high=0.1), said("x"), None),
        (between(measure("cost_usd"), high=0.1), said("x", meta={"cost_usd": 0.25}), False),
        (measure("duration_s"), said("x", "y", times=(1.0, 4.0)), 3.0),
        (measure("duration_s"), said("x", "y"), None),
    ],
)
def test_each_scorer_says_what_it_was_ordered_to_say(scorer, trace, value):
    score = scorer(trace)
    assert (score.value, type(score.value)) == (value, type(value))
    assert score.why
    assert score.name == scorer.__name__


@pytest.mark.parametrize("values", list(product([True, False, None], repeat=3)))
def test_composition_is_kleenes_three_valued_logic(values):
    """Kleene's table as an oracle: False 0, unscored 1/2, True 1; and is the least, or the
    greatest, not 1 - x.
    """
    number = {True: 1.0, False: 0.0, None: 0.5}
    back = {v: k for k, v in number.items()}
    parts, known = [fixed(v) for v in values], [number[v] for v in values]
    assert all_of(*parts)(EMPTY).value is back[min(known)]
    assert any_of(*parts)(EMPTY).value is back[max(known)]
    assert not_(all_of(*parts))(EMPTY).value is any_of(*map(not_, parts))(EMPTY).value
    assert not_(parts[0])(EMPTY).value is back[1 - known[0]]


@pytest.mark.parametrize("odd", ["a label", 3.5, 0])
def test_a_label_or_a_number_in_a_composition_is_no_truth_value(odd):
    assert all_of(fixed(True), fixed(odd))(EMPTY).value is None
    assert all_of(fixed(False), fixed(odd))(EMPTY).value is False
    assert not_(fixed(odd))(EMPTY).value is None


def test_a_part_that_raises_is_unscored_and_named():
    def broken(trace):
        raise KeyError("gone")

    found = all_of(contains("x"), broken)(said("x"))
    assert found.value is None
    assert "KeyError" in found.why
    assert found.name == "all_of(contains('x'), broken)"
    assert all_of(partial(contains("x")))(said("x")).value is True


def test_a_composition_of_nothing_is_refused_and_carries_the_versions_of_its_parts():
    for kind in (all_of, any_of):
        with pytest.raises(ValueError, match="at least one"):
            kind()
    assert all_of(fixed(True), contains("x"))(said("x")).version == "7+1"


def test_what_was_ordered_otherwise_has_another_name():
    flags = [matches("a"), matches("a", flags=re.I), matches("b"), matches("a", actor="user")]
    others = [
        contains("a"),
        contains("a", "b"),
        contains("a", actor="user"),
    ]
    calls_ = [
        called("a"),
        called("a", b=1),
        called("a", b="1"),
        length(),
        length("words"),
        measure("tokens"),
    ]
    made = [*flags, *others, *calls_]
    assert len({scorer.__name__ for scorer in made}) == len(made)


def test_another_schema_is_another_version():
    one, other = (valid_json(schema)(said("{}")).version for schema in (PERSON, {"type": "object"}))
    assert one != other


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|a)*$", r"a*a*a*a*b"])
def test_a_pattern_that_would_take_for_ever_is_stopped_in_any_thread(pattern):
    trace, found = said("a" * 5_000 + "!"), []
    found.append(matches(pattern)(trace))
    other = Thread(target=lambda: found.append(matches(pattern)(trace)))
    other.start()
    other.join(timeout=60)
    assert [score.value for score in found] == [None, None]
    assert all("stopped" in score.why for score in found)


def test_a_search_in_another_thread_finds_the_same():
    found, texts = [], ["Order HB-2101", "„Größe“ 🚲", "nothing"]
    other = Thread(
        target=lambda: found.extend(
            matches(r"hb-\d+|🚲", flags=re.I)(said(text)).value for text in texts
        )
    )
    other.start()
    other.join(timeout=60)
    assert found == [True, True, False]


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (lambda: matches("("), re.error),
        (lambda: contains(), ValueError),
        (lambda: contains("a", ""), ValueError),
        (lambda: measure("beauty"), ValueError),
        (lambda: valid_json({"type": "nonsense"}), SchemaError),
    ],
)
def test_an_order_that_cannot_be_filled_is_refused_when_it_is_made(order, error):
    with pytest.raises(error):
        order()


async def test_made_scorers_go_into_the_frame_under_their_names():
    frame = await score_traces([said("a"), EMPTY], [contains("a"), not_(contains("a"))])
    assert frame["scorer"].tolist() == ["contains('a')", "not_(contains('a'))"] * 2
    assert frame["value"].tolist() == [True, False, None, None]


LOOK_ALIKES = [
    ("don't", "I don’t know"),
    ("10 EUR", "10\u00a0EUR"),
    ("café", "cafe\u0301"),
    ("co-op", "co\u2011op"),
]


@pytest.mark.parametrize(("word", "text"), LOOK_ALIKES)
def test_words_are_found_in_whatever_form_they_are_written(word, text):
    assert contains(word)(said(text)).value is True
    assert contains(text)(said(f"so: {word} and I {text}")).value is True
    assert matches(re.escape(word))(said(text)).value is True
    assert called("pay", note=word)(
        calls(("pay", {"note": text.removeprefix("I ").removesuffix(" know")}))
    ).value


def test_a_pattern_still_finds_the_very_letters_it_names():
    assert matches("\u00a0")(said("10\u00a0EUR")).value is True
    assert matches("[’]")(said("don’t")).value is True
    assert matches("\u00a0x")(said("10\u00a0EUR")).value is False
