"""A contract is what can be run, and stays what both signed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.harness import Contract, ContractError, Criterion, propose_contract, read_contract

RUNS = Criterion("runs", "It runs.", ("python", "app.py"))
GREETS = Criterion("greets", "It greets.", ("python", "app.py"), stdout=("hello",), timeout_s=5)


def frozen() -> Contract:
    return Contract("an app", (RUNS, GREETS)).sign("generator").sign("evaluator")


def test_it_is_frozen_by_the_second_signature_whoever_gives_it():
    draft = Contract("an app", (RUNS, GREETS))
    once = draft.sign("generator")
    assert once.sha256 is None
    assert once.sign("generator").sha256 is None
    assert once.sign("evaluator") == draft.sign("evaluator").sign("generator")
    assert len(once.sign("evaluator").sha256) == 64


def test_it_comes_back_from_its_json_the_same():
    assert read_contract(frozen().to_json()) == frozen()


@pytest.mark.parametrize(
    ("alter", "named"),
    [
        (lambda c: c["criteria"][1].update(stdout=[]), "differs from what both signed"),
        (lambda c: c["criteria"][1].update(timeout_s=50), "differs from what both signed"),
        (lambda c: c["criteria"].pop(), "differs from what both signed"),
        (
            lambda c: c["criteria"].append(c["criteria"][0] | {"id": "easy"}),
            "differs from what both signed",
        ),
        (lambda c: c.update(goal="another app"), "differs from what both signed"),
        (lambda c: c["criteria"].reverse(), "differs from what both signed"),
        (lambda c: c.pop("sha256"), "frozen exactly when"),
        (lambda c: c.update(signed=["generator"]), "frozen exactly when"),
    ],
)
def test_a_change_after_the_signing_is_an_error(alter, named):
    data = json.loads(frozen().to_json())
    alter(data)
    with pytest.raises(ContractError, match=named):
        read_contract(json.dumps(data))


def test_a_contract_that_was_changed_and_sealed_anew_still_differs_from_the_first():
    easier = (
        Contract("an app", (RUNS, replace(GREETS, stdout=()))).sign("generator").sign("evaluator")
    )
    assert easier.sha256 != frozen().sha256
    with pytest.raises(ContractError, match="differs from what both signed"):
        replace(frozen(), criteria=easier.criteria)


@settings(deadline=None)
@given(
    st.text(max_size=40),
    st.integers(0, 125),
    st.lists(st.text(min_size=1, max_size=10), max_size=3),
)
def test_equal_contracts_have_equal_hashes_and_others_do_not(goal, code, texts):
    one = Criterion("one", "One.", ("true",), exit_code=code, stdout=tuple(texts))
    signed = Contract(goal, (one,)).sign("generator").sign("evaluator")
    assert read_contract(signed.to_json()).sha256 == signed.sha256
    other = Contract(goal + "!", (one,)).sign("generator").sign("evaluator")
    assert other.sha256 != signed.sha256


@pytest.mark.parametrize(
    ("criteria", "named"),
    [
        ([], "1 to 40 criteria, this one has 0"),
        (None, "criteria: Input should be a valid array"),
        ("it should work well", "criteria: Input should be a valid array"),
        ([{"id": "vague", "text": "It is nice."}], "0.command"),
        ([{"id": "vague", "text": "It is nice.", "command": []}], "no command"),
        ([{"id": "line", "text": "A shell line.", "command": "python app.py"}], "0.command"),
        ([{"id": "typo", "text": "x", "command": ["true"], "stdouts": ["x"]}], "0.stdouts"),
        ([{"id": "all", "text": "x", "command": ["true"], "stdout": [""]}], "empty text"),
        ([{"id": "killed", "text": "x", "command": ["true"], "exit_code": 137}], "exit_code"),
        ([{"id": "slow", "text": "x", "command": ["true"], "timeout_s": 1e9}], "timeout_s"),
        ([{"id": "../x", "text": "x", "command": ["true"]}], "an id is 1 to 40"),
        ([{"id": "same", "text": "x", "command": ["true"]}] * 2, "two criteria have the id same"),
    ],
)
def test_criteria_that_cannot_be_checked_are_refused_and_named(criteria, named):
    with pytest.raises(ContractError, match=named):
        propose_contract("an app", criteria)
