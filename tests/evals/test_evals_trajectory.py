"""Rules over whole traces: what an agent called, in which order, and at what cost."""

import asyncio
import json

import pytest

from toolkit.evals import (
    NOT_APPLICABLE,
    ExpectedCall,
    all_of,
    any_of,
    arguments_are,
    between,
    confirmed_before,
    expected_calls,
    first_failing_step,
    forbidden_calls,
    looks_up_before,
    no_redundant_calls,
    not_,
    recovers_from_errors,
    score,
    within_budget,
)
from toolkit.evals.experiments.result import trial_outcome
from toolkit.traces import Step, Trace, read_traces


def trace_of(*turns):
    """A trace of turns such as ``user: yes``, ``look(id=1)``, ``look(id=1)!`` (an error) and
    ``user.look()``, the user's own call.
    """
    steps = []
    for number, turn in enumerate(turns, 1):
        id_ = f"s{number}"
        if ": " in turn:
            actor, words = turn.split(": ", 1)
            steps.append(Step(id_, "message", actor, words))
            continue
        error = turn.endswith("!")
        name, inner = turn.rstrip("!").removesuffix(")").split("(")
        actor = "user" if name.startswith("user.") else "assistant"
        name = name.removeprefix("user.")
        pairs = [pair.split("=") for pair in inner.split(",") if pair]
        arguments = {key: int(value) for key, value in pairs}
        data = {"name": name, "call_id": id_}
        steps.append(Step(id_, "tool.call", actor, name, data=data | {"arguments": arguments}))
        steps.append(Step(f"{id_}r", "tool.result", "tool", "ok", data=data | {"error": error}))
    return Trace("t", steps)


def unreadable(tool):
    step = Step("s1", "tool.call", "assistant", tool, data={"name": tool, "arguments": "{oh"})
    return Trace("t", (step,))


LOOK, PAY = ExpectedCall("look", {"id": 1}), ExpectedCall("pay", {"sum": 5})
IN_ORDER = ("look(id=1)", "pay(sum=5)")


@pytest.mark.parametrize(
    ("turns", "strict", "unordered", "subset", "superset"),
    [
        (IN_ORDER, True, True, True, True),
        (IN_ORDER[::-1], False, True, True, True),
        (IN_ORDER[:1], False, False, True, False),
        ((*IN_ORDER, "look(id=2)"), False, False, False, True),
        (("look(id=2)", "pay(sum=5)"), False, False, False, False),
        (("user: hello",), False, False, True, False),
        ((*IN_ORDER, "user.look(id=9)"), True, True, True, True),
    ],
)
def test_the_four_modes_differ_in_order_and_in_what_may_be_missing_or_extra(
    turns, strict, unordered, subset, superset
):
    modes = {"strict": strict, "unordered": unordered, "subset": subset, "superset": superset}
    for mode, value in modes.items():
        assert expected_calls([LOOK, PAY], mode)(trace_of(*turns)).value is value, mode


def test_a_call_stands_for_one_expected_call_and_none_takes_the_only_partner_of_another():
    twice = expected_calls(["look", "look"], "superset")
    assert twice(trace_of("look(id=1)")).value is False
    # the first expected call would do with either; the second only with look(id=1)
    either = expected_calls(["look", LOOK], "unordered")
    assert either(trace_of("look(id=1)", "look(id=2)")).value is True


def test_the_calls_that_are_missing_and_those_that_nobody_expects_are_named():
    finding = expected_calls([LOOK, PAY], "unordered")(trace_of("look(id=1)", "drop()"))
    assert finding.why == "missing: pay(sum=5); not expected: drop"
    assert finding.step == "s2"
    finding = expected_calls([LOOK, PAY])(trace_of("look(id=1)", "pay(sum=6)"))
    assert finding.why == 'call 2 is not pay(sum=5): the arguments are {"sum":6}'
    assert finding.step == "s2"


def test_the_calls_of_a_case_may_be_none_or_nothing_in_particular():
    scorer = expected_calls(lambda case: case.get("calls"), "strict")
    looked = trace_of("look(id=1)")
    for case, value in (({"calls": [LOOK]}, True), ({"calls": []}, False), ({}, NOT_APPLICABLE)):
        assert asyncio.run(score(scorer, looked, case))["expected_calls(strict)"].value == value
    assert asyncio.run(score(scorer, looked))["expected_calls(strict)"].value is None


def test_a_mode_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="strict, unordered, subset, superset"):
        expected_calls([LOOK], "exact")


@pytest.mark.parametrize(
    "expected",
    [
        ExpectedCall("pay", {"sum": 5.0}),
        ExpectedCall("pay", schema={"properties": {"sum": {"maximum": 5}}, "required": ["sum"]}),
        ExpectedCall("pay", where=lambda arguments: arguments["sum"] < 6),
    ],
)
def test_arguments_are_checked_exactly_by_a_schema_or_by_a_predicate(expected):
    scorer = arguments_are(expected)
    assert scorer(trace_of("pay(sum=5)", "user.pay(sum=9)")).value is True
    wrong = scorer(trace_of("pay(sum=5)", "pay(sum=9)"))
    assert (wrong.value, wrong.step) == (False, "s2")
    assert scorer(trace_of("look(id=1)")).value == NOT_APPLICABLE
    assert scorer(unreadable("pay")).value is None


def test_exact_arguments_are_all_of_them_and_true_is_not_1():
    assert arguments_are(LOOK)(trace_of("look(id=1,more=2)")).value is False
    assert arguments_are(ExpectedCall("look", {"id": True}))(trace_of("look(id=1)")).value is False


def test_a_schema_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no JSON schema"):
        ExpectedCall("pay", schema={"type": "sum"})


def test_a_predicate_that_raises_leaves_the_trace_unscored():
    scorer = arguments_are(ExpectedCall("pay", where=lambda arguments: arguments["gone"]))
    (finding,) = asyncio.run(score(scorer, trace_of("pay(sum=5)"))).values()
    assert finding.value is None
    assert finding.why == "KeyError: 'gone'"


def test_a_forbidden_call_is_named_by_its_step_and_the_users_own_is_none():
    scorer = forbidden_calls("drop", ExpectedCall("pay", {"sum": 9}))
    assert scorer(trace_of("pay(sum=5)", "user.drop()")).value is True
    assert scorer(trace_of("pay(sum=5)", "pay(sum=9)")).step == "s2"
    assert scorer(unreadable("drop")).value is False
    assert scorer(unreadable("pay")).value is None


@pytest.mark.parametrize(
    ("turns", "step"),
    [
        (("look(id=1)", "user: and?", "look(id=1)"), "s3"),
        (("look(id=1)!", "look(id=1)"), None),
        (("look(id=1)!", "look(id=1)", "look(id=1)"), "s3"),
        (("look(id=1)", "look(id=2)"), None),
        (("look(id=1)", "user.look(id=1)"), None),
        (("look(id=1)", "pay(sum=5)", "look(id=1)"), None),
        (("pay(sum=5)", "pay(sum=5)"), "s2"),
    ],
)
def test_a_call_is_redundant_where_its_answer_is_known_and_still_holds(turns, step):
    assert no_redundant_calls(writes=["pay"])(trace_of(*turns)).step == step


def test_without_writes_every_repeat_is_redundant_and_one_call_is_no_repeat():
    assert no_redundant_calls()(trace_of("pay(sum=5)", "pay(sum=5)")).step == "s2"
    assert no_redundant_calls()(trace_of("look(id=1)", "user.look(id=1)")).value == NOT_APPLICABLE


@pytest.mark.parametrize(
    ("turns", "value"),
    [
        (("look(id=1)!", "look(id=2)"), True),
        (("look(id=1)!", "assistant: I cannot."), False),
        (("look(id=1)!", "pay(sum=5)"), False),
        (("look(id=1)!", "pay(sum=1)", "pay(sum=2)", "look(id=1)"), False),
        (("look(id=1)", "user.look(id=1)!"), NOT_APPLICABLE),
    ],
)
def test_an_agent_recovers_where_the_tool_answers_soon_after_its_error(turns, value):
    finding = recovers_from_errors(within=2)(trace_of(*turns))
    assert finding.value == value
    assert finding.step == ("s1" if value is False else None)


def test_where_no_result_says_whether_it_is_an_error_recovery_is_unscored():
    assert recovers_from_errors()(unreadable("pay")).value is None


@pytest.mark.parametrize(
    ("turns", "step"),
    [
        (("look(id=1)", "change(id=1)"), None),
        (("change(id=1)", "look(id=1)"), "s1"),
        (("look(id=1)!", "change(id=1)"), "s2"),
        (("look(id=1)", "change(id=2)"), "s2"),
        (("user.look(id=1)", "change(id=1)"), "s2"),
    ],
)
def test_a_change_comes_after_a_look_up_of_the_same(turns, step):
    assert looks_up_before(["change"], ["look"], same=["id"])(trace_of(*turns)).step == step


ASKED = "assistant: I will change it, yes?"


@pytest.mark.parametrize(
    ("turns", "step"),
    [
        ((ASKED, "user: yes", "change(id=1)"), None),
        ((ASKED, "user: yes", "assistant: On it.", "look(id=1)", "change(id=1)"), None),
        (("user: change it", "change(id=1)"), "s2"),
        ((ASKED, "change(id=1)"), "s2"),
        ((ASKED, "user: no", "change(id=1)"), "s3"),
        ((ASKED, "user.look(id=1)", "change(id=1)"), "s3"),
        ((ASKED, "user: yes", "change(id=1)", "change(id=2)"), "s4"),
        ((ASKED, "user: yes", "change(id=1)", ASKED, "user: yes", "change(id=2)"), None),
    ],
)
def test_the_users_own_words_stand_before_each_write(turns, step):
    scorer = confirmed_before(["change"], confirms=lambda words: "yes" in words)
    assert scorer(trace_of(*turns)).step == step


def test_one_answer_may_stand_for_several_writes_where_that_is_allowed():
    both = trace_of(ASKED, "user: yes, both", "change(id=1)", "change(id=2)")
    assert confirmed_before(["change"], each=False)(both).value is True
    assert confirmed_before(["change"])(both).value is False


def test_rules_of_order_say_nothing_of_a_trace_without_a_write():
    for scorer in (looks_up_before(["change"], ["look"]), confirmed_before(["change"])):
        assert scorer(trace_of("look(id=1)")).value == NOT_APPLICABLE


def test_a_budget_counts_the_agents_calls_and_names_the_first_step_beyond():
    trace = trace_of("look(id=1)", "user.look(id=1)", "look(id=2)", "look(id=3)")
    assert within_budget(calls=3)(trace).value is True
    over = within_budget(calls=2)(trace)
    assert (over.value, over.step, over.why) == (False, "s4", "3 calls, and the budget is 2")
    assert within_budget(steps=2)(trace).step == "s2"


def test_what_a_trace_does_not_state_is_never_within_a_budget():
    silent = trace_of("look(id=1)")
    assert within_budget(tokens=10)(silent).value is None
    assert within_budget(tokens=10, calls=0)(silent).value is False
    stated = Trace("t", silent.steps, {"cost_usd": 0.02})
    assert within_budget(cost_usd=0.01)(stated).value is False
    assert within_budget(cost_usd=0.02)(stated).value is True


def test_every_rule_leaves_an_empty_trace_unscored():
    for scorer in (
        expected_calls([]),
        arguments_are(LOOK),
        forbidden_calls("drop"),
        no_redundant_calls(),
        recovers_from_errors(),
        looks_up_before(["change"], ["look"]),
        confirmed_before(["change"]),
        within_budget(calls=1),
    ):
        assert scorer(Trace("t", ())).value is None


def test_a_rule_that_does_not_apply_is_neither_passed_nor_failed_nor_missing():
    def good(trace):
        return True

    def bad(trace):
        return False

    looked = trace_of("look(id=1)")
    silent = confirmed_before(["change"])
    assert all_of(silent, good)(looked).value is True
    assert any_of(silent, bad)(looked).value is False
    for joined in (all_of(silent), any_of(silent), not_(silent), between(silent, 1, 2)):
        assert joined(looked).value == NOT_APPLICABLE
    assert trial_outcome([silent(looked), all_of(good)(looked)]) == ("scored", True)
    assert trial_outcome([silent(looked)]) == ("scored", None)


def test_the_users_calls_in_a_file_of_tau2_are_not_the_agents(tmp_path):
    call = {"id": "u1", "name": "toggle", "arguments": {}, "requestor": "user"}
    messages = [
        {"role": "user", "content": None, "tool_calls": [call]},
        {"role": "tool", "id": "u1", "content": "off", "requestor": "user", "error": False},
    ]
    about = {"id": "x", "task_id": "1", "termination_reason": "user_stop"}
    path = tmp_path / "tau2.jsonl"
    path.write_text(json.dumps(about | {"messages": messages}) + "\n")
    (trace,) = read_traces(path)
    assert len(trace.calls) == 1
    assert forbidden_calls("toggle")(trace).value is True


def test_the_first_failing_step_is_the_earliest_that_breaks_a_rule():
    trace = trace_of("look(id=1)", "look(id=1)", "drop()")
    rules = [forbidden_calls("drop"), no_redundant_calls()]
    finding = asyncio.run(first_failing_step(trace, rules))
    assert finding.value == finding.step == "s2"
    assert "no_redundant_calls" in finding.why
    fine = asyncio.run(first_failing_step(trace_of("look(id=1)"), rules))
    assert (fine.value, fine.why) == (None, "no rule names a step")
