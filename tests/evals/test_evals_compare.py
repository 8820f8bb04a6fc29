"""compare: paired by case and trial; what it says, what it refuses to say, and how often it errs."""

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from toolkit.evals import Experiment, Score, TrialResult, compare

N_QUICK = 200
N_FULL = 2_000


def made_of(name, passed, **fields) -> Experiment:
    """An experiment of ``(n_cases, n_trials) bool``; None is unscored."""
    results = []
    for case, row in enumerate(passed):
        for trial, verdict in enumerate(row):
            status = "unscored" if verdict is None else "scored"
            known = None if verdict is None else bool(verdict)
            results.append(TrialResult(str(case), trial, status, passed=known))
    return Experiment(name, results, planned=len(results), **fields)


def with_scores(name, rows) -> Experiment:
    """An experiment of one trial a case, with these scores."""
    results = []
    for case, scores in enumerate(rows):
        given = tuple(Score(key, *value) for key, value in scores.items())
        results.append(TrialResult(str(case), 0, "scored", given, passed=True))
    return Experiment(name, results, planned=len(results))


def test_one_trial_a_case_is_mcnemars_exact_test():
    rng = np.random.default_rng(3)
    first = rng.uniform(size=(60, 1)) < 0.7
    second = rng.uniform(size=(60, 1)) < 0.5
    passed = compare(made_of("a", first), made_of("b", second)).passed
    table = [
        [np.sum(first & second), np.sum(first & ~second)],
        [np.sum(~first & second), np.sum(~first & ~second)],
    ]
    assert passed.p == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert passed.value == pytest.approx(first.mean() - second.mean())
    assert (passed.n_cases, passed.n_trials) == (60, 60)


def test_more_trials_than_one_are_clustered_by_case():
    rng = np.random.default_rng(4)
    chances = rng.uniform(size=(2, 30, 1))
    draws = rng.uniform(size=(2, 30, 10)) < chances
    clustered = compare(made_of("a", draws[0]), made_of("b", draws[1])).passed
    alone = compare(
        made_of("a", draws[0].reshape(-1, 1)), made_of("b", draws[1].reshape(-1, 1))
    ).passed
    assert clustered.value == pytest.approx(alone.value)
    assert (clustered.n_cases, clustered.n_trials) == (30, 300)
    assert clustered.high - clustered.low > 1.5 * (alone.high - alone.low)
    assert clustered.p > alone.p


def test_the_cases_are_paired_by_id_and_not_by_their_order():
    rng = np.random.default_rng(5)
    first = made_of("a", rng.uniform(size=(40, 2)) < 0.6)
    second = made_of("b", rng.uniform(size=(40, 2)) < 0.6)
    turned = Experiment("b", second.results[::-1], planned=80)
    assert compare(first, turned).passed == compare(first, second).passed


def test_what_is_not_shown_is_never_called_alike_and_names_what_could_be_found():
    same = [[True], [False], [True], [False]] * 10
    other = [[False], [True], [True], [False]] * 10
    comparison = compare(made_of("new", same), made_of("old", other))
    assert comparison.passed.conclusion == "not shown"
    words = str(comparison)
    assert "which does not show them alike: a difference of" in words
    assert "no difference" not in words
    assert 0.1 < comparison.passed.least_detectable < 0.5


def test_two_that_are_alike_on_every_trial_have_no_p_but_an_interval_with_a_width():
    passed = [[True, False]] * 20
    difference = compare(made_of("a", passed), made_of("b", passed), margin=0.05).passed
    assert (difference.value, difference.p) == (0.0, None)
    assert difference.reason == "p: the two are alike on every trial"
    assert difference.low < -0.05 < 0.05 < difference.high
    assert difference.not_worse is False


def test_two_cases_bound_nothing_beyond_1_and_promise_no_effect():
    first = made_of("a", [[True, True, False], [True, False, True]])
    second = made_of("b", [[False, True, False], [True, False, False]])
    difference = compare(first, second, margin=0.1).passed
    assert (difference.low, difference.high, difference.bound) == (-1.0, 1.0, -1.0)
    assert difference.least_detectable is None
    assert "so few cases could show no difference at all" in str(difference)


def test_not_worse_is_shown_by_the_one_sided_bound_and_not_by_a_large_p():
    rng = np.random.default_rng(6)
    few = rng.uniform(size=(2, 20, 1)) < 0.9
    many = rng.uniform(size=(2, 3_000, 1)) < 0.9
    unsure = compare(made_of("a", few[0]), made_of("b", few[1]), margin=0.05).passed
    sure = compare(made_of("a", many[0]), made_of("b", many[1]), margin=0.05).passed
    assert unsure.p_adjusted is None or unsure.p_adjusted > 0.05
    assert unsure.not_worse is False
    assert "Not shown to be not worse by 0.05" in str(unsure)
    assert sure.not_worse is True
    assert sure.low < sure.bound < sure.value
    assert compare(made_of("a", few[0]), made_of("b", few[1])).passed.not_worse is None
    with pytest.raises(ValueError, match=r"a share between 0 and 1, as 0\.05"):
        compare(made_of("a", few[0]), made_of("b", few[1]), margin=5)


def test_what_is_unscored_is_not_passed_and_the_other_way_stands_beside_it():
    first = made_of("a", [[True], [None], [True], [False]] * 10)
    second = made_of("b", [[True], [True], [False], [False]] * 10)
    comparison = compare(first, second)
    assert comparison.passed.value == 0.0
    of_scored = comparison.passed_of_scored
    assert (of_scored.value, of_scored.n_left_out) == (pytest.approx(1 / 3), 10)
    assert comparison.frame.index.tolist() == ["passed", "passed, of what both scored"]
    assert "10 without a verdict left out" in str(comparison)


def test_trials_that_did_not_run_in_both_and_broken_cases_are_in_no_number():
    first = made_of("a", [[True], [True], [False], [True]])
    results = [
        TrialResult("0", 0, "scored", passed=True),
        TrialResult("1", 0, "not run"),
        TrialResult("2", 0, "scored", passed=True),
        TrialResult("3", 0, "scored", passed=False),
    ]
    second = Experiment("b", results, planned=4, broken={"3"})
    comparison = compare(first, second)
    assert comparison.passed.n_cases == 2
    assert comparison.n_unpaired == 4
    assert "4 trials without a partner" in str(comparison)


def test_experiments_without_a_case_in_common_have_no_difference_and_say_why():
    second = Experiment("b", [TrialResult("z", 0, "scored", passed=True)], planned=1)
    difference = compare(made_of("a", [[True]]), second, margin=0.1).passed
    assert (difference.value, difference.p, difference.low) == (None, None, None)
    assert difference.reason == "no pair counts"
    assert difference.not_worse is False
    assert "undefined, no pair counts" in str(difference)


def test_p_is_adjusted_over_the_scores_by_holm():
    rng = np.random.default_rng(7)
    rows = []
    for lift in (0.35, 0.0):
        draws = rng.uniform(size=(60, 3)) < [0.5 + lift, 0.5, 0.5]
        lengths = rng.normal(10 + 2 * lift, 1, size=60)
        rows.append(
            [
                {**{f"s{n}": (bool(value),) for n, value in enumerate(draw)}, "words": (length,)}
                for draw, length in zip(draws, lengths, strict=True)
            ]
        )
    comparison = compare(with_scores("a", rows[0]), with_scores("b", rows[1]))
    assert [score.name for score in comparison.scores] == ["s0", "s1", "s2", "words"]
    ps = [score.p for score in comparison.scores]
    expected = multipletests(ps, method="holm")[1]
    assert [score.p_adjusted for score in comparison.scores] == pytest.approx(list(expected))
    assert comparison.scores[0].conclusion == "better"


def test_scores_of_other_versions_words_and_those_of_one_side_are_not_compared():
    first = with_scores("a", [{"polite": (True, "", "1"), "tone": ("dry",), "new": (True,)}] * 3)
    second = with_scores("b", [{"polite": (True, "", "2"), "tone": ("dry",)}] * 3)
    comparison = compare(first, second)
    assert comparison.scores == ()
    assert set(comparison.not_compared) == {"polite", "tone", "new"}
    assert "versions differ" in comparison.not_compared["polite"]


def test_a_hostile_name_is_escaped_and_what_is_simulated_says_so():
    result = TrialResult("a", 0, "scored", (Score("<b>", "x"),), True, source="simulated")
    experiment = Experiment("<img src=x>", [result], planned=1)
    comparison = compare(experiment, experiment)
    html = comparison._repr_html_()
    assert "<img" not in html
    assert "<b>" not in html
    assert "The traces are simulated" in str(comparison)


# How often it errs. Two agents that are as good as each other: on the same cases (an A/A test), or
# on cases of their own, where the trials of a case are alike (a third of the variance is between
# cases). `margin` takes so much from the first.


def two_agents(rng, n_cases, n_trials, same, worse_by=0.0):
    chances = rng.uniform(worse_by, 1, size=n_cases)
    others = chances if same else rng.uniform(worse_by, 1, size=n_cases)
    first = rng.uniform(size=(n_cases, n_trials)) < (chances - worse_by)[:, None]
    second = rng.uniform(size=(n_cases, n_trials)) < others[:, None]
    return made_of("a", first), made_of("b", second)


def errors(repeats, n_cases, n_trials, same, seed=8):
    """The shares of false alarms, of intervals that cover, and of those that would without
    clusters; each of agents without a true difference.
    """
    rng = np.random.default_rng(seed)
    alarms = covered = covered_unclustered = 0
    for _ in range(repeats):
        first, second = two_agents(rng, n_cases, n_trials, same)
        difference = compare(first, second).passed
        alarms += difference.conclusion != "not shown"
        covered += difference.low <= 0 <= difference.high
        spread = difference.first * (1 - difference.first)
        spread += difference.second * (1 - difference.second)
        reach = 1.96 * np.sqrt(spread / difference.n_trials)
        covered_unclustered += abs(difference.value) <= reach
    return alarms / repeats, covered / repeats, covered_unclustered / repeats


def falsely_not_worse(repeats, n_cases, n_trials, same, margin=0.1, seed=9):
    """The share in which an agent that is worse by just the margin is shown not to be."""
    rng = np.random.default_rng(seed)
    shown = 0
    for _ in range(repeats):
        first, second = two_agents(rng, n_cases, n_trials, same, worse_by=margin)
        shown += compare(first, second, margin=margin).passed.not_worse
    return shown / repeats


DESIGNS = [(50, 1, True), (50, 1, False), (40, 5, True), (40, 5, False), (40, 20, False)]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("n_cases", "n_trials", "same"), DESIGNS)
def test_two_thousand_comparisons_raise_false_alarms_as_often_as_they_say(n_cases, n_trials, same):
    alarms, covered, unclustered = errors(N_FULL, n_cases, n_trials, same)
    print(f"alarms {alarms:.4f} covered {covered:.4f} without clusters {unclustered:.4f}")
    assert alarms <= 0.065
    assert covered >= 0.93
    if not same and n_trials > 1:
        assert unclustered == pytest.approx({5: 0.79, 20: 0.54}[n_trials], abs=0.04)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("n_cases", "n_trials", "same"), DESIGNS)
def test_two_thousand_that_are_worse_by_the_margin_are_seldom_shown_not_to_be(
    n_cases, n_trials, same
):
    shown = falsely_not_worse(N_FULL, n_cases, n_trials, same)
    print(f"falsely not worse {shown:.4f}")
    assert shown <= 0.065


def test_false_alarms_and_intervals_are_as_they_say_in_a_small_sweep():
    alarms, covered, unclustered = errors(N_QUICK, 25, 4, same=False)
    unlikely = 0.001  # a sweep of 200 is coarse: it fails where the full one surely would
    assert binomtest(round(alarms * N_QUICK), N_QUICK, 0.065, "greater").pvalue > unlikely
    assert binomtest(round(covered * N_QUICK), N_QUICK, 0.93, "less").pvalue > unlikely
    assert unclustered < 0.88
    shown = falsely_not_worse(N_QUICK, 25, 4, same=False)
    assert binomtest(round(shown * N_QUICK), N_QUICK, 0.065, "greater").pvalue > unlikely


def test_cases_that_fail_seldom_but_wholly_do_not_make_a_worse_agent_look_not_worse():
    """An agent that loses one case in twenty, in all 20 trials: most samples show none of these,
    and an interval of what was seen alone would call it not worse in a third of them.
    """
    rng = np.random.default_rng(10)
    shown = 0
    for _ in range(60):
        lost = rng.uniform(size=20) < 0.05
        first = made_of("a", np.repeat(~lost[:, None], 20, axis=1))
        second = made_of("b", np.ones((20, 20), dtype=bool))
        shown += compare(first, second, margin=0.05).passed.not_worse
    assert shown <= 4
