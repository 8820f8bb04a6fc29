"""An outsider's scorers: of a trace, or of a trace and a case, plain or async, through public doors."""

import asyncio
import inspect

import pytest

from toolkit.evals import Case, Score, all_of, any_of, not_, score, score_traces, scorer
from toolkit.traces import Step, Trace

TRACE = Trace("t1", (Step("1", "message", "assistant", "The total is 12 EUR."),))
CASE = Case("c1", "What is the total?", expected="12 EUR")


async def names_the_amount(trace, case):
    """A scorer of one's own: whether the answer holds what the case expects."""
    await asyncio.sleep(0)
    return case.expected in trace.text("assistant")


@scorer(name="words", version="3")
def count_words(trace):
    return len(trace.text("assistant").split())


def two_things(trace, case=None):
    return {"is short": True, "expected": None if case is None else case.expected}


def in_words(trace):
    return Score("tone", "curt", "it has no greeting")


def broken(trace):
    raise KeyError("gone")


async def broken_later(trace):
    raise KeyError("gone")


async def test_a_scorer_of_a_trace_and_a_case_may_be_async():
    assert await score(names_the_amount, TRACE, CASE) == {
        "names_the_amount": Score("names_the_amount", True)
    }
    other = Case("c2", "?", expected="13 EUR")
    assert (await score(names_the_amount, TRACE, other))["names_the_amount"].value is False


async def test_a_case_that_is_needed_and_not_there_leaves_it_unscored():
    (found,) = (await score(names_the_amount, TRACE)).values()
    assert (found.value, "needs a case" in found.why) == (None, True)
    scores = await score(two_things, TRACE)
    assert scores["is short"].value is True
    assert (scores["expected"].value, "None" in scores["expected"].why) == (None, True)
    assert (await score(two_things, TRACE, CASE))["expected"].value == "12 EUR"


async def test_a_name_and_a_version_are_given_by_the_decorator():
    assert await score(count_words, TRACE) == {"words": Score("words", 5, version="3")}

    @scorer(name="amount")
    async def amount(trace, case):
        return Score("something else", await names_the_amount(trace, case), "by its words")

    assert await score(amount, TRACE, CASE) == {"amount": Score("amount", True, "by its words")}
    assert "needs a case" in (await score(amount, TRACE))["amount"].why


@pytest.mark.parametrize("own", [names_the_amount, two_things, in_words])
def test_an_outsiders_scorer_takes_fewer_than_25_lines(own):
    assert len(inspect.getsource(own).splitlines()) < 25


@pytest.mark.parametrize("scorer", [broken, broken_later])
async def test_a_scorer_that_raises_is_unscored_with_the_reason(scorer):
    (found,) = (await score(scorer, TRACE)).values()
    assert (found.value, "KeyError" in found.why) == (None, True)


async def test_composers_take_plain_and_async_parts_and_hand_the_case_on():
    both = all_of(names_the_amount, lambda trace: True)
    (found,) = (await score(both, TRACE, CASE)).values()
    assert found.value is True
    (found,) = (await score(not_(both), TRACE, CASE)).values()
    assert found.value is False
    (found,) = (await score(any_of(broken_later, names_the_amount), TRACE, CASE)).values()
    assert found.value is True
    (found,) = (await score(all_of(broken_later, names_the_amount), TRACE, CASE)).values()
    assert (found.value, "KeyError" in found.why) == (None, True)
    assert all_of(lambda trace: True)(TRACE).value is True


async def test_a_table_of_scores_hands_each_trace_its_case():
    scorers = [names_the_amount, count_words, in_words, two_things]
    frame = await score_traces([TRACE], scorers, cases={"t1": CASE})
    assert frame["scorer"].tolist() == [
        "names_the_amount",
        "words",
        "tone",
        "is short",
        "expected",
    ]
    assert frame["value"].tolist() == [True, 5, "curt", True, "12 EUR"]
