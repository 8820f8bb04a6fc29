"""Harbor's situations are tested before any agent is, and its tools do what they declare."""

from dataclasses import replace
from functools import partial

import pytest

from toolkit.evals import SqliteWorld, audit_cases, measure_tools
from toolkit.harbor import KINDS, TOOLS, World, call, gold_plan, situations


@pytest.fixture
def world():
    with World.open() as world:
        yield world


def audit(world, chosen):
    return audit_cases(
        chosen, SqliteWorld(world.database), lambda situation: gold_plan(situation, world)
    )


def test_every_situation_is_sound_and_those_that_ask_for_no_act_are_free(world):
    found = audit(world, situations().values())
    assert found.broken == ()
    assert found.order_dependent == ()
    assert found.table()["cases"].tolist() == [0, 0, 14, 14, 1, 0, 10]
    plans = {id_: gold_plan(situation, world) for id_, situation in situations().items()}
    assert all(not plans[id_] or len(plans[id_]) <= 2 for id_ in found.free)


def test_planted_broken_free_and_order_dependent_cases_are_all_found(world):
    situation = situations()["tandem-with-cold-feet"]
    (first, second) = situation.turns

    def planted(name, *calls):
        return replace(situation, id=name, turns=(first | {"do": calls}, second | {"do": ()}))

    too_much = {"refund": {"amount_eur": 880, "reason": "cancelled"}}
    faulty = {"refund": {"amount_eur": 10, "reason": "fault"}}
    moved = {"change_dates": {"first_day": "2026-07-01", "last_day": "2026-07-03"}}
    voucher = {"apply_voucher": {"code": "QUAY10"}}
    found = audit(
        world,
        [
            situation,
            planted("too-much", too_much),
            planted("nothing", "find_booking"),
            planted("pays-twice", faulty, moved, voucher),
        ],
    )
    assert found.broken == ("too-much",)
    assert "more than the €88 that was paid" in found.frame().loc["too-much", "faults"][0]
    assert found.free == ("nothing",)
    assert found.order_dependent == ("pays-twice",)
    html = found._repr_html_()
    assert (
        "An agent that does nothing passes 1 of 3 cases (33%). 1 broken case is in no rate." in html
    )


def test_a_call_that_should_be_refused_and_is_not_breaks_its_situation(world):
    situation = situations()["tandem-with-cold-feet"]
    turns = (situation.turns[0], situation.turns[1] | {"refused": 1})
    found = audit(world, [replace(situation, turns=turns)])
    assert "should have been refused, and was not" in found.frame()["faults"].iloc[0][0]


def test_the_tools_do_what_they_declare(world):
    own = {"booking_id": "HB-2101", "customer_id": "C-01"}
    late = replace(world, now=situations()["tandem-with-cold-feet"].now.replace(day=19, hour=12))

    def act(name, at=world, **arguments):
        content, is_error = call(at, name, arguments)
        if is_error:
            raise RuntimeError(content)

    words = {"customer_id": "C-01", "reason": "asks", "summary": "asks"}
    same_days = {"first_day": "2026-06-20", "last_day": "2026-06-21"}
    calls = {
        "find_booking": [partial(act, "find_booking", **own)],
        "change_dates": [partial(act, "change_dates", at=late, **own, **same_days)],
        "refund": [partial(act, "refund", **own, amount_eur=8.0, reason="cancelled")],
        "apply_voucher": [partial(act, "apply_voucher", **own, code="QUAY10")],
        "transfer_to_person": [partial(act, "transfer_to_person", **words)],
    }
    found = measure_tools(KINDS, calls, SqliteWorld(world.database)).frame()
    assert set(calls) == set(KINDS) == set(TOOLS)
    assert found["verdict"].to_dict() == dict.fromkeys(TOOLS, "true"), found
