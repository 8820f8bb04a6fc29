"""The rules: worse evidence never makes a framework less needed, and what decides is measured."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.assess import RULES, Evidence, Facts, Need, assess
from toolkit.assess.choice import choose
from toolkit.assess.measurements import MEASUREMENTS, with_result
from toolkit.assess.rules import FRAMEWORKS
from toolkit.assess.standing import standing

WORSE_FROM_BETTER = {
    "devices": [1, None, 2, 5],
    "tolerates_drops": [True, None, False],
    "live_control": [False, None, True],
    "production": [False, None, True],
    "run_minutes": [1.0, 20.0, None, 21.0, 60.0, 600.0],
    "survives": ["yes", None, "no"],
    "resumes": ["yes", None, "no"],
    "shared": ["yes", None, "no"],
    "goes_on": ["yes", None, "no"],
    "terminal": ["yes", None, "no"],
    "phase": [4, 3, None, 2, 1, 0],
    "share_failing": [0.0, 0.05, 0.1, 0.9],
    "n_weak_judges": [0, 1, 2],
    "build": ["complete", None, "open"],
    "n_overruled": [0, 1, 7],
    "contract_kept": [True, None, False],
}
"""The states of each fact, the worse the later."""
OWN_FACTS = {
    "sessions": "devices tolerates_drops live_control survives shared goes_on terminal".split(),
    "evals": ["phase", "share_failing", "n_weak_judges"],
    "harness": ["build", "n_overruled", "contract_kept"],
}
FACTS = st.builds(
    Facts,
    n_decided=st.just(20),
    n_failed=st.integers(0, 20),
    **{name: st.sampled_from(states) for name, states in WORSE_FROM_BETTER.items()},
)


def needs(facts):
    return {framework: standing(framework, facts).need for framework in FRAMEWORKS}


@given(FACTS, st.data())
def test_a_worse_state_never_lowers_how_much_a_framework_is_needed(facts, data):
    name = data.draw(st.sampled_from(sorted(WORSE_FROM_BETTER)))
    states = WORSE_FROM_BETTER[name]
    place = states.index(getattr(facts, name))
    worse = replace(facts, **{name: data.draw(st.sampled_from(states[place:]))})
    before = needs(facts)
    after = needs(worse)
    assert all(after[framework] >= before[framework] for framework in FRAMEWORKS)


@given(FACTS, st.data())
def test_worse_evidence_about_the_framework_that_comes_first_leaves_it_first(facts, data):
    first = choose(facts).answer
    if first not in OWN_FACTS:
        return
    name = data.draw(st.sampled_from(OWN_FACTS[first]))
    states = WORSE_FROM_BETTER[name]
    place = states.index(getattr(facts, name))
    worse = replace(facts, **{name: data.draw(st.sampled_from(states[place:]))})
    assert choose(worse).answer == first


@settings(max_examples=50)
@given(FACTS)
def test_an_answer_is_one_of_the_most_needed_and_has_a_reason(facts):
    found = assess(Evidence(facts))
    most = max(needs(facts).values())
    assert found.standings[0].need == most
    if found.answer in FRAMEWORKS:
        assert needs(facts)[found.answer] == most >= Need.LIKELY
        assert found.standings[0].reasons
        assert found.decider is None
    elif found.answer == "measure first":
        assert found.decider is not None
    else:
        assert most <= Need.HOLDS
    assert found.why


@settings(max_examples=50)
@given(FACTS)
def test_what_would_change_the_answer_does_change_it(facts):
    found = assess(Evidence(facts))
    by_words = {result.words: result for each in MEASUREMENTS for result in each.results}
    for change in found.would_change:
        there = choose(with_result(facts, by_words[change.words]))
        assert there.answer == change.answer != found.answer


@settings(max_examples=50)
@given(FACTS)
def test_each_reason_names_the_facts_that_it_rests_on(facts):
    known = set(Facts.__dataclass_fields__)
    for framework in FRAMEWORKS:
        for reason in standing(framework, facts).reasons:
            assert set(reason.rests_on) <= known
            assert any(getattr(facts, name) is not None for name in reason.rests_on)
            assert "{" not in reason.because


def test_every_rule_can_hold_and_does_not_always():
    for rule in RULES:
        assert not rule.when(Facts()), rule.because
    every_state = [
        Facts(devices=1, tolerates_drops=True, live_control=False, production=False, run_minutes=5),
        Facts(
            survives="no", goes_on="no", shared="no", terminal="no", devices=2, live_control=True
        ),
        Facts(survives="no", production=True, phase=0, share_failing=0.3, n_weak_judges=1),
        Facts(devices=2, live_control=True, tolerates_drops=False, run_minutes=90, production=True),
        Facts(survives="yes", goes_on="yes", shared="yes", phase=3),
        Facts(contract_kept=False, build="open", n_overruled=1),
        Facts(contract_kept=True, build="complete"),
    ]
    for rule in RULES:
        assert any(rule.when(facts) for facts in every_state), rule.because


def test_with_nothing_known_it_names_one_measurement_and_no_framework():
    found = assess(Evidence())
    assert found.answer == "measure first"
    assert found.decider.command == "fieldbook assess FOLDER --url URL"
    assert {each.need for each in found.standings} == {Need.UNKNOWN}


def test_what_is_only_said_does_not_decide_between_two_and_one_measurement_would():
    said = Facts(devices=2, production=True, run_minutes=5)
    found = assess(Evidence(said))
    assert found.answer == "measure first"
    assert [change.answer for change in found.decider.results] == ["evals", "sessions"]
    lost = replace(said, survives="no")
    assert choose(lost).answer == "sessions"
    whole = replace(said, survives="yes", shared="yes", goes_on="yes")
    assert choose(whole).answer == "evals"


def test_a_prototype_on_one_device_may_skip_all_three():
    prototype = Facts(
        devices=1, tolerates_drops=True, live_control=False, production=False, run_minutes=3
    )
    assert choose(prototype).answer == "skip"
    trapped = replace(prototype, survives="no", phase=0, build="open")
    assert choose(trapped).answer == "skip"
    wanted = replace(prototype, live_control=True)
    assert choose(wanted).answer == "sessions"


def test_where_what_is_needed_stands_it_says_none_yet():
    stands = Facts(survives="yes", goes_on="yes", shared="yes", phase=3, run_minutes=5)
    assert choose(stands).answer == "none yet"


def test_two_measured_needs_go_in_the_order_in_which_one_rests_on_the_other():
    both = Facts(survives="no", phase=1, share_failing=0.3, run_minutes=5)
    found = choose(both)
    assert found.answer == "sessions"
    assert "sessions and evals alike" in found.why
