import math
from dataclasses import replace

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from toolkit.evals import (
    Label,
    Verdict,
    align,
    alignments_frame,
    compare_judges,
    corrected_rate,
)
from toolkit.evals.alignment.confusion import MEASURES
from toolkit.traces import Step, Trace

GARBLED = [None, float("nan"), "", "  ", "maybe", [], {"verdict": "pass"}]


def close(ours, oracle):
    return ours is not None and abs(ours - oracle) < 1e-9


HUNDREDS = [0, *(pytest.param(start, marks=pytest.mark.slow) for start in range(100, 1000, 100))]
"""The first hundred tables always; all thousand in the slow suite."""


@pytest.mark.parametrize("start", HUNDREDS)
def test_a_thousand_random_tables_agree_with_scikit_learn_statsmodels_and_krippendorff(start):
    for seed in range(start, start + 100):
        check_a_random_table(seed)


def check_a_random_table(seed):
    rng = np.random.default_rng(seed)
    labels = (
        ["fail", "pass"] if seed % 2 else ["bad", "good", "mixed", "pass"][: rng.integers(3, 5)]
    )
    positive, n = ("pass" if seed % 2 else "good"), int(rng.integers(1, 60))
    human = rng.choice(labels, n, p=rng.dirichlet(np.ones(len(labels))))
    judge = np.where(rng.random(n) < 0.6, human, rng.choice(sorted(set(human)), n))
    found = align(human, judge, positive=positive)
    known, columns = list(found.confusion.index), list(found.confusion.columns)
    binary = len(known) == 2 and positive in known
    each = {"labels": [positive] if binary else known, "average": None, "zero_division": math.nan}
    table = np.array(
        [[((human == row) & (judge == column)).sum() for column in columns] for row in known]
    )
    assert found.n == n
    assert found.confusion.to_numpy().tolist() == table.tolist()
    expected = {
        "accuracy": metrics.accuracy_score(human, judge),
        "precision": metrics.precision_score(human, judge, **each).mean(),
        "recall": metrics.recall_score(human, judge, **each).mean(),
        "f1": metrics.f1_score(human, judge, **each).mean(),
    }
    one = len({*human, *judge}) == 1
    expected["kappa"] = math.nan if one else metrics.cohen_kappa_score(human, judge)
    if not one:
        assert abs(cohens_kappa(table, return_results=False) - expected["kappa"]) < 1e-9
    codes = [[columns.index(value) for value in column] for column in (human, judge)]
    expected["alpha"] = (
        math.nan if one else krippendorff.alpha(codes, level_of_measurement="nominal")
    )
    yes, said = human == positive, judge == positive
    seen = bool(yes.any() or (said.any() and positive in known))
    for name, right, of in (("tpr", yes & said, yes), ("tnr", ~yes & ~said, ~yes)):
        expected[name] = right.sum() / of.sum() if of.any() and (seen or binary) else math.nan
        for method, theirs in (("wilson", "wilson"), ("exact", "beta")):
            interval = found.interval(name, method)
            if math.isnan(expected[name]):
                assert interval is None
            else:
                assert np.allclose(
                    interval, proportion_confint(right.sum(), of.sum(), method=theirs), atol=1e-9
                )
    expected["generosity"] = said.mean() - yes.mean() if positive in known else math.nan
    shares = [np.mean([(column == label).mean() for column in (human, judge)]) for label in columns]
    same, q = (human == judge).mean(), len(columns)
    by_chance = sum(share * (1 - share) for share in shares) / (q - 1) if q > 1 else math.nan
    expected["ac1"] = (same - by_chance) / (1 - by_chance)
    expected["pabak"] = (q * same - 1) / (q - 1) if q > 1 else math.nan
    for name, oracle in expected.items():
        if math.isnan(oracle):
            assert getattr(found, name) is None, (seed, name)
            assert f"{name}: " in found.reason
        else:
            assert close(getattr(found, name), oracle), (seed, name)


@pytest.mark.parametrize("garbled", GARBLED)
def test_what_is_no_verdict_is_unparsed_under_every_policy_and_never_a_silent_pass(garbled):
    human, judge = ["pass", "pass", "fail", "fail"], ["pass", garbled, "fail", garbled]
    policies = ("report", "exclude", "fail", "pass", "wrong")
    found = {policy: align(human, judge, unparsed=policy) for policy in policies}
    assert {policy: (one.n, one.n_unparsed) for policy, one in found.items()} == {
        "report": (2, 2),
        "exclude": (2, 2),
        "fail": (4, 2),
        "pass": (4, 2),
        "wrong": (4, 2),
    }
    assert [found[p].tpr for p in ("report", "fail", "pass", "wrong")] == [1.0, 0.5, 1.0, 0.5]
    assert [found[p].tnr for p in ("report", "fail", "pass")] == [1.0, 1.0, 0.5]
    assert [found[p].accuracy for p in ("fail", "pass", "wrong")] == [0.75, 0.75, 0.5]
    assert found["report"].policies()["tpr"].tolist() == [1.0, 1.0, 0.5, 1.0, 0.5]
    assert "2 unparsed, left out" in found["report"].subtitle
    assert "2 unparsed, left out" in found["exclude"].subtitle


def test_a_judge_that_codes_the_labels_otherwise_is_an_error_and_not_a_bad_judge():
    for human, judge in (
        ([1, 2, 2, 1], [1, 0, 0, 1]),
        (["1", "2"], [1, 2]),
        (["pass", "fail"], ["yes", "no"]),
        (["pass", "fail"] * 5, ["pass", "Fail"] * 5),
    ):
        with pytest.raises(ValueError, match="Write the judge's values as the human ones"):
            align(human, judge)


def test_two_series_are_aligned_by_index_and_odd_ids_are_named():
    human = pd.Series({"a": "pass", "b": "fail", "c": "pass"})
    judge = pd.Series({"c": "pass", "b": "pass", "a": "fail"})
    found = align(human, judge)
    assert found.confusion.loc["pass", "fail"] == 1
    assert found.pairs.index.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="'d'"):
        align(human, pd.concat([judge, pd.Series({"d": "pass"})]))
    with pytest.raises(ValueError, match="more than once: 'a'"):
        align(pd.concat([human, human[:1]]), judge)
    with pytest.raises(ValueError, match="3 items and judge 2"):
        align(human, ["pass", "fail"])


def test_deferred_items_are_set_aside_and_counted_and_a_missing_label_is_an_error():
    found = align(["pass", "defer", "fail"], ["pass", "pass", "fail"])
    assert (found.n, found.n_deferred, found.n_unparsed, found.accuracy) == (2, 1, 0, 1.0)
    with pytest.raises(ValueError, match="no human label for 1"):
        align(["pass", None], ["pass", "pass"])


def test_one_sided_labels_do_not_make_the_other_verdict_unparsed():
    found = align(["pass"] * 4, ["pass", "fail", "fail", "pass"])
    assert (found.n, found.n_unparsed, found.tpr, found.tnr) == (4, 0, 0.5, None)
    assert "tnr" in found.reason


def test_nothing_to_compare_gives_none_with_reasons():
    for human, judge in (([], []), (["pass", "fail"], [None, None]), (["defer"], ["pass"])):
        found = align(human, judge)
        assert found.n == 0
        for name in ("accuracy", "kappa", "tpr", "tnr", "precision", "recall", "f1"):
            assert getattr(found, name) is None
            assert name in found.reason


def test_only_labels_of_people_make_a_human_alignment():
    titles = {
        kind: align(["pass"], ["pass"], human_kind=kind).title
        for kind in ("human", "model", "simulated", None, ("human", "simulated"))
    }
    assert titles.pop("human") == "Human alignment"
    assert not [title for title in titles.values() if "uman" in title]
    mixed = pd.Series(["human", "simulated"])
    assert align(["pass"], ["pass"], human_kind=mixed).simulated
    with pytest.raises(ValueError, match="robot"):
        align(["pass"], ["pass"], human_kind="robot")


def test_unparsed_counted_as_a_label_that_nobody_gives_agree_with_nobody():
    rows = align(["a", "b"], ["a", None], positive="good").policies()
    assert rows["accuracy"].to_dict() == {
        "report": 1.0,
        "exclude": 1.0,
        "fail": 0.5,
        "pass": 0.5,
        "wrong": 0.5,
    }
    assert rows["tpr"].isna().all()


def test_a_notebook_shows_what_every_policy_makes_of_missing_verdicts():
    shown = align(
        ["pass", "fail"], ["pass", None], unparsed="exclude", human_kind="simulated"
    )._repr_html_()
    assert "Alignment with simulated labels" in shown
    assert "1 unparsed, left out" in shown
    assert all(f"<td>{policy}</td>" in shown for policy in ("report", "exclude", "fail", "pass"))
    assert "undefined" in shown
    assert "<table>" not in align(["pass", "fail"], ["pass", "fail"])._repr_html_()


def test_the_confusion_does_not_call_labels_human():
    assert (
        align(["pass", "fail"], ["pass", "fail"], human_kind="simulated").confusion.index.name
        == "labels"
    )


def test_a_dict_is_compared_by_its_keys_and_a_bare_word_is_refused():
    found = align({"a": "pass", "b": "fail"}, {"b": "fail", "a": "fail"})
    assert (found.tpr, found.tnr, found.accuracy) == (0.0, 1.0, 0.5)
    with pytest.raises(TypeError, match="not the word 'pass'"):
        align("pass", "pass")


def pairs_of(n, seed=0, theta=0.7, tpr=0.9, tnr=0.8):
    rng = np.random.default_rng(seed)
    yes = rng.random(n) < theta
    said = np.where(yes, rng.random(n) < tpr, rng.random(n) > tnr)
    return [["fail", "pass"][int(one)] for one in yes], [["fail", "pass"][int(one)] for one in said]


def test_items_that_come_in_groups_have_wider_intervals_than_as_many_alone():
    human, judge = pairs_of(60)
    alone = align(human, judge)
    copied = align(human * 5, judge * 5)
    grouped = align(human * 5, judge * 5, groups=list(range(60)) * 5)
    width = {
        name: one.interval("tnr")[1] - one.interval("tnr")[0]
        for name, one in locals().items()
        if hasattr(one, "tnr")
    }
    assert width["copied"] < 0.6 * width["alone"]
    assert abs(width["grouped"] - width["alone"]) < 0.2 * width["alone"]
    assert "60 groups" in grouped.subtitle
    assert grouped.tnr == copied.tnr
    assert grouped.tnr_interval == grouped.interval("tnr", "bootstrap")


def test_groups_are_aligned_by_index_and_a_missing_one_is_an_error():
    human, judge = pd.Series({"a": "pass", "b": "fail"}), pd.Series({"b": "fail", "a": "pass"})
    assert align(human, judge, groups={"b": 2, "a": 1}).pairs["group"].to_dict() == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match="no group for 'b'"):
        align(human, judge, groups={"a": 1, "b": None})


def test_a_perfect_judge_of_a_few_items_has_an_interval_with_a_width():
    found = align(["pass", "fail"] * 5, ["pass", "fail"] * 5)
    for name in ("tpr", "kappa", "ac1", "generosity"):
        low, high = found.interval(name, "bootstrap")
        assert low < getattr(found, name) + 1e-9
        assert high - low > 0.1
    assert found.interval("tpr", "bootstrap", seed=1) == found.interval("tpr", "bootstrap", seed=1)


def test_an_interval_that_there_is_not_is_refused_with_those_that_there_are():
    found = align(["pass", "fail"], ["pass", "fail"])
    for name, method in (("kappa", "wilson"), ("tpr", "guess"), ("beauty", None)):
        with pytest.raises(ValueError, match="bootstrap"):
            found.interval(name, method)


def test_generosity_is_the_wrong_passes_less_the_wrong_fails():
    human = ["fail"] * 10 + ["pass"] * 10
    judge = ["pass"] * 4 + ["fail"] * 6 + ["fail"] * 1 + ["pass"] * 9
    found = align(human, judge)
    assert math.isclose(found.generosity, (4 - 1) / 20)
    assert found.interval("generosity")[0] < 0.15 < found.interval("generosity")[1]


def test_a_slice_that_lacks_a_category_still_counts_the_verdicts_that_name_it():
    human = ["a", "b", "c", "a", "b", "b"]
    judge = ["a", "b", "c", "c", "b", "a"]
    parts = align(human, judge, positive="a", slices=[1, 1, 1, 2, 2, 2]).by_slice()
    assert (parts[2].n, parts[2].n_unparsed, parts[2].accuracy) == (3, 0, pytest.approx(1 / 3))


def test_slices_are_alignments_of_their_own():
    human, judge = pairs_of(90)
    found = align(human, judge, slices=["de", "en", "fr"] * 30, human_kind="simulated")
    frame, parts = alignments_frame(found.by_slice()), found.by_slice()
    assert frame.index.tolist() == ["de", "en", "fr"]
    assert frame["n"].sum() == found.n == 90
    for at, (name, part) in enumerate(parts.items()):
        alone = align(human[at::3], judge[at::3])
        assert (
            (part.tpr, part.tpr_interval)
            == (alone.tpr, alone.tpr_interval)
            == tuple(frame.loc[name, ["tpr", "tpr_interval"]])
        )
        assert part.simulated
    assert align(human, judge).by_slice() == {}


def test_disagreements_list_wrong_passes_first_and_open_each_trace_escaped():
    human = {"t1": "pass", "t2": "fail", "t3": "pass", "t4": "fail", "t5": "defer"}
    judge = {"t1": "fail", "t2": "pass", "t3": "pass", "t4": "<b>eh</b>", "t5": "pass"}
    trace = Trace("t2", (Step("1", "message", "user", "<img src=x onerror=alert(1)>"),))
    found = align(human, judge).disagreements([trace])
    assert found.frame.index.tolist() == ["t2", "t1", "t4"]
    shown = found._repr_html_()
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown
    assert "<img" not in shown
    assert "<b>eh" not in shown
    assert "No trace of this id was given." in shown
    assert "3 disagreements" in shown


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["pass", "fail"]), st.sampled_from(["pass", "fail", None])),
        max_size=30,
    )
)
def test_order_changes_nothing_and_the_other_positive_swaps_tpr_and_tnr(rows):
    human, judge = [list(column) for column in zip(*rows, strict=True)] or [[], []]
    found = align(human, judge)
    back = align(human[::-1], judge[::-1])
    other = align(human, judge, positive="fail")
    names = ("accuracy", "kappa", "alpha", "ac1", "pabak", "tpr", "tnr", "generosity", "reason")
    assert [getattr(found, name) for name in names] == [getattr(back, name) for name in names]
    assert (found.tpr, found.tnr, found.tpr_interval) == (other.tnr, other.tpr, other.tnr_interval)
    assert found.n + found.n_unparsed == len(rows)
    assert found.n == int(found.confusion.to_numpy().sum())


def labels_and_verdicts(kinds=("human",), judges=("abcd",)):
    labels = [
        Label(f"t{at}", "ann", said, "because", kind)
        for at, (said, kind) in enumerate(zip(("pass", "fail"), kinds * 2, strict=False))
    ]
    verdicts = [
        Verdict(f"t{at}", said, "hm", "", "live", judge)
        for at, (said, judge) in enumerate(zip(("pass", None), judges * 2, strict=False))
    ]
    return labels, verdicts[::-1]


def test_labels_and_verdicts_tell_their_kind_source_and_judge_themselves():
    found = align(*labels_and_verdicts())
    assert (found.title, found.judge_source, found.judge_hash) == (
        "Human alignment",
        "live",
        "abcd",
    )
    assert (found.n, found.n_unparsed, found.tpr) == (1, 1, 1.0)
    assert found.pairs.loc["t1", ["why", "critique"]].tolist() == ["because", "hm"]
    assert "why: because" in found.disagreements()._repr_html_()


def test_no_word_of_the_caller_makes_simulated_labels_human():
    labels, verdicts = labels_and_verdicts(kinds=("human", "simulated"))
    assert align(labels, verdicts, human_kind="human").title == "Alignment with simulated labels"


def test_verdicts_of_two_judges_are_not_aligned_as_one():
    with pytest.raises(ValueError, match="of 2 judges"):
        align(*labels_and_verdicts(judges=("abcd", "ef01")))


AS = [list, np.array, lambda values: np.array(values, dtype=object), pd.Series]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12),
    st.sampled_from(AS),
    st.booleans(),
)
def test_true_and_false_are_told_apart_as_1_and_0_are(pairs, made, positive):
    human, judge = zip(*pairs, strict=True)
    bools = align(made(human), made(judge), positive=positive)
    numbers = align(list(map(int, human)), list(map(int, judge)), positive=int(positive))
    assert bools.confusion.equals(numbers.confusion)
    assert [getattr(bools, name) for name in MEASURES] == [
        getattr(numbers, name) for name in MEASURES
    ]
    assert (bools.n, bools.reason) == (numbers.n, numbers.reason)
    assert bools.policies().equals(numbers.policies())


def test_a_judge_that_always_says_true_has_its_rates():
    found = align([True, False, True], pd.Series([True, True, None]), positive=True)
    assert (found.n, found.n_unparsed, found.tpr, found.tnr) == (2, 1, 1.0, 0.0)


@pytest.mark.parametrize(
    ("human", "judge", "named"),
    [
        (["Pass", "fail", "pass"], ["pass", "fail", "pass"], "'Pass', 'pass'"),
        (["pass", "fail", "pass"], ["pass", "fail", "PASS"], "'PASS' and people 'pass'"),
        (["pass", "fail", "pass"], ["pass", "fail", "pass\n"], r"'pass\\n' and people 'pass'"),
    ],
)
def test_one_label_in_two_spellings_is_an_error_that_names_both(human, judge, named):
    with pytest.raises(ValueError, match=named):
        align(human, judge)


def test_a_whole_table_is_no_column():
    with pytest.raises(TypeError, match=r"human: .* name its column"):
        align(pd.DataFrame({"said": ["pass", "fail"]}), ["pass", "fail"])


def test_a_judge_without_a_model_is_not_called_live():
    labels = [Label(f"t{at}", "ann", said, "because") for at, said in enumerate(("pass", "fail"))]
    for computed, source, word in (
        (True, "live", "computed here"),
        (False, "live", "live"),
        (True, "simulated", "sim"),
    ):
        said = [
            Verdict(one.trace_id, "pass", "", "", source, "h", computed=computed) for one in labels
        ]
        assert f"judge: {word}" in align(labels, said).subtitle


def test_a_missing_verdict_that_counts_as_wrong_is_right_in_no_rate():
    people, judge = ["pass", "pass", "fail", "fail"], ["pass", None, "fail", None]
    found = align(people, judge, unparsed="wrong")
    assert (found.accuracy, found.tpr, found.tnr) == (0.5, 0.5, 0.5)
    assert found.counts("tpr") == found.counts("tnr") == (1, 2)
    assert align([1, 1, 2, 2], [1, None, 2, None], 1, unparsed="fail").tnr == 0.5
    with pytest.raises(ValueError, match="agrees with nobody"):
        corrected_rate(found, ["pass", "fail", "pass"])


def test_a_missing_verdict_is_never_right_where_no_label_is_called_fail():
    people = ["1", "2"] * 5
    for policy in ("fail", "wrong"):
        found = align(people, [None] * 10, positive="1", unparsed=policy)
        assert (found.accuracy, found.n, found.n_unparsed) == (0.0, 10, 10)
    assert align(["pass", "fail"], [None, None], unparsed="wrong").accuracy == 0.0
    rows = align(people, ["1", None] * 5, positive="1").policies()["accuracy"].to_dict()
    assert rows == {"report": 1.0, "exclude": 1.0, "fail": 0.5, "pass": 0.5, "wrong": 0.5}


def test_the_examples_of_a_judges_prompt_are_set_aside_and_counted():
    labels = [Label(f"t{at}", "ann", said, "w") for at, said in enumerate(["pass", "fail"] * 6)]
    verdicts = [
        Verdict(one.trace_id, None, "", "shown", "live", "h", example=True)
        if at < 3
        else Verdict(one.trace_id, one.verdict, "", "", "live", "h")
        for at, one in enumerate(labels)
    ]
    found = align(labels, verdicts, unparsed="fail")
    assert (found.n, found.n_unparsed, found.n_examples, found.accuracy) == (9, 0, 3, 1.0)
    assert "3 examples of the judge's prompt, set aside" in found.subtitle
    assert found.disagreements().frame.empty
    assert set(found.policies()["n"]) == {9}
    both = compare_judges(found, found)
    assert (both.n, both.n_unscored, both.n_examples) == (9, 0, 3)


def test_stated_grades_stand_in_their_order_whether_they_are_used_or_not():
    human, judge = ["low", "high", "low", "high"], ["low", "high", "high", "high"]
    grades = ["low", "medium", "high"]
    found = align(human, judge, positive="high", grades=grades)
    assert found.confusion.index.tolist() == grades
    assert found.pabak == pytest.approx((3 * 0.75 - 1) / 2)
    assert found.ac1 != align(human, judge, positive="high").ac1
    ordered = pd.Series(human, dtype=pd.CategoricalDtype(grades, ordered=True))
    assert align(ordered, judge, positive="high").confusion.equals(found.confusion)
    with pytest.raises(ValueError, match="'low': not among the grades"):
        align(human, judge, grades=["medium", "high"])


def test_reasons_keep_each_letter_though_labels_are_compared_as_they_look():
    labels = [Label("t1", "ann", "pass", "It doesn’t refund 10\u00a0EUR")]
    found = align(labels, [Verdict("t1", "pass", "c", "", "live", "h")])
    assert found.pairs.loc["t1", "why"] == labels[0].why


def test_disagreements_say_why_and_show_ten_before_the_rest():
    human = [Label(f"t{at}", "ann", "fail", f"Reason {at}. More of it.") for at in range(30)]
    said = [
        Verdict(one.trace_id, "pass", "All is well. It was paid.", "", "live", "h") for one in human
    ]
    shown = align(human, said).disagreements()._repr_html_()
    assert "labels: fail (Reason 0. More of it.) · judge: pass (All is well.)" in shown
    first, rest = shown.split("20 more")
    assert "t9 ·" in first
    assert "t10 ·" not in first
    assert "t29 ·" in rest
    assert "30 disagreements with people" in first


def test_what_has_one_origin_is_named_together():
    people, judge = ["pass", "fail"], ["pass", "pass"]
    simulated = {"human_kind": "simulated", "judge_source": "simulated"}
    for origin, words in (
        (simulated | {"trace_source": "simulated"}, "n = 2 · all simulated"),
        (simulated, "n = 2 · labels and judge: simulated"),
        ({"human_kind": "human", "judge_source": "live"}, "n = 2 · labels: human · judge: live"),
    ):
        assert replace(align(people, judge), **origin).subtitle == words
