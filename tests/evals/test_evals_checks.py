"""Scorers made to order, and how they go together."""

import re
from functools import partial
from itertools import product
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import SchemaError

from toolkit.evals import Score, all_of, any_of, between, not_, score_traces
from toolkit.evals.checks import (
    called,
    contains,
    language,
    latency_s,
    length,
    matches,
    measure,
    no_personal_data,
    valid_json,
)
from toolkit.evals.scorers.personal import personal_data
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
        (language(), said("The bike is free on Sunday, and you can have it."), "en"),
        (language(), said("Das Rad ist am Sonntag frei, und Sie können es haben."), "de"),
        (
            language(),
            said("Le vélo est libre dimanche, vous pouvez le prendre avec un casque."),
            "fr",
        ),
        (
            language(),
            said("La bicicleta está libre el domingo y la puede recoger con su carné."),
            "es",
        ),
        (
            language(),
            said(
                "A bicicleta não está livre no domingo, mas você pode vir com um amigo na segunda."
            ),
            "pt",
        ),
        (language(), said("OK."), None),
        (language(), said("The bike is free. Le vélo est libre."), None),
        (language(), EMPTY, None),
        (
            no_personal_data(),
            said("Your booking is HB-2101, from 2026-07-09 to 2026-07-11, 10:00."),
            True,
        ),
        (no_personal_data(), said("Call Tom on +44 555 0102."), False),
        (no_personal_data(), EMPTY, None),
    ],
)
def test_each_scorer_says_what_it_was_ordered_to_say(scorer, trace, value):
    score = scorer(trace)
    assert (score.value, type(score.value)) == (value, type(value))
    assert score.why
    assert score.name == scorer.__name__


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("write to ada.l+x@example.co.uk today", {"email"}),
        ("ada at example dot com, @ada, 5 @ 3", set()),
        ("card 4111 1111 1111 1111", {"card"}),
        ("card 4111-1111-1111-1112", set()),
        ("card 378282246310005", {"card"}),
        ("order 1234 4111 1111 1111 1111 25", {"card"}),
        ("3782 822463 10005", {"card"}),
        ("ref AB12 ORDER GB82 WEST 1234 5698 7654 32 PLEASE", {"iban"}),
        ("09.07.2026 or 09/07/2026 or 2026-07-09", set()),
        ("01.23.45.67.89", {"phone"}),
        ("0000 0000 0000 0000", set()),
        ("DE89 3704 0044 0532 0130 00", {"iban"}),
        ("pay to GB82WEST12345698765432 PLEASE AND THANKS", {"iban"}),
        ("pay to GB82 WEST 1234 5698 7654 32 PLEASE", {"iban"}),
        ("de89370400440532013000", {"iban"}),
        ("DE88370400440532013000", set()),
        ("+33 555 0126 or (0555) 123456", {"phone"}),
        ("212-555-0123", {"phone"}),
        ("2026-11-22, 10:30 to 18:00, €120, order 12345678", set()),
        ("ada@example.org, +44 555 0102, 4111111111111111", {"card", "email", "phone"}),
    ],
)
def test_personal_data_is_seen_by_pattern_and_by_checksum(text, kinds):
    assert personal_data(text) == kinds


@given(st.text("0123456789", min_size=12, max_size=15), st.integers(0, 14), st.integers(1, 9))
def test_a_card_number_with_one_wrong_digit_is_none(stem, place, change):
    """Luhn's check finds each single wrong digit; the check digit is worked out here in another way
    than in toolkit.
    """
    doubled = [sum(map(int, str(int(d) * (2 - n % 2)))) for n, d in enumerate(reversed(stem))]
    number = stem + str(-sum(doubled) % 10)
    assert ("card" in personal_data(number)) == (set(number) != {"0"})
    place %= len(number)
    wrong = number[:place] + str((int(number[place]) + change) % 10) + number[place + 1 :]
    assert "card" not in personal_data(wrong)


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
        language(),
        language("user"),
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


def test_personal_data_is_seen_across_no_break_spaces():
    assert personal_data("+49\u00a030\u00a01234567") == {"phone"}
    assert personal_data("GB82\u00a0WEST\u00a01234\u00a05698\u00a07654\u00a032") == {"iban"}


OTHER_LANGUAGES = {
    "Dutch": "Wij zijn open van negen tot vijf en de fiets is klaar in de winkel",
    "Swedish": "Vi har öppet och du kan hämta cykeln i butiken, men vi tar en avgift för det",
    "Danish": "Du kan hente cyklen i butikken, og den er klar til dig for en dag",
    "Norwegian": "Du kan hente sykkelen i butikken, og den er klar til deg for en dag",
    "Romanian": "Puteți lua bicicleta de la magazin, o puteți plăti cu un card de credit sau cu un cod",
    "Catalan": "La bicicleta es pot recollir a la botiga de la plaça, i el preu és de deu euros per dia",
    "Italian": "La bicicletta non è disponibile per domani, ma puoi prenotare un altro giorno con il tuo codice",
    "Galician": "A bicicleta non está dispoñible o domingo, pero pode recollela na tenda co seu carné e unha tarxeta",
    "Polish": "Rower jest gotowy i można go odebrać w sklepie do piątej, ale nie w niedzielę",
    "Turkish": "Bisiklet pazar günü müsait değil ama cumartesi için bir tane ayırabilirsiniz",
    "Finnish": "Pyörä on vapaa sunnuntaina ja voit hakea sen kaupasta, mutta se ei ole ilmainen",
    "Hungarian": "A kerékpár vasárnap nem elérhető, de a boltban van egy másik is, ha az megfelel",
    "Croatian": "Bicikl je slobodan u nedjelju i možete ga preuzeti u trgovini do pet sati",
    "Indonesian": "Sepeda itu tersedia pada hari Minggu dan Anda dapat mengambilnya di toko kami",
    "Latin": "Gallia est omnis divisa in partes tres, quarum unam incolunt Belgae, aliam Aquitani",
}


@pytest.mark.parametrize("name", OTHER_LANGUAGES)
def test_another_language_is_taken_for_none(name):
    score = language()(said(OTHER_LANGUAGES[name]))
    assert score.value is None
    assert score.why
