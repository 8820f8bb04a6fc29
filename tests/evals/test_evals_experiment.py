"""An experiment: rates with clusters, reliability, and what is missing. tau-bench is the oracle."""

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.evals import Score, compare
from toolkit.evals.experiments import Experiment, TrialResult
from toolkit.evals.experiments.result import trial_outcome
from toolkit.records import RecordError
from toolkit.traces import Trace, read_traces

WRITES = {
    "book_reservation",
    "cancel_reservation",
    "send_certificate",
    "update_reservation_baggages",
    "update_reservation_flights",
    "update_reservation_passengers",
}


def made_of(passed: dict[str, list], name="made", **fields) -> Experiment:
    """An experiment in which each case has these verdicts; None is unscored."""
    results = []
    for case, trials in passed.items():
        for trial, verdict in enumerate(trials):
            status = "unscored" if verdict is None else "scored"
            results.append(TrialResult(case, trial, status, passed=verdict))
    return Experiment(name, results, **{"planned": len(results), **fields})


@pytest.fixture(scope="module")
def airline(data_dir):
    traces = read_traces(data_dir / "tau-bench-airline" / "gpt-4o-airline.json")
    free = set()
    for trace in traces:
        task = trace.meta["info"]["task"]
        if not task["outputs"] and not WRITES & {action["name"] for action in task["actions"]}:
            free.add(str(trace.meta["task_id"]))
    return Experiment.from_traces(
        traces,
        score=lambda trace: trace.meta["reward"] == 1,
        case=lambda trace: trace.meta["task_id"],
        name="airline",
        free=free,
    )


def test_tau_benchs_published_figures_come_out(airline):
    rate = airline.rate()
    assert (rate.value, rate.n_trials, rate.n_cases, len(airline.free)) == (0.42, 200, 50, 19)
    assert rate.unclustered_error == pytest.approx(0.0349, abs=5e-5)
    assert rate.standard_error == pytest.approx(0.0522, abs=5e-5)
    assert [round(airline.pass_hat(k).value, 4) for k in range(1, 5)] == [0.42, 0.2733, 0.22, 0.2]


def test_the_free_cases_of_tau_bench_are_told_apart(airline):
    assert round(airline.rate(cases="free").value, 3) == 0.724
    assert round(airline.rate(cases="not free").value, 3) == 0.234
    assert round(airline.pass_hat(4, cases="free").value, 3) == 0.474
    assert round(airline.pass_hat(4, cases="not free").value, 3) == 0.032
    said = str(airline.summary())
    assert "Without the 19 cases that an agent passes by doing nothing: 0.234" in said
    assert "on those: 0.724" in said


@given(st.lists(st.booleans(), min_size=4, max_size=6), st.integers(1, 4))
def test_pass_hat_and_pass_at_are_the_share_of_all_draws_of_k_trials(trials, k):
    experiment = made_of({"case": trials})
    draws = list(itertools.combinations(trials, k))
    assert len(draws) == comb(len(trials), k)
    assert experiment.pass_hat(k).value == pytest.approx(sum(map(all, draws)) / len(draws))
    assert experiment.pass_at(k).value == pytest.approx(sum(map(any, draws)) / len(draws))


def test_what_is_unscored_is_not_passed_or_left_out_and_both_are_in_the_summary():
    results = [
        TrialResult("a", 0, "scored", passed=True),
        TrialResult("a", 1, "unscored", why="the judge timed out"),
        TrialResult("b", 0, "errored", why="the tool raised"),
        TrialResult("b", 1, "scored", passed=False),
        TrialResult("c", 0, "not run"),
    ]
    experiment = Experiment("missing", results, planned=8)
    assert experiment.rate().value == 1 / 8
    of_scored = experiment.rate(unscored="exclude")
    assert (of_scored.value, of_scored.n_trials, of_scored.n_left_out) == (1 / 2, 2, 6)
    counts = "1 passed, 1 failed, 1 unscored, 1 errored, 4 not run, of 8 trials planned"
    assert counts in str(experiment.summary())
    assert "Pass rate of what was scored 0.500" in str(experiment.summary())


def test_broken_cases_are_in_no_rate_and_are_counted():
    passed = {"sound": [True, False], "broken": [False, False]}
    experiment = made_of(passed, broken={"broken"})
    summary = experiment.summary()
    assert experiment.rate().value == 0.5
    assert (summary.n_broken, summary.n_broken_trials, summary.n_failed) == (1, 2, 1)
    assert "1 broken case (2 trials) in no rate" in str(summary)


def test_a_case_with_too_few_trials_is_left_out_of_pass_hat_and_counted():
    rate = made_of({"a": [True, True], "b": [True]}).pass_hat(2)
    assert (rate.value, rate.n_cases, rate.n_left_out) == (1.0, 1, 1)
    none = made_of({"a": [True]}).pass_hat(2)
    assert (none.value, none.reason) == (None, "no case has 2 trials")
    with pytest.raises(ValueError, match="from 1 on"):
        made_of({"a": [True]}).pass_hat(0)


def test_an_interval_takes_two_cases_and_no_rate_is_without_width():
    alone = made_of({"a": [True] * 9}).rate()
    assert (alone.value, alone.low, alone.reason) == (
        1.0,
        None,
        "an interval takes two cases or more",
    )
    perfect = made_of({str(case): [True] * 4 for case in range(20)}).rate()
    assert perfect.low < 0.9 < perfect.high == 1.0
    empty = Experiment("empty", (), planned=0).rate()
    assert (empty.value, empty.reason) == (None, "no trial has a verdict")
    assert "undefined: no trial has a verdict" in str(empty)


def test_where_no_trial_has_a_verdict_there_is_no_rate_and_not_a_rate_of_0():
    results = [TrialResult(str(n), 0, "scored", (Score("words", n),)) for n in range(5)]
    experiment = Experiment("numbers", results, planned=5)
    for rate in (experiment.rate(), experiment.pass_hat(1), experiment.rate(cases="free")):
        assert rate.value is None
        assert rate.reason
    summary = experiment.summary()
    assert (summary.n_unscored, summary.n_neither) == (5, 5)
    difference = compare(experiment, experiment).passed
    assert (difference.value, difference.reason) == (None, "no pair counts")


def test_a_trial_with_numbers_and_words_alone_neither_passes_nor_fails_and_is_said_to():
    verdicts = [True, False, True, "words", "number", None]
    results = []
    for number, verdict in enumerate(verdicts):
        scores = (Score("length", 12.0), Score("tone", "warm"))
        if verdict is None:
            scores += (Score("good", None, "the judge timed out"),)
        elif isinstance(verdict, bool):
            scores += (Score("good", verdict),)
        status, passed = trial_outcome(scores)
        results.append(TrialResult(f"c{number}", 0, status, scores, passed))
    experiment = Experiment("mixed", results, planned=6)
    rate = experiment.rate()
    assert (rate.value, rate.n_trials, rate.n_left_out) == (2 / 4, 4, 2)
    assert experiment.pass_hat(1).value == 2 / 4
    summary = experiment.summary()
    assert (summary.n_passed, summary.n_failed, summary.n_unscored) == (2, 1, 3)
    neither = "2 of the unscored have numbers and categories alone: they neither pass nor fail"
    assert neither in str(summary)
    difference = compare(experiment, experiment).passed
    assert (difference.n_trials, difference.n_left_out) == (4, 2)


def test_a_trial_that_is_there_twice_or_was_not_planned_is_refused():
    twice = [TrialResult("a", 0, "scored", passed=True)] * 2
    with pytest.raises(ValueError, match="trial 0 of case a is there 2 times"):
        Experiment("twice", twice, planned=2)
    with pytest.raises(ValueError, match="1 results of 0 planned"):
        Experiment("more", twice[:1], planned=0)


def test_the_frame_has_a_row_a_trial_and_a_column_a_score():
    scores = (Score("polite", True), Score("words", 12), Score("passed", "partly"))
    results = [
        TrialResult("a", 0, "scored", scores, passed=True),
        TrialResult("b", 0, "errored", why="boom"),
    ]
    frame = Experiment("frame", results, planned=2).frame
    assert frame["polite"].tolist() == [True, None]
    assert frame["words"].tolist() == [12, None]
    assert frame["passed"].tolist() == [True, None]
    assert frame["score: passed"].tolist() == ["partly", None]
    assert frame["why"].tolist() == ["", "boom"]


def test_a_score_that_is_no_bool_has_no_rate():
    result = TrialResult("a", 0, "scored", (Score("words", 12), Score("polite", True)), passed=True)
    experiment = Experiment("words", [result], planned=1)
    assert experiment.rate("polite").value == 1.0
    with pytest.raises(ValueError, match=r"words is 12.*between"):
        experiment.rate("words")
    with pytest.raises(ValueError, match="no score is called 'kind'"):
        experiment.rate("kind")


def test_traces_that_a_scorer_fails_on_are_unscored_with_its_reason():
    traces = [Trace(id_, (), {"case": id_[0], "ok": id_ != "b1"}) for id_ in ("a1", "a2", "b1")]

    def solved(trace):
        return trace.meta["ok"] or 1 / 0

    experiment = Experiment.from_traces(traces, solved, lambda trace: trace.meta["case"])
    assert [(result.case, result.trial) for result in experiment.results] == [
        ("a", 0),
        ("a", 1),
        ("b", 0),
    ]
    assert experiment.results[2].status == "unscored"
    assert "ZeroDivisionError" in experiment.results[2].why
    assert experiment.rate().value == pytest.approx(2 / 3)

    async def later(trace):
        return True

    with pytest.raises(TypeError, match="async"):
        Experiment.from_traces(traces, later, lambda trace: "a")


def test_what_is_simulated_says_so_once_in_every_sentence():
    results = [
        TrialResult(case, 0, "scored", passed=True, source=source)
        for case, source in (("a", "live"), ("b", "simulated"))
    ]
    experiment = Experiment("mixed", results, planned=2, free={"a"})
    assert str(experiment.summary()).count("The traces are simulated") == 1
    assert "The traces are simulated" in str(experiment.pass_hat(1))


def test_a_hostile_name_is_escaped_where_a_notebook_shows_it():
    experiment = made_of({"a": [True], "b": [False]}, "<img src=x>", conditions={"<b>": "<script>"})
    html = experiment._repr_html_()
    assert "<img" not in html
    assert "<script" not in html
    assert "&lt;img src=x&gt;" in html


def test_trials_that_were_tried_again_and_fail_more_often_are_pointed_out():
    results = []
    for number in range(40):
        was_retried = number < 15
        results.append(
            TrialResult(str(number), 0, "scored", passed=not was_retried, attempts=1 + was_retried)
        )
    summary = Experiment("retried", results, planned=40).summary()
    assert (summary.n_retried, summary.retries_differ) == (15, True)
    assert "15 trials took several attempts" in str(summary)


def test_a_saved_experiment_is_read_back_the_same_and_a_damaged_one_is_refused(tmp_path):
    scores = (Score("polite", None, "unparsed"), Score("words", 12.5), Score("tone", "dry"))
    results = [
        TrialResult("a", 0, "unscored", scores, source="live", latency_s=0.5, why="unparsed"),
        TrialResult("b", 0, "scored", (Score("polite", True),), passed=True, trace_id="t"),
    ]
    experiment = Experiment(
        "kept", results, planned=3, broken={"x"}, free={"b"}, conditions={"model": "m", "n": 2}
    )
    path = tmp_path / "kept.jsonl"
    experiment.save(path)
    assert Experiment.load(path) == experiment
    path.write_text(path.read_text().replace('"status":"scored"', '"status":"won"'))
    with pytest.raises(RecordError, match=r"kept\.jsonl:3: field status"):
        Experiment.load(path)
    path.write_text("")
    with pytest.raises(RecordError, match="begins with a line of name and planned"):
        Experiment.load(path)


def coverage(n_cases: int, n_trials: int, repeats: int) -> tuple[float, float]:
    """How often the true rate of 0.5 is in the interval, and in one that ignores the cases."""
    rng = np.random.default_rng(12)
    inside = 0
    inside_unclustered = 0
    for _ in range(repeats):
        chances = rng.uniform(size=n_cases)  # a third of the variance is between cases
        draws = rng.uniform(size=(n_cases, n_trials)) < chances[:, None]
        rate = made_of({str(case): list(map(bool, row)) for case, row in enumerate(draws)}).rate()
        inside += rate.low <= 0.5 <= rate.high
        inside_unclustered += abs(rate.value - 0.5) <= 1.96 * rate.unclustered_error
    return inside / repeats, inside_unclustered / repeats


@pytest.mark.slow
@pytest.mark.parametrize(("n_trials", "unclustered"), [(5, 0.79), (20, 0.54)])
def test_intervals_cover_with_clusters_and_those_without_do_not(n_trials, unclustered):
    covered, covered_unclustered = coverage(40, n_trials, 2_000)
    print(f"{n_trials} trials a case: {covered:.3f}, without clusters {covered_unclustered:.3f}")
    assert 0.93 <= covered <= 0.975
    assert covered_unclustered == pytest.approx(unclustered, abs=0.04)


def test_an_interval_without_clusters_covers_far_too_seldom():
    covered, covered_unclustered = coverage(40, 20, 100)
    assert covered >= 0.9
    assert covered_unclustered <= 0.65
