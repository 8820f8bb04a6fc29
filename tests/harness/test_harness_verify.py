"""Verdicts follow from what was run; whatever is missing is not passed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.harness import (
    CheckResult,
    Command,
    Contract,
    Criterion,
    CriterionVerdict,
    Evidence,
    Judged,
    Word,
    all_pass,
    decide_verdicts,
    green_before,
    weighted_score,
)

LOOK = Command(("python", "app.py"), stdout=("hello",))
GREETS = Criterion("greets", "It greets.", LOOK)
KIND = Criterion("kind", "It is kind.", Judged("Is it kind?", LOOK), weight=3, threshold=0.7)
CONTRACT = Contract("an app", (GREETS,))
SHOWN = (Evidence("output.json", "evidence/round-1/greets-output.json", "0" * 64),)
KEPT = CheckResult("pass", "the check shows it", evidence=SHOWN)
BROKEN = CheckResult("fail", "exit code 1, and 0 was promised", evidence=SHOWN)
NOT_RUN = CheckResult("unscored", "no such command", evidence=SHOWN)
UNPROVEN = CheckResult("pass", "the check shows it")
GRADES = st.sampled_from(["pass", "fail", "unscored"])
RESULTS = st.sampled_from([KEPT, BROKEN, NOT_RUN, UNPROVEN])
SCORES = st.none() | st.floats() | st.integers(-2, 2) | st.booleans()
"""Out of range, infinite and no number at all too."""
WORDS = st.builds(
    Word,
    st.sampled_from("abcx"),
    GRADES | st.sampled_from(["PASS", "deferred", ""]),
    st.sampled_from(["", " ", "seen"]),
    SCORES,
)


@st.composite
def contracts(draw):
    """Contracts of up to three criteria, some of which are judged by a rubric."""
    criteria = []
    for id in draw(st.sampled_from(["a", "ab", "abc"])):
        weight = draw(st.floats(0.01, 100))
        if draw(st.booleans()):
            check = Judged("Is it good?", LOOK)
            threshold = draw(st.floats(0.01, 1))
            criteria.append(Criterion(id, "Good.", check, weight, threshold))
        else:
            criteria.append(Criterion(id, "Works.", LOOK, weight))
    return Contract("an app", tuple(criteria))


def may_pass(criterion, result, words):
    """An oracle: all that a pass takes, said once more."""
    spoken = [word for word in words if word.criterion == criterion.id]
    if result is not KEPT or len(spoken) != 1:
        return False
    (word,) = spoken
    if word.verdict != "pass" or word.why != "seen":
        return False
    if word.score is None:
        return criterion.check.kind != "judged"
    if type(word.score) is bool or math.isnan(word.score) or not 0 <= word.score <= 1:
        return False
    return criterion.check.kind != "judged" or word.score >= criterion.threshold


@given(
    contracts(),
    st.dictionaries(st.sampled_from("abcx"), RESULTS),
    st.lists(WORDS, max_size=8),
    st.booleans(),
)
def test_a_criterion_passes_only_by_its_check_and_one_good_word_and_some_work(
    contract, results, words, is_changed
):
    verdicts = decide_verdicts(contract, results, words, is_changed)
    assert [verdict.criterion for verdict in verdicts] == [c.id for c in contract.criteria]
    for criterion, verdict in zip(contract.criteria, verdicts, strict=True):
        passes = is_changed and may_pass(criterion, results.get(criterion.id), words)
        assert (verdict.verdict == "pass") == passes
        assert (verdict.score is None) == (verdict.verdict == "unscored")
        assert not passes or verdict.evidence == SHOWN
    assert all_pass(contract, verdicts) == all(v.verdict == "pass" for v in verdicts)
    assert 0 <= weighted_score(contract, verdicts) <= 1


@given(contracts(), st.lists(st.sampled_from([1.0, 0.0, 0.5]), min_size=3, max_size=3), st.data())
def test_one_criterion_below_its_threshold_fails_all_whatever_the_weights(contract, scores, data):
    results = {criterion.id: KEPT for criterion in contract.criteria}
    words = [
        Word(criterion.id, "pass", "seen", score)
        for criterion, score in zip(contract.criteria, scores, strict=False)
    ]
    below = data.draw(st.sampled_from(contract.criteria))
    results[below.id] = data.draw(st.sampled_from([BROKEN, NOT_RUN, UNPROVEN]))
    verdicts = decide_verdicts(contract, results, words)
    assert not all_pass(contract, verdicts)


@given(st.lists(st.builds(CriterionVerdict, st.sampled_from("abx"), GRADES, st.just(""), GRADES, GRADES), max_size=4))  # fmt: skip
def test_verdicts_that_are_missing_double_or_of_nothing_that_was_promised_pass_nothing(verdicts):
    contract = Contract("g", (Criterion("a", "A.", LOOK), Criterion("b", "B.", LOOK)))
    grades = {verdict.criterion: verdict.verdict for verdict in verdicts}
    is_whole = len(verdicts) == 2 and grades == {"a": "pass", "b": "pass"}
    assert all_pass(contract, verdicts) == is_whole


def test_the_evaluator_can_fail_what_the_check_passes():
    word = Word("greets", "fail", "It greets the wrong person.")
    (verdict,) = decide_verdicts(CONTRACT, {"greets": KEPT}, [word])
    assert (verdict.verdict, verdict.check, verdict.evaluator) == ("fail", "pass", "fail")
    assert (verdict.why, verdict.score) == ("It greets the wrong person.", 0.0)


PASS = Word("greets", "pass", "It says hello.")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "no word of it"),
        ([Word("other", "pass", "Well.")], "no word of it"),
        ([PASS, Word("greets", "fail", "No.")], "speaks of it 2 times"),
        ([PASS, PASS], "speaks of it 2 times"),
        ([Word("greets", "pass", " ")], "a pass without a reason"),
        ([Word("greets", "deferred", "In the next phase.")], "no verdict 'deferred'"),
        ([Word("greets", "pass", "Well.", 1.5)], "score 1.5 is not from 0 to 1"),
    ],
)
def test_a_word_that_is_missing_double_or_out_of_range_is_unscored(words, named):
    (verdict,) = decide_verdicts(CONTRACT, {"greets": KEPT}, words)
    assert verdict.verdict == verdict.evaluator == "unscored"
    assert named in verdict.why
    assert not all_pass(CONTRACT, [verdict])


@pytest.mark.parametrize(
    ("score", "verdict", "shown"),
    [
        (0.7, "pass", 0.7),
        (1.0, "pass", 1.0),
        (0.69, "fail", 0.69),
        (None, "unscored", None),
        (math.nan, "unscored", None),
        (-0.1, "unscored", None),
        (True, "unscored", None),
    ],
)
def test_the_threshold_of_a_rubric_decides_and_not_the_word_pass(score, verdict, shown):
    contract = Contract("an app", (KIND,))
    words = [Word("kind", "pass", "It says please.", score)]
    (decided,) = decide_verdicts(contract, {"kind": KEPT}, words)
    assert (decided.verdict, decided.score) == (verdict, shown)
    (red,) = decide_verdicts(contract, {"kind": BROKEN}, words)
    assert (red.verdict, red.score) == ("fail", 0.0)


def test_the_weighted_score_is_reported_and_decides_nothing():
    contract = Contract("an app", (GREETS, KIND))
    results = {"greets": BROKEN, "kind": KEPT}
    words = [PASS, Word("kind", "pass", "It says please.", 0.9)]
    verdicts = decide_verdicts(contract, results, words)
    assert weighted_score(contract, verdicts) == pytest.approx(3 * 0.9 / 4)
    assert not all_pass(contract, verdicts)
    assert weighted_score(contract, ()) == 0.0


def test_nothing_passes_where_nothing_was_built():
    (verdict,) = decide_verdicts(CONTRACT, {"greets": KEPT}, [PASS], is_changed=False)
    assert (verdict.verdict, verdict.check) == ("fail", "pass")
    assert "nothing was built" in verdict.why


def test_what_is_not_red_before_the_build_is_named_and_regressions_may_be_green():
    free = Criterion("free", "Nothing to do.", Command(("true",)))
    stays = Criterion("stays", "It still starts.", Command(("true",)), regression=True)
    contract = Contract("g", (GREETS, free, stays))
    before = {"greets": BROKEN, "free": KEPT, "stays": KEPT}
    assert green_before(contract, before) == {"free": "the check shows it"}
    assert green_before(contract, {"greets": NOT_RUN, "free": BROKEN}) == {
        "greets": "no such command"
    }
    red_again = decide_verdicts(
        contract, before | {"stays": BROKEN}, [Word("stays", "pass", "As ever.")]
    )
    assert red_again[2].verdict == "fail"


def test_a_reason_that_the_evaluator_takes_from_the_check_is_given_once():
    results = {"greets": BROKEN}
    (same,) = decide_verdicts(CONTRACT, results, [Word("greets", "fail", BROKEN.why)])
    assert same.why == BROKEN.why
    (other,) = decide_verdicts(CONTRACT, results, [Word("greets", "fail", "It is silent.")])
    assert other.why == f"{BROKEN.why}; It is silent."
