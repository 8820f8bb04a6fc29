import math
from dataclasses import replace

import numpy as np
import pytest

from toolkit.evals import (
    Example,
    Finding,
    Judge,
    Rubric,
    Verdict,
    prefer,
    probe_length,
    probe_position,
    probe_self_preference,
)
from toolkit.evals.judges.probes import Preference, padded
from toolkit.models import Answer, ScriptedModel
from toolkit.traces import Step, Trace

RUBRIC = Rubric("short", "Is it short?")


def trace(id, words="Yes.", **meta):
    return Trace(
        id, [Step("1", "message", "user", "Is it?"), Step("2", "message", "assistant", words)], meta
    )


def judge(policy):
    return Judge(RUBRIC, ScriptedModel(policy))


def better(word):
    return Answer(data={"better": {"critique": "c", "verdict": word}})


def longer_first(request):
    first, second = request.metadata["user_id"].split()
    return better(
        "tie" if first[1:] == second[1:] else "first" if first[1:] > second[1:] else "second"
    )


PAIRS = [(trace("a1"), trace("b2")), (trace("a3"), trace("b1")), (trace("a2"), trace("b2"))]


async def test_a_winner_wins_in_both_orders():
    told = []
    found = await prefer(judge(longer_first), PAIRS, lambda *n: told.append(n))
    assert [one.winner for one in found] == ["b2", "a3", "tie"]
    assert [one.by_order for one in found] == [
        ("second", "first"),
        ("first", "second"),
        ("tie", "tie"),
    ]
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert {one.source for one in found} == {"simulated"}


@pytest.mark.parametrize("word", ["first", "second"])
async def test_a_judge_that_goes_by_the_place_has_no_winner_and_is_found_out(word):
    found = await prefer(judge(lambda request: better(word)), PAIRS)
    assert [one.winner for one in found] == [None] * 3
    probe = probe_position(found)
    assert probe.effect == {"first": 1, "second": -1}[word]
    assert (probe.n, probe.unscored) == (3, 0)


async def test_a_judge_that_does_not_go_by_the_place_shows_no_effect():
    probe = probe_position(await prefer(judge(longer_first), PAIRS))
    assert probe.effect == 0
    assert probe.interval[0] < 0 < probe.interval[1]


@pytest.mark.parametrize(
    "bad", [better("A"), better(None), Answer("[]"), Answer(data={}), Answer("", stopped="refusal")]
)
async def test_a_pair_with_an_unclear_answer_in_one_order_has_no_winner_and_is_counted(bad):
    def policy(request):
        return bad if request.metadata["user_id"].startswith("b") else better("first")

    found = await prefer(judge(policy), PAIRS)
    assert [(one.winner, one.by_order) for one in found] == [(None, ("first", None))] * 3
    probe = probe_position(found)
    assert (probe.effect, probe.interval, probe.n, probe.unscored) == (None, None, 0, 3)
    assert "undefined" in str(probe)


def preferences(firsts, seconds, others):
    orders = (
        [("first", "first")] * firsts
        + [("second", "second")] * seconds
        + [("first", "second")] * others
    )
    return [Preference(("a", "b"), order, "live", "why") for order in orders]


def test_the_interval_is_that_of_agresti_and_min():
    """5 against 2 of 20 pairs, worked by hand: (5.5 - 2.5) / 22, with standard error sqrt(8 - 9 /
    22) / 22.
    """
    probe = probe_position(preferences(5, 2, 13))
    assert probe.effect == pytest.approx(3 / 20)
    middle, half = 3 / 22, 1.96 * math.sqrt(8 - 9 / 22) / 22
    assert probe.interval == pytest.approx((middle - half, middle + half))
    assert str(probe) == (
        "how much more often the first of two wins than the second: +0.15 (95% interval -0.11 to +0.38): "
        "no change seen, n = 20, 0 unscored, live"
    )


@pytest.mark.parametrize(
    ("first", "second", "n"), [(0.1, 0.1, 15), (0.3, 0.1, 40), (0.02, 0.0, 30)]
)
def test_the_interval_covers_the_true_effect(first, second, n):
    rng, covered = np.random.default_rng(0), 0
    for firsts, seconds, others in rng.multinomial(n, [first, second, 1 - first - second], 400):
        low, high = probe_position(preferences(firsts, seconds, others)).interval
        covered += low <= first - second <= high
    assert covered / 400 >= 0.93


async def test_a_judge_that_likes_length_is_found_out_by_padding_and_one_that_does_not_is_not():
    traces = [trace(f"t{n}", "word " * n * 10) for n in range(1, 21)]

    def likes_length(request):
        long = len(request.messages[0]["content"]) > 900
        return Answer(data={"whole": {"critique": "c", "verdict": "pass" if long else "fail"}})

    def steady(request):
        if request.metadata["user_id"] == "t20":
            return Answer("[]")
        return Answer(data={"whole": {"critique": "c", "verdict": "pass"}})

    silent = Trace(
        "silent", (Step("1", "message", "user", "Hello?"),)
    )  # which there is no way to pad
    found, none = [
        await probe_length(judge(policy), [*traces, silent]) for policy in (likes_length, steady)
    ]
    assert found.effect == pytest.approx(0.4)
    assert found.interval[0] > 0
    assert (none.effect, none.n, none.unscored) == (0, 19, 1)
    assert str(none).startswith(
        "change of the pass rate where the last answer is padded: +0.00 (95% interval -"
    )
    assert "): no change seen, n = 19" in str(none)
    assert "a change is seen" in str(found)


def test_padding_doubles_the_last_answer_and_leaves_all_else():
    whole = Trace(
        "t",
        (
            *trace("t", "First.").steps,
            *trace("t", "Last.").steps,
            Step("5", "message", "user", "Bye"),
        ),
    )
    more = padded(whole)
    assert [s.content for s in more.steps[:3]] == [s.content for s in whole.steps[:3]]
    assert more.steps[3].content.startswith("Last. ")
    assert len(more.steps[3].content) >= 2 * len("Last.")
    assert more.steps[4:] == whole.steps[4:]
    assert padded(Trace("none", ())).steps == ()


def said(trace_id, verdict):
    return Verdict(trace_id, verdict, "c", "" if verdict else "w", "live", "h")


def test_self_preference_is_what_the_judge_passes_beyond_the_labels_on_its_own_models_traces():
    traces = [trace(f"t{k}", model="own" if k < 20 else "other") for k in range(41)]
    labels = {one.id: "fail" for one in traces} | {"t0": "defer"}
    verdicts = [
        said(one.id, "pass" if k < 11 else None if k == 40 else "fail")
        for k, one in enumerate(traces)
    ]
    probe = probe_self_preference(traces, labels, verdicts, lambda one: one.meta["model"] == "own")
    assert probe.effect == pytest.approx(10 / 19)
    assert probe.interval[0] > 0.2
    assert (probe.n, probe.unscored) == (39, 1)
    alone = probe_self_preference(traces, labels, verdicts, lambda one: True)
    assert (alone.effect, alone.interval) == (None, None)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 20])
def test_no_interval_goes_beyond_its_scale_or_leaves_its_effect_out(n):
    for probe in (probe_position(preferences(n, 0, 0)), probe_position(preferences(0, n, 0))):
        assert -1 <= probe.interval[0] <= probe.effect <= probe.interval[1] <= 1
    traces = [trace(f"{who}{at}") for at in range(n) for who in "ab"]
    labels = {one.id: "fail" if one.id[0] == "a" else "pass" for one in traces}
    said = [
        Verdict(one.id, "pass" if one.id[0] == "a" else "fail", "c", "", "live", "h")
        for one in traces
    ]
    probe = probe_self_preference(traces, labels, said, lambda one: one.id[0] == "a")
    assert probe.effect == 2
    assert 1 < probe.interval[1] <= 2


def test_a_probe_of_a_judge_without_a_model_does_not_call_it_live():
    said = [Verdict(at, "pass", "c", "", "live", "h", computed=True) for at in "ab"]
    probe = probe_self_preference(
        [trace(at) for at in "ab"], dict.fromkeys("ab", "fail"), said, lambda t: t.id == "a"
    )
    assert str(probe).endswith("computed here")


async def test_a_probe_of_simulated_traces_says_so_and_sets_the_judges_examples_aside():
    traces = [replace(trace(f"t{n}", "words"), source="simulated") for n in range(4)]
    example = Example("t0", {"whole": Finding("c", "pass")})
    rubric = replace(RUBRIC, examples=(example,))
    passes = ScriptedModel(
        lambda request: Answer(data={"whole": {"critique": "c", "verdict": "pass"}})
    )
    found = await probe_length(Judge(rubric, passes, shown=(traces[0],)), traces)
    assert (found.n, found.unscored, found.n_examples) == (0, 0, 4)
    assert "4 examples of the judge's prompt" in str(found)
    assert str(found).endswith("traces simulated")
