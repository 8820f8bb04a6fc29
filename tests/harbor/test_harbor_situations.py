"""The written part: enough of it, varied, and right by the shop's own policy."""

import re
from itertools import product

import pytest
from harbor_signs import CHECKS, language_of, plan, refund_due_cents

from toolkit.harbor import FAILURE_MODES, World, call, situations, text
from toolkit.harbor.tools import CHANGES

ALL = list(situations().values())
VARIANTS = [(situation, mode) for situation in ALL for mode in (None, *situation.modes)]


def test_there_are_at_least_forty_four_situations_and_every_mode_fits_in_five():
    assert len(ALL) >= 44
    for mode in FAILURE_MODES:
        assert sum(mode in situation.modes for situation in ALL) >= 5, mode
    assert set(CHECKS) == set(FAILURE_MODES)
    assert {situation.language for situation in ALL} == {"en", "de", "fr", "es", "pt"}


@pytest.mark.parametrize("situation", ALL, ids=lambda situation: situation.id)
def test_a_situation_has_two_to_four_turns_with_several_phrasings_and_known_modes(situation):
    assert 2 <= len(situation.turns) <= 4
    assert all(
        len(set(turn["say"])) >= 2 and len(set(turn["reply"])) >= 2 for turn in situation.turns
    )
    assert set(situation.modes) <= set(FAILURE_MODES)
    assert len(situation.modes) >= 2
    for mode, changes in situation.fail.items():
        assert set(changes) - {"mark"} <= set(range(1, len(situation.turns) + 1)), mode


def test_no_sentence_of_a_customer_is_used_in_two_situations():
    said = [text for situation in ALL for turn in situation.turns for text in turn["say"]]
    assert len(said) == len(set(said))


@pytest.mark.parametrize("situation", ALL, ids=lambda situation: situation.id)
def test_the_right_plan_is_right_by_the_policy_and_refunds_what_is_due(situation):
    with World.open(now=situation.now) as world:
        for name, arguments in plan(situation):
            if name == "refund" and arguments["reason"] != "fault":
                booking = world.row("select * from bookings where id = ?", arguments["booking_id"])
                assert arguments["amount_eur"] * 100 == refund_due_cents(world, booking)
            content, error = call(world, name, arguments)
            if name == "refund":
                assert not error, content


@pytest.mark.parametrize("situation", ALL, ids=lambda situation: situation.id)
def test_a_good_agent_names_no_amount_that_neither_tools_nor_policy_gave(situation):
    with World.open(now=situation.now) as world:
        heard = " ".join(call(world, *step)[0] for step in plan(situation)) + text("policy.md")
    for turn in situation.turns:
        for reply in turn["reply"]:
            for amount in re.findall(r"€\s?(\d+)|(\d+) €", reply):
                assert re.search(rf"\b{''.join(amount)}\b", heard), reply


@pytest.mark.parametrize("situation", ALL, ids=lambda situation: situation.id)
def test_a_good_agent_answers_in_the_language_of_the_customer(situation):
    for turn in situation.turns:
        said = " ".join([*turn["reply"], turn["reply"][0]])
        assert language_of(said) == situation.language


@pytest.mark.parametrize(
    ("situation", "mode"), VARIANTS, ids=lambda value: getattr(value, "id", str(value))
)
def test_a_script_is_the_same_for_the_same_phrasing_and_differs_for_others(situation, mode):
    assert situation.script(5, mode) == situation.script(5, mode)
    words = {tuple((turn.say, turn.reply) for turn in situation.script(n, mode)) for n in range(60)}
    assert len(words) >= 3


def test_a_failure_that_does_not_fit_is_refused_with_those_that_do():
    with pytest.raises(ValueError, match="cannot fail by 'leaks_data': it can by"):
        situations()["grey-sky"].script(0, "leaks_data")


def test_every_phrasing_of_a_marked_failure_shows_the_mark_and_no_good_reply_does():
    for situation, mode in product(ALL, FAILURE_MODES):
        changes = situation.fail.get(mode, {})
        if "mark" not in changes:
            continue
        good = [reply for turn in situation.turns for reply in turn["reply"]]
        assert not any(re.search(changes["mark"], reply, re.IGNORECASE) for reply in good), (
            situation.id
        )
        first = min(n for n in changes if n != "mark")
        bad = changes[first]["reply"]
        assert all(re.search(changes["mark"], reply, re.IGNORECASE) for reply in bad), (
            situation.id,
            mode,
        )


def test_plans_of_wrong_bookings_touch_another_booking_of_the_same_customer():
    with World.open() as world:
        for situation in ALL:
            if "wrong_booking" not in situation.modes:
                continue
            others = [a for name, a in plan(situation, "wrong_booking") if name in CHANGES]
            (wrong,) = [a["booking_id"] for a in others]
            assert wrong != situation.booking
            row = world.row("select customer_id from bookings where id = ?", wrong)
            assert row == {"customer_id": situation.customer}
