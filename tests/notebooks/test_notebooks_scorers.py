"""Scorers that stand beside notebook 03: the language somebody writes, and personal data in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from languages import language
from personal import no_personal_data, personal_data

from toolkit.traces import Step, Trace

EMPTY = Trace("t", ())


def said(text, actor="assistant"):
    return Trace("t", (Step("1", "message", actor, text),))


@pytest.mark.parametrize(
    ("scorer", "trace", "value"),
    [
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
        (language("user"), said("Das ist nicht mit der Post", "user"), "de"),
        (no_personal_data("user"), said("ada@example.org"), None),
    ],
)
def test_each_scorer_says_what_it_sees_and_where_there_is_nothing_to_see(scorer, trace, value):
    score = scorer(trace)
    assert (score.value, bool(score.why)) == (value, True)


def test_of_another_actor_it_has_another_name():
    made = [of(actor) for of in (language, no_personal_data) for actor in ("assistant", "user")]
    assert len({scorer.__name__ for scorer in made}) == 4


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


def test_a_scorer_beside_the_notebook_is_still_found_where_it_stood():
    from toolkit.evals import checks

    trace = said("Die Brücke ist frei und wir sind da, bitte kommen Sie nicht auf das Boot")
    assert checks.language()(trace).value == "de"
    assert checks.no_personal_data()(said("Write to ada@example.org")).value is False
    with pytest.raises(AttributeError, match="no attribute 'languages'"):
        checks.languages  # noqa: B018
