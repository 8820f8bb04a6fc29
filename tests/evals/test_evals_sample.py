"""Which traces are read first: the draw is repeatable, says what it did, and finds what it was
asked for.
"""

from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.evals import sample_traces
from toolkit.traces import Step, Trace


def trace(name: str, outcome: str | None = None, failed: bool = False) -> Trace:
    call = Step("c", "tool.call", "assistant", "find", data={"call_id": "1"})
    result = Step("r", "tool.result", "tool", "none", data={"call_id": "1", "error": failed})
    return Trace(
        name,
        (Step("1", "message", "user", "Hello"), call, result),
        {"outcome": outcome} if outcome else {},
    )


TRACES = [
    trace(f"t{n:03}", "complete" if n % 10 else "cancelled", failed=n % 25 == 0) for n in range(200)
]
HOWS = {
    "random": {},
    "stratified": {},
    "uncertain": {"scores": {t.id: n / 199 for n, t in enumerate(TRACES)}},
    "disagreement": {
        "ratings": pd.DataFrame(
            {"ada": ["pass"] * 200, "bo": ["pass", "fail"] * 100, "cy": ["pass"] * 200},
            index=[t.id for t in TRACES],
        )
    },
}


def ids(traces) -> list[str]:
    return [one.id for one in traces]


@pytest.mark.parametrize("how", HOWS)
def test_the_seed_decides_and_the_order_of_the_list_does_not(how):
    one = sample_traces(TRACES, 15, how, seed=3, **HOWS[how])
    assert ids(one) == ids(sample_traces(TRACES[::-1], 15, how, seed=3, **HOWS[how]))
    assert ids(one) != ids(sample_traces(TRACES, 15, how, seed=4, **HOWS[how]))
    assert len(set(ids(one))) == 15
    assert (how in one.note, "seed 3" in one.note, "200 traces" in one.note) == (True, True, True)


@settings(deadline=None)  # a table of 200 traces takes its time on a busy machine
@given(n=st.integers(1, 250), seed=st.integers(0, 5), how=st.sampled_from(["random", "stratified"]))
def test_a_sample_has_as_many_different_traces_as_were_asked_for_or_as_there_are(n, seed, how):
    assert len(set(ids(sample_traces(TRACES, n, how, seed)))) == min(n, 200)


def test_a_random_sample_takes_each_trace_as_often_as_any_other():
    taken = Counter(
        name for seed in range(400) for name in ids(sample_traces(TRACES, 20, seed=seed))
    )
    assert set(taken) == {one.id for one in TRACES}
    chi2 = sum((taken[one.id] - 40) ** 2 / 40 for one in TRACES)
    assert chi2 < 260  # 199 degrees of freedom: the 99.8th percentile


def test_a_stratified_sample_has_every_group_even_the_smallest_and_says_so():
    assert "t007" in ids(sample_traces(TRACES, 20, "stratified", by=lambda one: one.id == "t007"))
    chosen = sample_traces(TRACES, 20, "stratified")
    groups = Counter((one.meta["outcome"], one.steps[2].data["error"]) for one in chosen)
    assert len(groups) == 4
    assert groups["complete", False] > 10
    assert "4 groups" in chosen.note
    assert "cancelled, a tool failed: " in chosen.note


def test_with_fewer_places_than_groups_the_largest_groups_are_read():
    chosen = sample_traces(TRACES, 2, "stratified")
    assert {(one.meta["outcome"], one.steps[2].data["error"]) for one in chosen} == {
        ("complete", False),
        ("cancelled", False),
    }


def test_the_uncertain_ones_are_nearest_to_one_half_and_the_unscored_are_counted_not_chosen():
    scores = {
        "t000": 0.5,
        "t001": 0.45,
        "t002": 1.0,
        "t003": None,
        "t004": float("nan"),
        "t005": 7.0,
    }
    chosen = sample_traces(TRACES[:8], 2, "uncertain", scores=scores)
    assert set(ids(chosen)) == {"t000", "t001"}
    assert "5 have no score" in chosen.note


def test_disagreement_takes_the_most_disputed_and_never_what_raters_agree_on():
    ratings = pd.DataFrame(
        {
            "ada": ["pass", "pass", "fail"],
            "bo": ["fail", "pass", None],
            "cy": ["fail", "pass", None],
        },
        index=["t000", "t001", "t002"],
    )
    chosen = sample_traces(TRACES, 20, "disagreement", ratings=ratings)
    assert ids(chosen) == ["t000"]
    assert "differ on 1" in chosen.note


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"how": "best"}, "best"),
        ({"n": 0}, "at least 1"),
        ({"how": "uncertain"}, "scores"),
        ({"how": "disagreement"}, "ratings"),
    ],
)
def test_a_draw_that_cannot_be_made_says_what_it_needs(arguments, named):
    with pytest.raises(ValueError, match=named):
        sample_traces(TRACES, **{"n": 5, **arguments})


def test_a_trace_that_is_listed_twice_is_drawn_once_and_nothing_gives_nothing():
    assert len(sample_traces([*TRACES[:3], *TRACES[:3]], 6)) == 3
    for how, more in HOWS.items():
        assert sample_traces([], 5, how, **more) == []
