import math
import warnings
from itertools import combinations

import krippendorff
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from toolkit.evals import (
    Verdict,
    agreement,
    align,
    annotator_test,
    compare_judges,
    corrected_rate,
    retest,
)

# Gwet's worked example (Handbook of Inter-Rater Reliability, table of four raters and twelve units)
GWET = pd.DataFrame(
    [
        [1, 1, None, 1],
        [2, 2, 3, 2],
        [3, 3, 3, 3],
        [3, 3, 3, 3],
        [2, 2, 2, 2],
        [1, 2, 3, 4],
        [4, 4, 4, 4],
        [1, 1, 2, 1],
        [2, 2, 2, 2],
        [None, 5, 5, 5],
        [None, None, 1, 1],
        [None, None, 3, None],
    ],
    columns=list("ABCD"),
)


def test_gwets_worked_example_comes_out():
    found = agreement(GWET)
    assert [round(value, 5) for value in (found.percent, found.alpha, found.ac1)] == [
        0.81818,
        0.74342,
        0.77544,
    ]
    assert round(found.pabak, 5) == 0.77273
    assert (found.n_items, found.n_raters, found.n_gaps) == (11, 4, 7)
    assert found.disputed.index.tolist() == [1, 5, 7]


def test_raters_who_write_the_same_labels_in_other_codes_are_an_error_and_no_disagreement():
    for ours, theirs, said in (
        (["pass", "fail"], ["Pass", "fail "], "two spellings"),
        ([1, 0], ["1", "0"], "two spellings"),
        ([1, 0], ["pass", "fail"], "b says 'fail', 'pass', and nobody else does"),
    ):
        with pytest.raises(ValueError, match=said):
            agreement(pd.DataFrame({"a": ours * 5, "b": theirs * 5, "c": ours * 5}))
    with pytest.raises(ValueError, match="two spellings"):
        align(["pass", "Pass", "fail"], ["pass", "pass", "fail"])
    assert agreement(pd.DataFrame({"a": ["pass"] * 9, "b": ["fail"] * 9})).percent == 0
    assert agreement(pd.DataFrame({"a": ["x"] * 4, "b": ["y"] * 4})).percent == 0


def test_a_scale_of_words_has_no_order_that_a_program_could_know():
    words = pd.DataFrame({"a": ["low", "medium", "high"], "b": ["low", "high", "high"]})
    for scale in ("ordinal", "interval"):
        with pytest.raises(ValueError, match="want numbers"):
            agreement(words, scale)
    with pytest.raises(ValueError, match="'ratio'"):
        agreement(GWET, "ratio")
    with pytest.raises(ValueError, match="no group for 1"):
        agreement(words, groups=["g", None, "g"])


def by_hand(rows):
    """Percent agreement, AC1 and PABAK by loops over items: Gwet 2008, with gaps."""
    labels = sorted({value for row in rows for value in row})
    same = [np.mean([a == b for a, b in combinations(row, 2)]) for row in rows if len(row) > 1]
    if not same:
        return math.nan, math.nan, math.nan
    percent, q = np.mean(same), len(labels)
    if q == 1:
        return percent, math.nan, math.nan
    shares = [np.mean([row.count(label) / len(row) for row in rows if row]) for label in labels]
    chance = sum(share * (1 - share) for share in shares) / (q - 1)
    return percent, (percent - chance) / (1 - chance), (percent - 1 / q) / (1 - 1 / q)


def kappas(rows, weights=None):
    """Cohen's kappa of each two raters, by two libraries, which must be of one mind."""
    found = []
    for first, second in combinations(rows.columns, 2):
        both = rows[[first, second]].dropna().astype(int)
        labels = sorted({*both[first], *both[second]})
        one = (
            labels and cohen_kappa_score(both[first], both[second], weights=weights)
            if len(labels) > 1
            else math.nan
        )
        if weights is None and len(labels) > 1:
            table = pd.crosstab(both[first], both[second]).reindex(
                index=labels, columns=labels, fill_value=0
            )
            assert abs(cohens_kappa(table, return_results=False) - one) < 1e-9
        found.append(one)
    return found


HUNDREDS = [0, *(pytest.param(start, marks=pytest.mark.slow) for start in range(100, 1000, 100))]
"""The first hundred tables always; all thousand in the slow suite."""


@pytest.mark.parametrize("start", HUNDREDS)
def test_a_thousand_random_tables_agree_with_krippendorff_scikit_learn_and_statsmodels(start):
    for seed in range(start, start + 100):
        rng = np.random.default_rng(seed)
        n, raters, q = int(rng.integers(1, 30)), int(rng.integers(2, 5)), int(rng.integers(1, 5))
        truth = rng.integers(0, q, (n, 1))
        table = np.where(
            rng.random((n, raters)) < 0.6, truth, rng.integers(0, q, (n, raters))
        ).astype(float)
        table[rng.random((n, raters)) < rng.choice([0, 0.3])] = np.nan
        frame = pd.DataFrame(table)
        found = agreement(frame, resamples=0)
        percent, ac1, pabak = by_hand([row[~np.isnan(row)].tolist() for row in table])
        if {*frame.stack()} <= {0, 1} and q > 1 and math.isnan(ac1) and not math.isnan(percent):
            ac1 = pabak = 1.0  # one of two known categories
        pairable = table[(~np.isnan(table)).sum(axis=1) > 1]
        alpha = math.nan
        if len(np.unique(pairable[~np.isnan(pairable)])) > 1:
            alpha = krippendorff.alpha(pairable.T, level_of_measurement="nominal")
        defined = [kappa for kappa in kappas(frame) if not math.isnan(kappa)]
        light = np.mean(defined) if defined else math.nan
        expected = {"percent": percent, "ac1": ac1, "pabak": pabak, "alpha": alpha, "kappa": light}
        for name, oracle in expected.items():
            ours = getattr(found, name)
            if math.isnan(oracle):
                assert ours is None or (name in ("ac1", "pabak") and ours == 1.0), (seed, name)
                assert ours is not None or f"{name}: " in found.reason
            else:
                assert ours is not None, (seed, name)
                assert abs(ours - oracle) < 1e-9, (seed, name)


def test_weights_follow_the_scale():
    rng = np.random.default_rng(0)
    first = rng.integers(1, 6, 80)
    frame = pd.DataFrame({"a": first, "b": np.clip(first + rng.integers(-1, 2, 80), 1, 5)})
    for scale, weights in (("ordinal", "linear"), ("interval", "quadratic")):
        found = agreement(frame, scale, resamples=0)
        assert abs(found.kappa - kappas(frame, weights)[0]) < 1e-9
        assert (
            abs(found.alpha - krippendorff.alpha(frame.T.to_numpy(), level_of_measurement=scale))
            < 1e-9
        )
    assert agreement(frame, "interval", resamples=0).alpha > agreement(frame, resamples=0).alpha


def test_where_nearly_all_pass_kappa_falls_and_ac1_does_not():
    rows = [("pass", "pass")] * 90 + [("pass", "fail")] * 5 + [("fail", "pass")] * 5
    found = agreement(pd.DataFrame(rows, columns=["ann", "bo"]))
    assert found.percent == 0.9
    assert found.kappa < 0 < 0.8 < found.ac1
    assert found.pabak == pytest.approx(0.8)


@pytest.mark.parametrize(
    "rows", [[], [("pass", None)], [("pass", "pass")] * 3, [("defer", "pass")]]
)
def test_what_is_undefined_is_none_and_has_a_reason(rows):
    with warnings.catch_warnings(action="error"):
        found = agreement(pd.DataFrame(rows, columns=["ann", "bo"], dtype=object))
    for name in ("percent", "alpha", "kappa", "ac1", "pabak"):
        if getattr(found, name) is None:
            assert f"{name}: " in found.reason
            assert found.intervals[name] is None
    assert found.alpha is found.kappa is None


def test_gaps_and_defers_are_counted_and_enter_nothing():
    rows = [
        ("pass", "pass"),
        ("fail", "fail"),
        ("defer", "pass"),
        (None, "fail"),
        ("pass", float("nan")),
    ]
    found = agreement(pd.DataFrame(rows, columns=["ann", "bo"]))
    assert (found.n_items, found.n_gaps, found.percent, found.kappa) == (2, 3, 1.0, 1.0)


def test_items_in_groups_have_wider_intervals_than_as_many_alone():
    rng = np.random.default_rng(0)
    one = pd.DataFrame(np.where(rng.random((40, 2)) < 0.8, "pass", "fail"), columns=["ann", "bo"])
    five = pd.concat([one] * 5, ignore_index=True)
    alone, grouped = agreement(five), agreement(five, groups=list(range(40)) * 5)
    widths = [np.subtract(*found.intervals["percent"][::-1]) for found in (alone, grouped)]
    assert widths[1] > 1.6 * widths[0]
    assert agreement(five).intervals == alone.intervals


def test_agreement_by_category_is_the_share_of_other_raters_who_say_so_too():
    rows = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "b")]
    found = agreement(pd.DataFrame(rows, columns=["ann", "bo"])).by_category
    assert found["n"].to_dict() == {"a": 3, "b": 5}
    assert found.loc["a", "agreement"] == pytest.approx(2 / 3)
    assert found.loc["b", "agreement"] == pytest.approx(4 / 5)


def test_raters_who_are_simulated_are_called_so():
    rows = pd.DataFrame([("pass", "pass"), ("fail", "fail")], columns=["ann", "bo"])
    assert (
        agreement(rows, human_kind=["human", "simulated"]).title == "Agreement of simulated labels"
    )
    assert agreement(rows, human_kind="simulated").simulated


def run(said, judge="abcd"):
    return [Verdict(f"t{at}", one, "", "", "simulated", judge) for at, one in enumerate(said)]


def test_a_judge_that_is_asked_again_is_compared_with_itself():
    found = retest(run(["pass", "fail", "pass", None]), run(["pass", "pass", "pass", "pass"])[::-1])
    assert (found.n_items, found.n_gaps, found.percent) == (3, 1, pytest.approx(2 / 3))
    assert found.disputed.index.tolist() == ["t1"]
    assert (found.simulated, found.title) == (True, "Agreement of simulated labels")
    with pytest.raises(ValueError, match="of 2 judges"):
        retest(run(["pass"]), run(["pass"], "ef01"))


def test_two_judges_that_err_alike_are_not_told_apart():
    human = ["pass", "fail"] * 10
    same = compare_judges(align(human, human), align(human, human))
    assert (same.first_only, same.second_only, same.p, same.difference) == (0, 0, None, 0.0)
    assert "right and wrong on the same items" in same.reason
    better = compare_judges(
        align(human, human, human_kind="simulated"), align(human, ["pass", "pass"] * 10)
    )
    assert (better.first_only, better.second_only) == (10, 0)
    assert better.p == pytest.approx(2 / 2**10)
    assert better.simulated
    assert compare_judges(align([], []), align([], [])).reason


def test_two_judges_are_compared_on_the_failures_alone_where_their_label_is_given():
    human = ["fail"] * 20 + ["pass"] * 10
    strict = align(human, ["fail"] * 15 + ["pass"] * 5 + ["fail"] * 10)
    kind = align(human, ["fail"] * 5 + ["pass"] * 25)
    everything = compare_judges(strict, kind)
    failures = compare_judges(strict, kind, label="fail")
    assert (everything.n, everything.difference) == (30, 0.0)
    assert (failures.n, failures.n_unscored, failures.second_only) == (20, 0, 0)
    assert failures.difference == pytest.approx(strict.tnr - kind.tnr)
    low, high = failures.interval
    assert 0 < low < failures.difference < high


def test_judges_with_different_labels_are_not_compared():
    with pytest.raises(ValueError, match="different labels"):
        compare_judges(
            align(["pass", "fail"], ["pass", "fail"]), align(["fail", "pass"], ["pass", "fail"])
        )


def annotators(n=60, rate=0.9, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.5
    said = {
        name: np.where(truth ^ (rng.random(n) > rate), "pass", "fail")
        for name in ("ann", "bo", "cy")
    }
    return pd.DataFrame(said), np.where(truth, "pass", "fail")


def test_a_judge_that_knows_the_truth_may_stand_in_and_one_that_guesses_may_not():
    ratings, truth = annotators()
    good = annotator_test(ratings, truth, human_kind="human")
    assert (good.passes, good.winning_rate) == (True, 1.0)
    assert good.advantage > 0.9
    guess = annotator_test(ratings, np.random.default_rng(1).choice(["pass", "fail"], len(truth)))
    assert guess.passes is False
    assert guess.advantage < good.advantage


def test_items_on_which_a_judge_is_silent_are_counted_where_it_is_compared():
    ratings, truth = annotators()
    found = annotator_test(ratings, [None, float("nan"), *truth[2:]], human_kind="human")
    assert (found.n, found.n_unscored) == (58, 2)
    assert "n = 58, 2 unscored" in found.title
    labels = ["defer", *truth[1:]]
    both = compare_judges(
        align(labels, [*truth[:-1], None]), align(labels, [*truth[:-2], None, truth[-1]])
    )
    assert (both.n, both.n_unscored) == (57, 2)


def test_too_few_raters_or_items_give_no_decision_but_a_reason():
    ratings, truth = annotators(20)
    found = annotator_test(ratings, truth)
    assert found.passes is found.winning_rate is found.advantage is None
    assert "3 are needed" in found.reason
    assert annotator_test(ratings[["ann", "bo"]], truth, min_items=5).passes is None
    assert annotator_test(ratings, [None] * 20).n == 0


def test_the_annotator_test_is_that_of_the_paper_written_out_in_loops():
    ratings, truth = annotators(80, 0.8)
    ratings = ratings.mask(np.random.default_rng(3).random(ratings.shape) < 0.1)
    judge = np.where(np.random.default_rng(4).random(80) < 0.85, truth, "pass")
    p_values, advantages = [], []
    for rater in ratings:
        theirs, ours = [], []
        for said, row in zip(judge, ratings.to_dict("records"), strict=True):
            others = [vote for name, vote in row.items() if name != rater and isinstance(vote, str)]
            if isinstance(row[rater], str) and len(others) > 1:
                people, model = (
                    np.mean([vote == one for vote in others]) for one in (row[rater], said)
                )
                theirs.append(float(people >= model))
                ours.append(float(model >= people))
        gaps = np.subtract(theirs, ours)
        p_values.append(stats.ttest_1samp(gaps, 0.1, alternative="less").pvalue)
        advantages.append(np.mean(ours))
    order, m = np.argsort(p_values), len(p_values)
    harmonic = sum(1 / k for k in range(1, m + 1))
    below = [k for k, at in enumerate(order, 1) if p_values[at] <= k * 0.05 / (m * harmonic)]
    found = annotator_test(ratings, judge, epsilon=0.1)
    assert np.allclose(found.frame["p"], p_values, atol=1e-12)
    assert found.winning_rate == pytest.approx(max(below, default=0) / m)
    assert found.advantage == pytest.approx(np.mean(advantages))


def test_a_rater_who_always_says_true_agrees_as_one_who_says_1():
    bools = pd.DataFrame({"a": [True, False, True], "b": [True, True, True]})
    one, other = agreement(bools), agreement(bools.astype(int))
    assert (
        (one.alpha, one.kappa, one.percent)
        == (other.alpha, other.kappa, other.percent)
        == (0, 0, 2 / 3)
    )


def test_raters_who_spell_one_label_in_two_ways_are_refused():
    with pytest.raises(ValueError, match="'Pass', 'pass'"):
        agreement(pd.DataFrame({"a": ["Pass", "fail"], "b": ["pass", "fail"]}))


def test_lights_kappa_rests_on_the_pairs_that_share_items_and_names_those_left_out():
    rows = {
        "ann": ["pass", "fail", "pass", "fail", None, None],
        "bo": ["pass", "fail", "pass", "pass", None, None],
        "cy": [None, None, None, None, "pass", "fail"],
        "di": ["pass", None, "pass", None, "pass", "fail"],
    }
    found = agreement(pd.DataFrame(rows), resamples=0)
    pairs = found.pairs.set_index(["first", "second"])
    assert pairs.loc[("ann", "cy"), "left_out"] == "share no item"
    assert pairs.loc[("ann", "di"), "left_out"] == "say the same of every item that they share"
    assert pairs.loc[("ann", "bo"), "left_out"] == ""
    kept = pairs.loc[pairs["left_out"].eq(""), "kappa"].astype(float)
    assert found.kappa == pytest.approx(kept.mean())
    assert "kappa rests on 2 of 6 pairs of raters" in found.kappa_rests_on
    assert "share no item: ann and cy, bo and cy" in found.kappa_rests_on


@pytest.mark.parametrize("words", [False, True])
def test_the_grades_of_a_scale_can_be_stated_as_numbers_or_as_words(words):
    first, second = (
        [1, 1, 2, 2, 5, 5, 4, 4, 1, 5],
        [1, 2, 2, 1, 5, 4, 4, 5, 2, 4],
    )  # nobody gave a 3
    right = cohen_kappa_score(first, second, weights="linear", labels=[1, 2, 3, 4, 5])
    names = {1: "awful", 2: "bad", 3: "fair", 4: "good", 5: "best"}
    grades = list(names.values()) if words else [1, 2, 3, 4, 5]
    frame = pd.DataFrame({"a": first, "b": second})
    frame = frame.replace(names) if words else frame
    found = agreement(frame, "ordinal", grades=grades, resamples=0)
    assert found.kappa == pytest.approx(right)
    assert found.pabak == pytest.approx((5 * found.percent - 1) / 4)
    assert found.by_category.index.tolist() == grades
    used_only = agreement(
        frame.replace({name: n for n, name in names.items()}), "ordinal", resamples=0
    )
    assert (used_only.kappa, used_only.ac1) != (found.kappa, found.ac1)
    ordered = frame.astype(pd.CategoricalDtype(grades, ordered=True))
    assert agreement(ordered, "ordinal", resamples=0).kappa == found.kappa


def test_a_rating_that_is_no_grade_and_a_scale_without_an_order_are_named():
    frame = pd.DataFrame({"a": ["low", "high", "huge"], "b": ["low", "high", "low"]})
    with pytest.raises(ValueError, match="'huge': not among the grades 'low', 'high'"):
        agreement(frame, grades=["low", "high"])
    with pytest.raises(ValueError, match="'high', 'huge', 'low'"):
        agreement(frame, "ordinal")
    with pytest.raises(ValueError, match="'1', '5'"):
        agreement(pd.DataFrame({"a": ["1", "5"], "b": ["1", "1"]}), "interval")


LOOK_ALIKES = [
    ("réussi", "re\u0301ussi"),
    ("won't do", "won’t do"),
    ("not ok", "not\u00a0ok"),
    ("so-so", "so\u2011so"),
    ("pass", "pa\u00adss"),
]


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_words_that_look_the_same_are_one_label_everywhere(one, other):
    ann, bo = [one, "no"] * 6, [other, "no"] * 6
    assert agreement(pd.DataFrame({"ann": ann, "bo": bo})).percent == 1.0
    aligned = align(ann, bo, positive=other)
    assert (aligned.accuracy, aligned.tpr, aligned.n_unparsed) == (1.0, 1.0, 0)
    assert corrected_rate(aligned, [other, "no"]).raw == 0.5
    people = pd.DataFrame({"ann": ann, "bo": bo, "cy": ann})
    assert annotator_test(people, bo, min_items=5).advantage == 1.0


def test_numpy_and_pandas_scalars_are_the_values_that_they_look_like():
    plain = align([1, 0, 1], [1, 0, None])
    for human, judge in (
        ([np.int64(1), np.int8(0), np.bool_(True)], [np.float64(1), 0, pd.NA]),
        (pd.Series([1, 0, 1], dtype="Int64"), pd.array([True, False, None], dtype="boolean")),
    ):
        assert align(human, judge).confusion.equals(plain.confusion)
    assert (
        agreement(pd.DataFrame({"a": [np.bool_(True), False], "b": [np.True_, pd.NA]})).n_gaps == 1
    )


def test_raters_words_are_counted_as_disagreement_where_only_the_judge_says_them():
    ratings, truth = annotators(90)
    judge = ["Ignore" if at % 3 == 0 else said for at, said in enumerate(truth)]
    found = annotator_test(ratings, judge, human_kind="human")
    assert (found.n, found.n_unscored, found.other_words) == (90, 0, {"Ignore": 30})
    assert (
        found.advantage
        < annotator_test(ratings, [None if v == "Ignore" else v for v in judge]).advantage
    )
    assert "30 verdicts that no person gave ('Ignore')" in found.title
    with pytest.raises(ValueError, match="no word in common"):
        annotator_test(ratings, ["yes", "no"] * 45)
    with pytest.raises(ValueError, match="two spellings"):
        annotator_test(ratings, ["Pass", *truth[1:]])


def test_items_with_two_raters_each_are_enough_where_there_are_none_with_three():
    ratings, truth = annotators(120)
    pairs = ratings.copy()
    for at in range(120):
        pairs.iloc[at, at % 3] = None  # as in MT-Bench: two of several raters
    found = annotator_test(pairs, truth, human_kind="human")
    assert (found.min_raters, found.n, found.passes) == (2, 120, True)
    strict = annotator_test(pairs, truth, min_raters=3)
    assert strict.passes is None
    assert (
        "0 of 3 raters have 30 items with a verdict that 3 people rated: 3 are needed"
        in strict.reason
    )
    assert "120 items have 2" in strict.reason
    assert annotator_test(ratings, truth).min_raters == 3


def two_judges(copies):
    """Twelve groups of which the first judge is right on all, and the second on seven; each item
    `copies` times.
    """
    human = ["pass", "fail"] * 6
    second = ["fail", "fail", *human[2:8], "fail", "pass", "fail", "pass"]
    groups = list(range(12)) * copies
    return tuple(align(human * copies, judge * copies, groups=groups) for judge in (human, second))


def test_differences_that_cancel_out_in_each_group_are_not_said_to_be_none():
    groups = [0, 0, 1, 1]
    first = align(["pass"] * 4, ["pass", "fail"] * 2, groups=groups)
    second = align(["pass"] * 4, ["fail", "pass"] * 2, groups=groups)
    found = compare_judges(first, second)
    assert (found.p, found.first_only, found.second_only) == (None, 2, 2)
    assert "each group cancel out" in found.reason


def test_judges_are_compared_by_groups_where_there_are_groups():
    alone, copied = compare_judges(*two_judges(1)), compare_judges(*two_judges(10))
    assert (copied.first_only, copied.n_groups) == (50, 12)
    assert copied.p == pytest.approx(alone.p) == pytest.approx(2 / 2**5)
    assert copied.interval == pytest.approx(alone.interval)
    human = ["pass", "fail"] * 6
    second = ["fail", "fail", *human[2:8], "fail", "pass", "fail", "pass"]
    plain = compare_judges(align(human, human), align(human, second))
    assert plain.p == pytest.approx(alone.p)
    assert plain.interval[0] > alone.interval[0]  # z, not Student's t
    with pytest.raises(ValueError, match="different groups"):
        compare_judges(two_judges(1)[0], align(human, human, groups=[0, 1] * 6))


def test_two_judges_that_are_equally_good_differ_by_groups_as_rarely_as_the_test_says():
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        right = np.repeat(rng.random((2, 20)) < 0.8, 5, axis=1)
        judges = np.where(right, "pass", "fail").tolist()
        groups = np.repeat(range(20), 5).tolist()
        found = compare_judges(*(align(["pass"] * 100, judge, groups=groups) for judge in judges))
        alarms += found.p is not None and found.p <= 0.05
    assert alarms / 60 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 60)


def test_a_trace_twice_in_one_run_is_no_retest():
    with pytest.raises(ValueError, match="run 1 has traces more than once: 't0'"):
        retest([*run(["pass"]), *run(["fail"])], run(["pass"]))
