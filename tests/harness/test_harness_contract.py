"""A contract is what can be run, and stays what both signed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.harness import (
    Browse,
    Command,
    Contract,
    ContractError,
    Criterion,
    Exchange,
    HttpRequest,
    Judged,
    RowChange,
    Serve,
    StateCheck,
    Step,
    Value,
    propose_contract,
    read_contract,
)

RUNS = Criterion("runs", "It runs.", Command(("python", "app.py")))
SAYS_HELLO = Command(("python", "app.py"), stdout=("hello",), timeout_s=5)
GREETS = Criterion("greets", "It greets.", SAYS_HELLO)
ADD = HttpRequest("POST", "/tasks", '{"title": "milk"}', status=201, values=(Value("id", None),))
SEE = Browse((Step("open", "/"), Step("click", "Done", within="milk"), Step("see", "milk")))
ADDED = RowChange("added", "tasks", (Value("title", "milk"), Value("done", False)))
EVERY_KIND = (
    GREETS,
    Criterion("adds", "Tasks are added.", Exchange((ADD,)), weight=2),
    Criterion("shows", "They are seen.", SEE, held_out=True),
    Criterion("keeps", "They are kept.", StateCheck("tasks.db", (ADDED,), requests=(ADD,))),
    Criterion("calm", "It is calm.", Judged("No more than two colours.", SEE), threshold=0.7),
    Criterion("starts", "It starts.", Command(("true",)), regression=True),
)


def frozen() -> Contract:
    return Contract("an app", (RUNS, GREETS)).sign("generator").sign("evaluator")


def test_it_is_frozen_by_the_second_signature_whoever_gives_it():
    draft = Contract("an app", (RUNS, GREETS))
    once = draft.sign("generator")
    assert once.sha256 is None
    assert once.sign("generator").sha256 is None
    assert once.sign("evaluator") == draft.sign("evaluator").sign("generator")
    assert len(once.sign("evaluator").sha256) == 64


def whole() -> Contract:
    serve = Serve(("python", "app.py"), 8000, "/tasks")
    scope = {"in_scope": ("adding",), "out_of_scope": ("dark mode",)}
    contract = Contract("a to-do app", EVERY_KIND, serve, **scope)
    return contract.sign("generator").sign("evaluator")


@pytest.mark.parametrize("contract", [frozen(), whole()])
def test_it_comes_back_from_its_json_the_same(contract):
    assert read_contract(contract.to_json()) == contract


def test_the_generator_sees_all_but_the_checks_that_are_held_out():
    shown = whole().for_generator()
    assert [c["id"] for c in shown["criteria"] if "check" not in c] == ["shows"]
    assert shown["criteria"][2]["claim"] == "They are seen."
    assert shown["sha256"] == whole().sha256
    records = [
        {"criterion": "shows", "finding": "fail", "why": "canary", "steps": ["canary"]},
        {"criterion": "adds", "finding": "fail", "why": "status 500"},
    ]
    assert whole().records_for_generator(records) == [
        {"criterion": "shows", "finding": "fail"},
        {"criterion": "adds", "finding": "fail", "why": "status 500"},
    ]


@pytest.mark.parametrize(
    ("alter", "named"),
    [
        (lambda c: c["criteria"][1]["check"].update(stdout=[]), "differs from what both signed"),
        (lambda c: c["criteria"][1]["check"].update(timeout_s=9), "differs from what both signed"),
        (lambda c: c["criteria"][1].update(weight=2), "differs from what both signed"),
        (lambda c: c["criteria"][1].update(regression=True), "differs from what both signed"),
        (lambda c: c["criteria"][1].update(held_out=True), "differs from what both signed"),
        (lambda c: c.update(out_of_scope=["greeting"]), "differs from what both signed"),
        (lambda c: c.update(serve={"argv": ["true"]}), "differs from what both signed"),
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
        Contract("an app", (RUNS, replace(GREETS, check=RUNS.check)))
        .sign("generator")
        .sign("evaluator")
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
    check = Command(("true",), exit_code=code, stdout=tuple(texts))
    one = Criterion("one", "One.", check)
    signed = Contract(goal, (one,)).sign("generator").sign("evaluator")
    assert read_contract(signed.to_json()).sha256 == signed.sha256
    other = Contract(goal + "!", (one,)).sign("generator").sign("evaluator")
    assert other.sha256 != signed.sha256


LOOK = {"kind": "command", "argv": ["true"]}
NEW = {"change": "added", "table": "tasks"}
NEVER = {"change": "added", "table": "tasks", "count": 0}


def shown(check, id="one", **more):
    return {"id": id, "claim": "It is so.", "check": check, **more}


def command(id="one", weight=1, threshold=1, regression=False, **check):
    more = {"weight": weight, "threshold": threshold, "regression": regression}
    return shown(LOOK | check, id, **more)


def exchange(*requests):
    return shown({"kind": "exchange", "requests": requests})


def browse(*steps):
    acts = [{"act": act, "target": target} for act, target in steps]
    return shown({"kind": "browse", "steps": acts})


def state(**check):
    return shown(
        {"kind": "state", "database": "a.db", "changes": [NEW], "commands": [["true"]], **check}
    )


@pytest.mark.parametrize(
    ("criteria", "named"),
    [
        ([], "1 to 40 criteria, this one has 0"),
        (None, "criteria: Input should be a valid array"),
        ("it should work well", "criteria: Input should be a valid array"),
        ([{"id": "vague", "claim": "It is nice."}], "0.check"),
        ([shown({"argv": ["true"]})], "0.check: Unable to extract tag"),
        ([shown({"kind": "script", "text": "alert(1)"})], "does not match any"),
        ([command(argv=[])], "no command"),
        ([command(argv="python app.py")], "command.argv"),
        ([command(stdouts=["x"])], "command.stdouts"),
        ([command(stdout=[""])], "empty text"),
        ([command(exit_code=137)], "exit_code"),
        ([command(timeout_s=1e9)], "timeout_s"),
        ([command(id="../x")], "an id is 1 to 40"),
        ([command(), command()], "two criteria have the id one"),
        ([command(weight=0)], "weight must be"),
        ([command(threshold=0.5)], "holds or does not"),
        ([command(regression=True)], "all criteria are regressions"),
        ([command(argv=["x" * 60_000])], "may take 60,000"),
        ([exchange()], "no request"),
        ([exchange({"method": "GET", "path": "http://example.org/"})], "must begin with /"),
        ([exchange({"method": "BREW", "path": "/"})], "requests.0.method"),
        ([exchange({"method": "GET", "path": "/", "status": 99})], "status must be"),
        ([exchange({"method": "GET", "path": "/"})], "needs the app"),
        ([browse()], "the first of which is open"),
        ([browse(("open", "/"), ("not_see", "error"))], "must see a text"),
        ([browse(("open", "file:///etc/passwd"), ("see", "root"))], "must be a path"),
        ([browse(("open", "/"), ("see", "x"), ("picture", "../x"))], "letters and digits"),
        ([browse(("open", "/"), ("run", "alert(1)"))], "steps.1.act"),
        ([state(changes=[])], "no change is expected"),
        ([state(changes=[NEVER])], "no row is expected"),
        ([state(changes=[NEW, NEW])], "stated twice"),
        ([state(commands=[])], "nothing would change"),
        ([shown({"kind": "judged", "rubric": " ", "look": LOOK})], "rubric is empty"),
        ([shown({"kind": "judged", "rubric": "x"})], "judged.look"),
    ],
)
def test_criteria_that_cannot_be_checked_are_refused_and_named(criteria, named):
    with pytest.raises(ContractError, match=named):
        propose_contract("an app", criteria)


def test_a_serve_that_could_not_start_an_app_is_refused():
    for serve, named in [
        ({"argv": []}, "no command to start"),
        ({"argv": ["true"], "port": 80}, "port must be"),
        ({"argv": ["true"], "ready": "x"}, "ready must be"),
        ({"argv": ["true"], "ready_s": 600}, "ready_s must be"),
    ]:
        with pytest.raises(ContractError, match=named):
            propose_contract("an app", [command()], serve)
