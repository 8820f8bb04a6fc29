import math

import numpy as np
import pytest

from tests.bench import coverage as study
from tests.bench.coverage import WANTED, covered
from tests.bench.measure import table
from toolkit.evals import (
    Label,
    Verdict,
    align,
    corrected_rate,
    corrected_width,
    interval_width,
    labels_needed,
)

RATE, TPR, TNR, LABELS = 0.8, 0.9, 0.8, 100


def words(values):
    return ["pass" if value else "fail" for value in values]


def population(rng, n, rate=RATE, tpr=TPR, tnr=TNR):
    """What people would say of `n` items, and what the judge says."""
    truth = rng.random(n) < rate
    return truth, np.where(truth, rng.random(n) < tpr, rng.random(n) > tnr)


def sample(seed, judged, labels=LABELS, **rates):
    rng = np.random.default_rng(seed)
    truth, said = population(rng, labels, **rates)
    return truth, said, population(rng, judged, **rates)[1]


def coverage(judged, runs, method="rogan-gladen"):
    held = 0
    for seed in range(runs):
        truth, said, scored = sample(seed, judged)
        found = corrected_rate(
            align(words(truth), words(said)), words(scored), method, seed=seed, resamples=1000
        )
        held += found.low <= RATE <= found.high
    return held / runs


@pytest.mark.parametrize("judged", [50, 100, 500])
def test_the_interval_holds_the_true_rate_as_often_as_it_claims(judged):
    runs = 100
    assert coverage(judged, runs) >= 0.93 - math.sqrt(0.93 * 0.07 / runs)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("method", ["rogan-gladen", "ppi"])
@pytest.mark.parametrize("judged", [50, 100, 500, 5000])
def test_the_interval_holds_the_true_rate_in_2000_runs(judged, method):
    assert coverage(judged, 2000, method) >= 0.93


@pytest.mark.slow
def test_an_interval_that_freezes_the_judged_rate_is_too_narrow():
    from judgy import estimate_success_rate

    np.random.seed(0)
    held = 0
    for seed in range(300):
        truth, said, scored = (one.astype(int) for one in sample(seed, 50))
        _, low, high = estimate_success_rate(truth, said, scored, bootstrap_iterations=300)
        held += low <= RATE <= high
    assert held / 300 < 0.75 < 0.9 < coverage(50, 300)


@pytest.mark.parametrize("seed", range(40))
def test_ppi_is_that_of_ppi_python(seed):
    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

    rng = np.random.default_rng(seed)
    rates = {"rate": rng.uniform(0.3, 0.7), "tpr": rng.uniform(0.4, 1), "tnr": rng.uniform(0.4, 1)}
    truth, said, scored = sample(
        seed, int(rng.integers(20, 400)), int(rng.integers(20, 200)), **rates
    )
    aligned = align(words(truth), words(said))
    found = corrected_rate(aligned, words(scored), "ppi", level=0.9, interval="normal")
    arrays = [one.astype(float) for one in (truth, said, scored)]
    low, high = (float(end[0]) for end in ppi_mean_ci(*arrays, alpha=0.1))
    assert abs(found.value - float(ppi_mean_pointestimate(*arrays)[0])) < 1e-9
    assert abs(found.low - max(0.0, low)) < 1e-9
    assert abs(found.high - min(1.0, high)) < 1e-9
    assert found.method == "ppi"
    assert corrected_rate(aligned, words(scored), "ppi").value == found.value


@pytest.mark.parametrize("seed", range(20))
def test_rogan_gladen_is_that_of_judgy_and_its_interval_is_wider(seed):
    from judgy import estimate_success_rate

    np.random.seed(seed)
    truth, said, scored = sample(seed, 100)
    found = corrected_rate(align(words(truth), words(said)), words(scored))
    value, low, high = estimate_success_rate(
        *(one.astype(int) for one in (truth, said, scored)), 1000
    )
    assert abs(found.value - value) < 1e-9
    assert found.high - found.low > 0.95 * (high - low)


def test_the_same_seed_gives_the_same_interval_and_leaves_the_global_generator_alone():
    truth, said, scored = sample(0, 200)
    before = np.random.get_state()[1].tolist()
    one, two, three = (
        corrected_rate(align(words(truth), words(said)), words(scored), seed=s) for s in (1, 1, 2)
    )
    assert one == two
    assert one.value == three.value
    assert (one.low, one.high) != (three.low, three.high)
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize(
    "said", [["pass", "fail", "pass", "fail"], ["fail", "fail", "pass", "pass"]]
)
def test_a_judge_that_is_no_better_than_a_coin_is_refused_with_the_reason(said):
    found = corrected_rate(align(["pass", "pass", "fail", "fail"], said), ["pass", "fail"])
    assert found.value is found.low is found.high is None
    assert "TPR + TNR = " in found.reason
    assert "<= 1" in found.reason
    assert "undefined" in found.title
    assert found.raw == 0.5


@pytest.mark.parametrize(
    ("human", "judged", "reason"),
    [
        (["pass"] * 3, ["pass"], "TPR and TNR are both needed"),
        ([], ["pass"], "0 labelled"),
        (["pass", "fail"], [], "0 judged"),
        (["pass", "fail"], [None, float("nan"), ""], "0 judged"),
    ],
)
def test_without_labels_of_both_kinds_or_verdicts_there_is_no_value_but_a_reason(
    human, judged, reason
):
    found = corrected_rate(align(human, human), judged)
    assert found.value is None
    assert reason in found.reason


def test_unscored_items_are_counted_and_never_a_pass():
    truth, said, scored = sample(0, 40)
    aligned = align(words(truth), words(said))
    bare, gaps = (
        corrected_rate(aligned, words(scored) + more)
        for more in ([], [None, "", float("nan"), "maybe"])
    )
    assert (gaps.n, gaps.n_unscored) == (40, 4)
    assert (gaps.value, gaps.low, gaps.high) == (bare.value, bare.low, bare.high)
    assert "n = 40, 4 unscored" in gaps.title
    as_fail = corrected_rate(
        align(words(truth), words(said), unparsed="fail"), [*words(scored), *[None] * 4]
    )
    assert (as_fail.n, as_fail.n_unscored) == (44, 4)
    assert as_fail.raw == scored.sum() / 44
    with pytest.raises(ValueError, match="never a pass"):
        corrected_rate(align(words(truth), words(said), unparsed="pass"), [None])


def test_a_judge_that_is_nearly_a_coin_gets_an_interval_that_says_so():
    human = ["pass"] * 10 + ["fail"] * 10
    judge = ["pass"] * 6 + ["fail"] * 4 + ["pass"] * 5 + ["fail"] * 5
    found = corrected_rate(align(human, judge), ["pass"] * 60 + ["fail"] * 40)
    assert found.degenerate > 0.2
    assert (found.low, found.high) == (0.0, 1.0)


@pytest.mark.parametrize("method", ["rogan-gladen", "ppi"])
def test_labels_that_come_in_groups_widen_the_interval(method):
    truth, said, scored = sample(0, 5000)
    alone = corrected_rate(align(words(truth), words(said)), words(scored), method)
    copies = {"human": words(truth) * 4, "judge": words(said) * 4}
    narrow = corrected_rate(align(**copies), words(scored), method)
    grouped = corrected_rate(align(**copies, groups=list(range(LABELS)) * 4), words(scored), method)
    widths = {
        name: one.high - one.low
        for name, one in (("alone", alone), ("narrow", narrow), ("grouped", grouped))
    }
    assert widths["narrow"] < 0.65 * widths["alone"]
    assert widths["grouped"] == pytest.approx(widths["alone"], rel=0.15)


def test_three_categories_are_corrected_for_the_positive_one_against_the_rest():
    human = ["good", "bad", "ugly"] * 20
    judge = ["good", "ugly", "bad"] * 20
    assert corrected_rate(align(human, judge, positive="good"), ["good", "bad"] * 50).value == 0.5


def test_other_codes_and_other_judges_are_refused():
    people = align(["pass", "fail"], ["pass", "fail"])
    with pytest.raises(ValueError, match="no word in common"):
        corrected_rate(people, ["good", "bad"])
    with pytest.raises(ValueError, match="'Pass' and people 'pass'"):
        corrected_rate(people, ["Pass", "fail"])
    with pytest.raises(ValueError, match="ppi"):
        corrected_rate(people, ["pass"], "magic")
    verdicts = [
        Verdict(f"t{at}", said, "", "", "live", "abcd") for at, said in enumerate(("pass", "fail"))
    ]
    labels = [Label(one.trace_id, "ann", one.verdict, "because") for one in verdicts]
    other = [Verdict("t9", "pass", "", "", "live", "ef01")]
    assert corrected_rate(align(labels, verdicts), verdicts).n == 2
    with pytest.raises(ValueError, match="errors of another judge"):
        corrected_rate(align(labels, verdicts), other)


def test_an_estimate_from_simulated_labels_says_so():
    truth, said, scored = sample(0, 40)
    found = corrected_rate(align(words(truth), words(said), human_kind="simulated"), words(scored))
    assert found.simulated
    assert "100 of simulated labels" in found.title
    assert "people" not in found.title


def test_one_simulated_verdict_among_those_that_are_corrected_makes_the_estimate_simulated():
    labels = [Label(f"t{n}", "ann", ("pass", "fail")[n % 2], "because") for n in range(20)]
    live = [Verdict(one.trace_id, one.verdict, "", "", "live", "abcd") for one in labels]
    aligned = align(labels, live)
    assert not (real := corrected_rate(aligned, live)).simulated
    assert "simulated" not in real.title
    mixed = corrected_rate(aligned, [*live, Verdict("t99", "pass", "", "", "simulated", "abcd")])
    assert mixed.simulated
    assert mixed.title.endswith("The judge is simulated")


def test_the_labels_needed_are_the_fewest_that_will_do():
    for width, rate, share in ((0.1, 0.9, 1.0), (0.2, 0.8, 0.3), (0.05, 0.95, 0.5)):
        needed = labels_needed(width, rate, share)
        assert (
            interval_width(needed, rate, share) <= width < interval_width(needed - 1, rate, share)
        )
    assert labels_needed(0.1, 0.9, 0.1) > 4 * labels_needed(0.1, 0.9, 0.5)
    with pytest.raises(ValueError, match="width"):
        labels_needed(0)


def test_a_narrow_interval_takes_as_many_labels_as_it_takes():
    found = labels_needed(1e-4)
    assert interval_width(found, 0.9, 0.5) <= 1e-4 < interval_width(found - 1, 0.9, 0.5)


def test_the_planned_width_of_a_corrected_rate_is_near_the_one_that_comes():
    widths = []
    for seed in range(40):
        truth, said, scored = sample(seed, 500, 200)
        found = corrected_rate(align(words(truth), words(said)), words(scored), resamples=1000)
        widths.append(found.high - found.low)
    assert corrected_width(200, 500, RATE, TPR, TNR) == pytest.approx(np.mean(widths), rel=0.15)
    floor = corrected_width(10**9, 500, RATE, TPR, TNR)
    assert floor == pytest.approx(2 * 1.96 * math.sqrt(0.76 * 0.24 / 500) / 0.7, rel=0.01)
    with pytest.raises(ValueError, match="no number of labels"):
        corrected_width(100, 100, 0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    "told", [{"rate": 95}, {"share": 50}, {"level": 95}, {"rate": -0.1}, {"level": 0}]
)
def test_percent_are_refused_where_shares_are_wanted(told):
    with pytest.raises(
        ValueError,
        match=f"{next(iter(told))} {'is ' * ('rate' in told)}{next(iter(told.values()))}",
    ):
        interval_width(100, **told)
    with pytest.raises(ValueError, match="percent"):
        labels_needed(0.1, **told)


def test_a_width_in_percent_and_a_level_in_percent_are_named():
    with pytest.raises(ValueError, match="not 10: "):
        labels_needed(10)
    with pytest.raises(ValueError, match="level not between 0 and 1: 95"):
        corrected_rate(align(["pass", "fail"], ["pass", "fail"]), ["pass"], level=95)


FEW = [
    (["pass"], ["pass"]),
    (["pass"] * 5, ["fail"] * 5),
    (["pass"] * 10, ["pass"] * 10),
    (["fail"] * 3, ["fail"] * 3),
]


@pytest.mark.parametrize("method", ["rogan-gladen", "ppi"])
@pytest.mark.parametrize(("human", "judge"), FEW)
def test_no_interval_of_few_labels_is_without_width(human, judge, method):
    for judged in (judge * 40, ["pass", "fail"] * 20, ["pass"]):
        found = corrected_rate(align(human, judge), judged, method)
        assert (found.value is None) == bool(found.reason)
        if found.value is not None:
            assert found.high - found.low > 0.2
            assert found.low <= found.value <= found.high
    normal = corrected_rate(
        align(["pass"] * 5, ["pass"] * 5), ["pass"] * 9, "ppi", interval="normal"
    )
    assert normal.value is normal.low is None
    assert "no width" in normal.reason


def test_an_interval_by_another_name_or_method_is_refused():
    aligned = align(["pass", "fail"], ["pass", "fail"])
    with pytest.raises(ValueError, match="of method='ppi'"):
        corrected_rate(aligned, ["pass"], interval="normal")
    with pytest.raises(ValueError, match="resampled, normal, not 'wide'"):
        corrected_rate(aligned, ["pass"], "ppi", interval="wide")


@pytest.mark.parametrize(
    ("n_labels", "rate", "method", "arrangement"),
    [
        (20, 0.95, "ppi", "alone"),
        (30, 0.97, "ppi", "alone"),
        (50, 0.90, "ppi", "alone"),
        (50, 0.80, "rogan-gladen", "alone"),
        (100, 0.80, "ppi", "in groups"),
        (100, 0.90, "rogan-gladen", "in groups"),
        (30, 0.90, "ppi", "labelled among the judged"),
    ],
)
def test_intervals_of_few_labels_hold_the_true_rate(n_labels, rate, method, arrangement):
    runs = 40
    found = covered(n_labels, rate, method, arrangement, runs)
    assert found.coverage >= WANTED - 2 * math.sqrt(WANTED * (1 - WANTED) / runs)
    assert found.refused < 0.5


@pytest.mark.slow
@pytest.mark.timeout(7200)
async def test_the_whole_table_of_coverage_is_met():
    rows = await study.coverage(1.0)
    print(table(rows))
    assert len(rows) == 96
    assert [row.what for row in rows if not row.met] == []


@pytest.mark.parametrize("method", ["rogan-gladen", "ppi"])
def test_judged_items_that_come_in_groups_widen_the_interval(method):
    truth, said, scored = sample(0, 50, 400)
    aligned = align(words(truth), words(said))
    alone = corrected_rate(aligned, words(scored), method)
    copies = corrected_rate(aligned, words(scored) * 4, method)
    grouped = corrected_rate(aligned, words(scored) * 4, method, groups=list(range(50)) * 4)
    widths = {
        name: one.high - one.low
        for name, one in (("alone", alone), ("copies", copies), ("grouped", grouped))
    }
    assert widths["copies"] < 0.93 * widths["alone"]
    assert widths["grouped"] == pytest.approx(widths["alone"], rel=0.2)
    assert widths["grouped"] > 1.1 * widths["copies"]
    assert (grouped.n, grouped.n_groups, copies.n_groups) == (200, 50, None)
    assert "n = 200, 50 groups" in grouped.title


def test_groups_of_the_judged_are_aligned_by_id_and_a_missing_one_is_an_error():
    aligned = align(["pass", "fail"] * 9, ["pass", "fail"] * 9)
    judged = {"a": "pass", "b": "fail", "c": "pass"}
    found = corrected_rate(aligned, judged, groups={"c": 1, "a": 1, "b": 2})
    assert found.n_groups == 2
    with pytest.raises(ValueError, match="no group for 'b'"):
        corrected_rate(aligned, judged, groups={"a": 1, "b": None, "c": 2})
    assert "one group" in corrected_rate(aligned, judged, groups=dict.fromkeys("abc", 1)).reason


@pytest.mark.parametrize("method", ["rogan-gladen", "ppi"])
def test_judged_items_that_people_labelled_count_as_people_say(method):
    people = {f"t{at}": "pass" if at % 5 else "fail" for at in range(40)}
    judge = (
        people
        | {"t1": "fail", "t5": "pass"}
        | {f"u{at}": "pass" if at % 4 else "fail" for at in range(60)}
    )
    aligned = align(people, {trace_id: judge[trace_id] for trace_id in people})
    everything = corrected_rate(aligned, judge, method)
    rest = corrected_rate(
        aligned, {key: word for key, word in judge.items() if key[0] == "u"}, method
    )
    assert (everything.n, everything.n_known, rest.n, rest.n_known) == (100, 40, 60, 0)
    for end in ("value", "low", "high"):
        assert getattr(everything, end) == pytest.approx(0.4 * 0.8 + 0.6 * getattr(rest, end))
    assert "40 known from their labels" in everything.title
    known = corrected_rate(aligned, {trace_id: judge[trace_id] for trace_id in people}, method)
    assert (known.value, known.low, known.high, known.n_known) == (0.8, 0.8, 0.8, 40)


def test_labelled_items_without_a_verdict_are_known_all_the_same_and_positions_are_no_ids():
    people = {"a": "pass", "b": "fail", "c": "pass", "d": "fail"}
    aligned = align(people, people | {"d": None})
    found = corrected_rate(aligned, people | {"d": None, "e": None, "f": "pass"})
    assert (found.n, found.n_known, found.n_unscored) == (5, 4, 1)
    plain = align(["pass", "fail"] * 5, ["pass", "fail"] * 5)
    assert corrected_rate(plain, ["pass", "fail"]).n_known == 0
    verdicts = [Verdict("t1", "pass", "", "", "live", "h")] * 2
    with pytest.raises(ValueError, match="more than once: 't1'"):
        corrected_rate(plain, verdicts)


def test_the_judges_examples_are_set_aside_from_the_judged():
    labels = [Label(f"t{at}", "ann", ("pass", "fail")[at % 2], "w") for at in range(20)]
    verdicts = [Verdict(one.trace_id, one.verdict, "", "", "live", "h") for one in labels]
    shown = Verdict("shown", None, "", "it is an example", "live", "h", example=True)
    others = [Verdict(f"u{at}", "pass", "", "", "live", "h") for at in range(5)]
    found = corrected_rate(align(labels, verdicts), [*others, shown])
    assert (found.n, found.n_unscored, found.n_examples) == (5, 0, 1)
