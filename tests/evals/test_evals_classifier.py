from dataclasses import replace

import pytest

from toolkit import harbor
from toolkit.evals import (
    Criterion,
    Judge,
    Label,
    Rubric,
    RuleJudge,
    SklearnJudge,
    align,
    compare_judges,
    corrected_rate,
)
from toolkit.models import Answer, ScriptedModel
from toolkit.traces import Step, Trace


def trace(id, words, *tools):
    calls = [
        Step(f"c{n}", "tool.call", "assistant", tool, data={"name": tool})
        for n, tool in enumerate(tools)
    ]
    return Trace(
        id,
        [Step("1", "message", "user", "Hello?"), *calls, Step("2", "message", "assistant", words)],
    )


def some(n=20):
    """Traces whose verdict hangs on a word, with labels."""
    traces = [
        trace(f"t{k}", f"Number {k}: {'gladly done' if k % 2 else 'no refund, never'}.")
        for k in range(n)
    ]
    return traces, {one.id: "pass" if k % 2 else "fail" for k, one in enumerate(traces)}


async def test_it_learns_what_the_labels_hang_on_and_says_by_which_words():
    traces, labels = some()
    judge = SklearnJudge(traces, labels, "human")
    verdicts = await judge.score_all(traces)
    assert [one.verdict for one in verdicts] == list(labels.values())
    assert "gladly" in verdicts[1].critique
    assert {(one.source, one.judge) for one in verdicts} == {("live", judge.hash)}
    assert "20 human labels" in judge.says
    assert (await judge.score(trace("new", "gladly done"))).verdict == "pass"


async def test_a_trace_is_judged_by_a_fit_that_saw_neither_it_nor_its_group():
    """Each pair of twins shares a word that no other trace has: only who saw the twin can know the
    verdict.
    """
    traces = [trace(f"t{k}", f"word{k // 2}") for k in range(40)]
    labels = {one.id: "pass" if (k // 2) % 2 else "fail" for k, one in enumerate(traces)}
    alone = await SklearnJudge(traces, labels, "human", seed=1).score_all(traces)
    twins = {one.id: f"g{k // 2}" for k, one in enumerate(traces)}
    grouped = await SklearnJudge(traces, labels, "human", twins).score_all(traces)
    right = [sum(one.verdict == labels[one.trace_id] for one in said) for said in (alone, grouped)]
    assert right[0] > 30
    assert len({(one.verdict, one.critique.split(";")[0][:4]) for one in grouped}) <= 2
    assert right[1] <= 24


@pytest.mark.parametrize(
    "labels", [{}, {"t0": "pass"}, {"t0": "pass", "t1": "fail"}, {"t0": "pass", "t1": "defer"}]
)
async def test_with_too_few_labels_to_learn_from_every_trace_is_unscored(labels):
    traces, _ = some(4)
    verdicts = await SklearnJudge(traces, labels, "human").score_all(traces)
    assert [one.verdict for one in verdicts] == [None] * 4
    assert all("too few labels" in one.why_unscored for one in verdicts)


async def test_traces_without_words_are_unscored_and_do_not_break_the_fit():
    traces = [Trace(f"t{k}", ()) for k in range(8)]
    labels = {one.id: ("pass", "fail")[k % 2] for k, one in enumerate(traces)}
    assert [v.verdict for v in await SklearnJudge(traces, labels, "human").score_all(traces)] == [
        None
    ] * 8


def test_the_hash_binds_labels_traces_groups_seed_and_who_labelled():
    traces, labels = some()
    one = SklearnJudge(traces, labels, "human")
    others = [
        SklearnJudge(traces, labels, "simulated"),
        SklearnJudge(traces, labels | {"t1": "fail"}, "human"),
        SklearnJudge(traces[:-1], labels, "human"),
        SklearnJudge(traces, labels, "human", seed=1),
        SklearnJudge(traces, labels, "human", {id_: id_[:2] for id_ in labels}),
    ]
    assert len({one.hash, *(other.hash for other in others)}) == 6
    assert SklearnJudge(traces, labels, "human").hash == one.hash


async def test_on_harbor_it_judges_every_trace_out_of_fold_the_same_each_time():
    traces = list(harbor.load_traces())[:120]
    labels = {one.trace_id: one.verdict for one in harbor.load_labels() if one.rater == "sim-robin"}
    groups = {one.trace_id: one.situation for one in harbor.load_truth()}
    first, again = [
        [
            v.verdict
            for v in await SklearnJudge(traces, labels, "simulated", groups).score_all(traces)
        ]
        for _ in "ab"
    ]
    assert first == again
    assert set(first) == {"pass", "fail"}


RULES = Rubric(
    "r",
    "Did it?",
    (
        Criterion("no_voucher", "No voucher.", "never says vouchers?"),
        Criterion("looked", "It looks it up.", "calls find_booking"),
        Criterion("once", "Not twice.", "no_repeated_calls"),
    ),
)


@pytest.mark.parametrize(
    ("words", "tools", "failed"),
    [
        ("All done.", ["find_booking"], set()),
        ("Have a Voucher.", ["find_booking"], {"no_voucher"}),
        ("All done.", ["refund"], {"looked"}),
        ("A voucher.", ["find_booking", "find_booking"], {"no_voucher", "once"}),
    ],
)
async def test_each_criterion_is_judged_by_its_rule(words, tools, failed):
    judge = RuleJudge(RULES)
    verdict = await judge.score(trace("t", words, *tools))
    assert {
        id_ for id_, finding in verdict.breakdown.items() if finding.verdict == "fail"
    } == failed
    assert verdict.verdict == ("fail" if failed else "pass")
    assert (verdict.source, verdict.judge) == ("live", judge.hash)


async def test_a_criterion_that_its_rule_cannot_score_or_that_has_none_leaves_the_trace_unscored():
    no_call = await RuleJudge(RULES).score(trace("t", "All done."))
    assert (no_call.verdict, no_call.why_unscored) == (None, "once: no tool was called")
    bare = Rubric("r", "Did it?", ("It is kind.", *RULES.criteria))
    (verdict,) = await RuleJudge(bare).score_all([trace("t", "All done.", "find_booking")])
    assert (verdict.verdict, verdict.why_unscored) == (None, "c1: it has no rule")
    assert "c1: nothing" in RuleJudge(bare).says


async def test_a_classifier_stands_in_for_criteria_without_a_rule_and_that_is_said():
    traces, labels = some()
    rubric = Rubric(
        "r", "Did it?", ("It is kind.", Criterion("short", "No seven.", "never says number 7"))
    )
    judge = RuleJudge(rubric, SklearnJudge(traces, labels, "simulated"))
    verdicts = {one.trace_id: one for one in await judge.score_all(traces)}
    assert {id_ for id_, one in verdicts.items() if one.verdict != labels[id_]} == {"t7"}
    assert "P(fail)" in verdicts["t4"].breakdown["c1"].critique
    assert "no language model" in judge.says
    assert "for c1: a classifier of words" in judge.says
    assert "20 simulated labels" in judge.says


async def test_what_was_learnt_from_simulated_labels_is_simulated_even_against_labels_of_people():
    traces, labels = some()
    taught = SklearnJudge(traces, labels, "human and simulated")
    people = [Label(id_, "ann", said, "because") for id_, said in labels.items()]
    ruled = Rubric("r", "Did it?", (Criterion("short", "No seven.", "never says number 7"),))
    for judge, simulated in (
        (taught, True),
        (RuleJudge(Rubric("r", "Did it?"), taught), True),
        (RuleJudge(ruled, taught), False),
        (SklearnJudge(traces[:1], labels, "simulated"), True),
    ):
        found = align(people, await judge.score_all(traces))
        assert (found.title, found.simulated) == ("Human alignment", simulated)


async def test_simulated_traces_are_said_wherever_people_and_code_judge_them():
    traces, labels = some()
    people = [Label(id_, "ann", said, "because") for id_, said in labels.items()]
    ruled = RuleJudge(
        Rubric("r", "Did it?", (Criterion("short", "No seven.", "never says number 7"),))
    )
    scripted = Judge(Rubric("r", "Did it?"), ScriptedModel([Answer("What?")] * len(traces)))
    for judge in (ruled, SklearnJudge(traces, labels, "human"), scripted):
        for source in ("imported", "simulated"):
            verdicts = await judge.score_all([replace(one, source=source) for one in traces])
            assert {one.trace_source for one in verdicts} == {source}
            found = align(people, verdicts)
            assert ("traces: simulated" in found.subtitle) == (source == "simulated")
            assert found.simulated == (
                "simulated" in (source, judge.source if judge is not scripted else "simulated")
            )
    found = align(
        people, await ruled.score_all([replace(traces[0], source="simulated"), *traces[1:]])
    )
    rate = corrected_rate(found, await ruled.score_all(traces))
    assert "The traces are simulated" in rate.title
    assert rate.simulated
    assert compare_judges(found, found).simulated


@pytest.mark.parametrize(
    "rule", ["say hello", "says (", "calls", "never no_repeated_calls", "os.system"]
)
def test_a_rule_that_cannot_be_read_says_what_a_rule_is(rule):
    with pytest.raises(ValueError, match="rule"):
        RuleJudge(Rubric("r", "Did it?", (Criterion("a", "It is.", rule),)))


def test_the_hash_of_a_rule_judge_follows_the_rubric_and_the_classifier():
    traces, labels = some()
    other = SklearnJudge(traces, labels, "human")
    hashes = {
        RuleJudge(RULES).hash,
        RuleJudge(RULES, other).hash,
        RuleJudge(Rubric("r", "Did it?")).hash,
    }
    assert len(hashes) == 3


def test_labels_in_other_words_or_of_other_traces_are_refused_by_name():
    traces, labels = some(4)
    with pytest.raises(ValueError, match="'FAIL', 'Pass'"):
        SklearnJudge(traces, labels | {"t0": "FAIL", "t1": "Pass"}, "human")
    with pytest.raises(ValueError, match=r"'zz'.*none of these is the id"):
        SklearnJudge(traces, {"zz": "pass"}, "human")
    assert "0 human labels" in SklearnJudge(traces, {}, "human").says


async def test_verdicts_that_no_model_gave_say_so():
    traces, labels = some(4)
    rubric = Rubric("r", "?", (Criterion("c", "It is done.", "says done"),))
    bare = RuleJudge(Rubric("r", "?", (Criterion("c", "It is done."),)))
    for judge in (
        SklearnJudge(traces, labels, "human"),
        SklearnJudge(traces, {}, "human"),
        RuleJudge(rubric),
        bare,
    ):
        assert all(one.computed for one in await judge.score_all(traces))
