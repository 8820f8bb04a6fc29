"""Verdicts follow from what was run; whatever is missing is not passed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.harness import (
    CheckResult,
    Contract,
    Criterion,
    all_pass,
    decide_verdicts,
    green_before,
    score_check,
)

PROMISE = Criterion(
    "greets", "It greets.", ("python", "app.py"), stdout=("hello",), stderr=("note",)
)
CONTRACT = Contract("an app", (PROMISE,))
KEPT = CheckResult(0, "hello\n", "note\n", False, 0.1)
BROKEN = CheckResult(1, "", "Traceback", False, 0.1)
FINDINGS = st.sampled_from(["pass", "fail", "unscored"])


@pytest.mark.parametrize(
    ("result", "finding", "named"),
    [
        (KEPT, "pass", "shows"),
        (BROKEN, "fail", "exit code 1, and 0 was promised"),
        (CheckResult(0, "good day", "note", False, 0.1), "fail", "'hello' is not in its stdout"),
        (CheckResult(0, "hello", "", False, 0.1), "fail", "'note' is not in its stderr"),
        (CheckResult(None, "hello", "note", True, 10.0), "fail", "no end after 10 s"),
        (CheckResult(None, "", "", False, 0.0, "no such command"), "unscored", "no such command"),
        (None, "unscored", "not run"),
    ],
)
def test_a_check_passes_only_by_doing_all_that_was_promised(result, finding, named):
    got, why = score_check(PROMISE, result)
    assert got == finding
    assert named in why


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from([KEPT, BROKEN])),
       st.lists(st.tuples(st.sampled_from("abcx"), FINDINGS, st.text(max_size=5)), max_size=8))  # fmt: skip
def test_no_word_of_the_evaluator_turns_a_red_check_green(results, said):
    contract = Contract(
        "g", tuple(Criterion(id, "x", ("true",), stdout=("hello",)) for id in "abc")
    )
    verdicts = decide_verdicts(contract, results, said)
    assert [verdict.criterion for verdict in verdicts] == list("abc")
    for verdict in verdicts:
        spoken = {finding for id, finding, _ in said if id == verdict.criterion}
        passed = results.get(verdict.criterion) is KEPT and spoken == {"pass"}
        assert (verdict.verdict == "pass") == passed
    assert all_pass(contract, verdicts) == all(verdict.verdict == "pass" for verdict in verdicts)


def test_the_evaluator_can_fail_what_the_check_passes():
    (verdict,) = decide_verdicts(
        CONTRACT, {"greets": KEPT}, [("greets", "fail", "It greets the wrong person.")]
    )
    assert (verdict.verdict, verdict.check, verdict.evaluator) == ("fail", "pass", "fail")
    assert verdict.why == "It greets the wrong person."


@pytest.mark.parametrize(
    "said", [[], [("other", "pass", "")], [("greets", "pass", ""), ("greets", "fail", "")]]
)
def test_a_missing_or_contradictory_word_is_unscored(said):
    (verdict,) = decide_verdicts(CONTRACT, {"greets": KEPT}, said)
    assert verdict.verdict == verdict.evaluator == "unscored"
    assert not all_pass(CONTRACT, [verdict])


def test_no_verdicts_or_too_few_or_too_many_never_pass():
    two = Contract("g", (PROMISE, Criterion("other", "x", ("true",))))
    (verdict,) = decide_verdicts(CONTRACT, {"greets": KEPT}, [("greets", "pass", "")])
    assert all_pass(CONTRACT, [verdict])
    assert not all_pass(CONTRACT, [])
    assert not all_pass(two, [verdict])
    assert not all_pass(CONTRACT, [verdict, verdict])


def test_what_is_not_red_before_the_build_is_named():
    two = Contract("g", (PROMISE, Criterion("free", "Nothing to do.", ("true",))))
    shown = {"greets": BROKEN, "free": CheckResult(0, "", "", False, 0.0)}
    assert green_before(two, shown) == {"free": "the check shows it"}
    assert green_before(
        two, {"greets": CheckResult(None, "", "", False, 0.0, "no such command")}
    ).keys() == {
        "greets",
        "free",
    }
