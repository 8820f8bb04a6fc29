"""What was seen is graded by pure functions: all that was promised, or a fault that is named."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.harness import (
    Browse,
    Command,
    HttpRequest,
    RowChange,
    StateCheck,
    Step,
    Value,
)
from toolkit.harness.checking.browsing import Report, decoded, grade_report
from toolkit.harness.checking.commands import grade_command
from toolkit.harness.checking.exchanges import Answer, grade_answers
from toolkit.harness.checking.states import difference, grade_difference
from toolkit.harness.sandbox import CommandResult

GREETS = Command(("python", "app.py"), stdout=("hello",), stderr=("note",))
ABSENT = Command(("grep", "-r", "TODO", "."), exit_code=1)


@pytest.mark.parametrize(
    ("check", "ended", "grade", "named"),
    [
        (GREETS, CommandResult(0, "hello\n", "note\n", False, 0.1), "pass", "shows"),
        (GREETS, CommandResult(1, "", "Traceback", False, 0.1), "fail", "exit code 1, and 0 was"),
        (GREETS, CommandResult(0, "good day", "note", False, 0.1), "fail", "'hello' is not in"),
        (GREETS, CommandResult(0, "hello", "", False, 0.1), "fail", "'note' is not in its stderr"),
        (GREETS, CommandResult(None, "hello", "note", True, 10.0), "fail", "no end after 10 s"),
        (GREETS, CommandResult(None, "", "", False, 0, "no such command"), "unscored", "no such"),
        (ABSENT, CommandResult(1, "", "", False, 0.1), "pass", "shows"),
        (ABSENT, CommandResult(0, "./app.py: TODO", "", False, 0.1), "fail", "exit code 0, and 1"),
    ],
)
def test_a_command_passes_only_by_doing_all_that_was_promised(check, ended, grade, named):
    got, why = grade_command(check, ended)
    assert got == grade
    assert named in why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.text(max_size=30) | JSON.map(json.dumps), st.text(max_size=8), JSON)
def test_whatever_an_app_answers_is_graded(body, path, value):
    scalar = value if not isinstance(value, list | dict) else None
    request = HttpRequest("GET", "/", values=(Value(path, scalar),))
    grade, why = grade_answers([request], [Answer(200, body)])
    assert grade in ("pass", "fail")
    assert why
    assert grade_answers([request], [])[0] == "unscored"


def test_an_answer_nested_too_deeply_is_no_json():
    request = HttpRequest("GET", "/", values=(Value("a", 1),))
    assert grade_answers([request], [Answer(200, "[" * 100_000)])[1].endswith("is no JSON")


STEPS = Browse((Step("open", "/"), Step("see", "milk"), Step("picture", "list")))


@pytest.mark.parametrize(
    ("report", "grade", "named"),
    [
        (Report(("", "", ""), "", (), {"list": ""}), "pass", "shows"),
        (
            Report(("", "it is not there"), "Shop\n\nbread", (), {}),
            "fail",
            "looking for the text 'milk': it is not there; the page reads “Shop · bread”",
        ),
        (
            Report(("it is too slow",), "", (), {}),
            "fail",
            "opening /: it is too slow; the page shows no",
        ),
        (Report(("", ""), "", (), {"list": ""}), "unscored", "2 of 3 steps"),
        (Report((), "", (), {"list": ""}), "unscored", "0 of 3 steps"),
        (Report(("", "", "", ""), "", (), {"list": ""}), "unscored", "4 of 3 steps"),
        (Report(("", "", ""), "", (), {}), "unscored", "no picture 'list'"),
    ],
)
def test_a_browse_passes_only_with_every_step_and_every_picture(report, grade, named):
    got, why = grade_report(STEPS, report)
    assert got == grade
    assert named in why


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n...").decode()


@pytest.mark.parametrize(
    ("pictures", "named"),
    [
        ({"../../x": PNG}, "not called so"),
        ({"": PNG}, "not called so"),
        ({"list": "<svg/>"}, "not in base64"),
        ({"list": base64.b64encode(b"<svg/>").decode()}, "no PNG"),
        (
            {"list": base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(5 << 20)).decode()},
            "no PNG of at",
        ),
        ({f"p{number}": PNG for number in range(9)}, "9 pictures"),
    ],
)
def test_what_is_no_picture_is_not_kept(pictures, named):
    with pytest.raises(ValueError, match=named):
        decoded(pictures)
    assert decoded({"list": PNG})["list.png"].startswith(b"\x89PNG")


MILK = {"id": 1, "title": "milk", "done": 0}
BREAD = {"id": 2, "title": "bread", "done": 0}
ADDED = RowChange("added", "tasks", (Value("title", "bread"),))
DONE = RowChange("changed", "tasks", (Value("title", "milk"),), (Value("done", 1),))
GONE = RowChange("removed", "tasks", (Value("title", "milk"),))
NO_NEWS = RowChange("added", "news", count=0)


@pytest.mark.parametrize(
    ("changes", "after", "named"),
    [
        ((ADDED,), {"1": MILK, "2": BREAD}, ""),
        ((DONE,), {"1": MILK | {"done": 1}}, ""),
        ((GONE,), {}, ""),
        ((ADDED, NO_NEWS), {"1": MILK, "2": BREAD}, ""),
        ((ADDED,), {"1": MILK}, "1 missing"),
        ((DONE,), {"1": MILK | {"done": 2}}, "1 wrong"),
        ((GONE,), {"1": MILK}, "1 missing"),
        ((ADDED,), {"1": MILK | {"done": 1}, "2": BREAD}, "1 collateral"),
        ((ADDED,), {"2": BREAD}, "1 collateral"),
        ((DONE,), {"1": MILK | {"done": True}}, "1 wrong"),
    ],
)
def test_rows_are_as_promised_or_the_fault_is_named(changes, after, named):
    check = StateCheck("tasks.db", changes, (("true",),))
    diff = difference(check, {"tasks": {"1": MILK}}, {"tasks": after})
    grade, why = grade_difference(diff)
    assert grade == ("fail" if named else "pass"), why
    assert named in why


def test_a_table_that_is_gone_is_a_fault():
    check = StateCheck("tasks.db", (ADDED,), (("true",),))
    diff = difference(check, {"tasks": {"1": MILK}, "news": []}, {"tasks": {"1": MILK, "2": BREAD}})
    assert grade_difference(diff)[0] == "fail"
    assert "table news is gone" in grade_difference(diff)[1]
