import numpy as np
import pandas as pd
import pytest

from toolkit.evals import (
    Score,
    all_of,
    answered,
    between,
    no_repeated_calls,
    not_,
    score_traces,
    tools_succeeded,
)
from toolkit.traces import Step, Trace


def say(actor, words):
    return Step(f"{actor}-{words[:5]}", "message", actor, words)


def call(name, **arguments):
    return Step(
        f"call-{name}", "tool.call", "assistant", name, data={"name": name, "arguments": arguments}
    )


def result(content, error=False):
    return Step(f"result-{content[:5]}", "tool.result", "tool", content, data={"error": error})


HELLO, BYE = say("user", "hello"), say("assistant", "all done")


@pytest.mark.parametrize(
    ("scorer", "steps", "value"),
    [
        (no_repeated_calls, [HELLO, BYE], None),
        (no_repeated_calls, [call("find", id=1), result("a"), call("find", id=1)], False),
        (no_repeated_calls, [call("find", id=1), result("a"), call("find", id=2)], True),
        (no_repeated_calls, [call("find", id=1), result("down", True), call("find", id=1)], True),
        (no_repeated_calls, [call("find", id=1), call("move", id=1), call("find", id=1)], True),
        (no_repeated_calls, [call("find", id=1), HELLO, call("find", id=1)], True),
        (
            no_repeated_calls,
            [call("pay", a=1, b=2), result("ok"), BYE, call("pay", b=2, a=1)],
            False,
        ),
        (tools_succeeded, [HELLO, BYE], None),
        (tools_succeeded, [call("find"), result("a")], True),
        (tools_succeeded, [call("find"), result("a"), call("move"), result("no", True)], False),
        (tools_succeeded, [call("find"), result("Error: no such booking")], False),
        (tools_succeeded, [call("find")], None),
        (tools_succeeded, [call("find"), result("a", None)], None),
        (
            tools_succeeded,
            [call("find"), result("a", None), call("move"), result("Error: no", None)],
            False,
        ),
        (answered, [HELLO, BYE], True),
        (answered, [HELLO, BYE, say("user", "thanks ###STOP###")], True),
        (answered, [HELLO, BYE, Step("e", "run.finished", "agent", "")], True),
        (answered, [BYE, HELLO], False),
        (answered, [BYE, say("ana", "and then?")], False),
        (answered, [HELLO, say("assistant", "  ")], False),
        (answered, [HELLO, call("find"), result("a")], False),
        (answered, [], None),
    ],
)
def test_each_scorer_says_what_its_docstring_says(scorer, steps, value):
    score = scorer(Trace("t", steps))
    assert score.value is value
    assert score.why


async def test_a_scorer_that_raises_leaves_an_unscored_row_that_names_the_exception():
    def broken(trace):
        raise KeyError("gone")

    def odd(trace):
        return [1]

    frame = await score_traces([Trace("t", [HELLO, BYE])], [answered, broken, odd])
    assert list(frame.columns)[:4] == ["trace_id", "scorer", "value", "why"]
    assert frame["value"].tolist() == [True, None, None]
    assert "KeyError" in frame["why"][1]
    assert "list, which is no score" in frame["why"][2]


async def test_an_unscored_value_beside_numbers_stays_none():
    frame = await score_traces(
        [Trace(x, [HELLO]) for x in "ab"], [lambda t: Score("n", 1.5 if t.id == "a" else None, "w")]
    )
    assert frame["value"].tolist() == [1.5, None]


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_score_that_hides_why_it_is_missing_is_refused(value):
    with pytest.raises(ValueError, match="say why"):
        Score("s", value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.bool_(False), False),
        (np.float64(0.5), 0.5),
        (np.int8(3), 3),
        (np.str_("a"), "a"),
        (np.array(2), 2),
    ],
)
def test_numpy_values_become_pythons_own(value, plain):
    score = Score("z", value)
    assert (score.value, type(score.value)) == (plain, type(plain))


def test_joined_scorers_take_numpy_values_for_what_they_are():
    trace = Trace("t", [HELLO, BYE])
    assert all_of(lambda _: Score("z", np.bool_(False)))(trace).value is False
    assert all_of(between(lambda _: Score("z", np.float64(0.5)), 0, 1))(trace).value is True
    assert not_(lambda _: Score("z", np.bool_(True)))(trace).value is False


@pytest.mark.parametrize("value", [np.float64("nan"), pd.NA, pd.NaT])
def test_a_missing_value_of_numpy_or_pandas_is_no_score(value):
    with pytest.raises(ValueError, match="say why"):
        Score("s", value, "it is missing")
