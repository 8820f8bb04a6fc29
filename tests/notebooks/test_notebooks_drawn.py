"""Experiments that notebook 07 draws: their true rate is known, and so is how often intervals hold."""

import numpy as np
import pytest
from drawn import coverage, drawn_experiment, plot_coverage


def test_a_third_of_the_variance_of_drawn_trials_is_between_cases():
    frame = drawn_experiment(4000, 5, np.random.default_rng(0)).frame
    shares = frame["passed"].astype(float).groupby(frame["case"])
    assert shares.mean().mean() == pytest.approx(0.5, abs=0.02)
    within = shares.var().mean()
    assert within / (within + shares.mean().var() - within / 5) == pytest.approx(2 / 3, abs=0.03)


def test_the_interval_by_case_keeps_its_word_and_the_one_by_trial_does_not():
    by_case, by_trial = coverage(20, repeats=60)
    assert by_case >= 52
    assert by_trial <= 42


def test_where_each_case_has_one_trial_the_two_intervals_are_one():
    by_case, by_trial = coverage(1, repeats=60)
    assert by_case == by_trial >= 54


def test_the_plot_of_coverage_says_what_is_drawn():
    ax = plot_coverage({1: (9, 9), 5: (9, 6)}, repeats=10)
    title = ax.get_title(loc="left").replace("\n", " ")
    assert title == "If 5 trials count as 5 cases, a 95% interval holds 60% of the time"
    texts = [text.get_text() for text in ax.texts]
    assert "simulated" in texts
    assert "90%\n60%" in texts
