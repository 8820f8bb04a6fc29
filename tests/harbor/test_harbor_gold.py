"""Harbor's situations are tested before any agent is, its tools do what they declare, and what an
agent did is done again as its trace has it.
"""

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from toolkit.evals import Case, SqliteWorld, audit_cases, evaluate, measure_tools, replay_calls
from toolkit.harbor import (
    FAILURE_MODES,
    KINDS,
    TOOLS,
    World,
    call,
    first_misstep,
    gold_plan,
    load_traces,
    load_truth,
    made_calls,
    scripted_agent,
    situations,
)


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


def recorded():
    """Each trace of Harbor with its situation and the failure that is planted in it."""
    truths = {truth.trace_id: truth for truth in load_truth()}
    for trace in load_traces():
        truth = truths[trace.id]
        yield trace, situations()[truth.situation], truth.failure


def test_the_calls_of_a_trace_made_again_answer_what_stands_in_it(world):
    shop = SqliteWorld(world.database)
    for trace, situation, _ in recorded():
        calls = made_calls(trace, situation, world)
        answers = [trace.result_of(step) for step in trace.calls]
        assert [name for name, _ in calls] == [step.data["name"] for step in trace.calls]
        replay = replay_calls(calls, KINDS, shop)
        assert replay.results == tuple((each.content, each.data["error"]) for each in answers)


def test_each_planted_failure_has_a_first_misstep_of_the_agent_and_a_good_trace_has_none():
    found = Counter()
    for trace, situation, failure in recorded():
        steps = {step.id: step for step in trace.steps}
        misstep = first_misstep(trace, situation)
        found[failure, misstep is not None] += 1
        assert misstep is None or steps[misstep].actor == "assistant"
    assert found == {(None, False): 180, **{(mode, True): 15 for mode in FAILURE_MODES}}


def test_the_first_misstep_is_the_call_that_is_wrong_or_repeated_or_the_words():
    kinds = Counter()
    for trace, situation, failure in recorded():
        for step in trace.steps:
            if failure and step.id == first_misstep(trace, situation):
                kinds[failure, step.kind] += 1
    assert kinds["repeated_call", "tool.call"] == 15
    assert kinds["wrong_booking", "tool.call"] == 15
    assert kinds["wrong_language_or_tone", "message"] == 15


async def failures_of(slips, version):
    """Which trials of a scripted agent have a misstep."""

    def keeps_to_the_script(trace, case):
        return first_misstep(trace, situations()[case.id]) is None

    chosen = [Case(id_, id_) for id_ in list(situations())[:6]]
    agent = scripted_agent(slips, version)
    experiment = await evaluate(agent, chosen, [keeps_to_the_script], trials=2, name=version)
    assert experiment.simulated
    assert {result.status for result in experiment.results} == {"scored"}
    return [(result.case, result.trial) for result in experiment.results if not result.passed]


async def test_a_scripted_agent_slips_as_often_as_it_should_and_at_the_same_trials_again():
    assert await failures_of(0, "A") == []
    assert len(await failures_of(1, "A")) == 12
    some = await failures_of(0.5, "A")
    assert 0 < len(some) < 12
    assert await failures_of(0.5, "A") == some
    assert await failures_of(0.5, "B") != some
