"""Plots of the harness's experiments: their titles say what is seen, and what chance may explain."""

import pytest

from toolkit.evals import TrialResult
from toolkit.harness.experiments import (
    Artefact,
    ContextRot,
    PairedReview,
    Probe,
    Recalled,
    Review,
    ablation_of,
    trap_of,
)
from toolkit.harness.experiments.ablation import FULL
from toolkit.views import plot_ablation, plot_context_rot, plot_trap


def title_of(ax):
    return " ".join(ax.get_title(loc="left").split())


def reviewed(n_self, n_separate, n=20, source="live"):
    pairs = []
    for at in range(n):
        own = Review(at < n_self, source=source)
        other = Review(at < n_separate, source=source)
        pairs.append(PairedReview(Artefact(f"a{at}", "", "a defect"), own, other))
    return trap_of(pairs)


def test_the_title_of_the_trap_says_what_either_reviewer_passes():
    title = title_of(plot_trap(reviewed(15, 3)))
    assert title == "Of 20 planted defects, self-review passes 15, a separate evaluator 3"


def test_the_title_says_where_chance_may_explain_what_the_reviewers_differ_by():
    assert title_of(plot_trap(reviewed(8, 3))).endswith("; chance may explain it")


def test_the_plot_of_the_trap_says_whose_figure_stands_beside_ours_and_what_is_simulated(written):
    words = written(plot_trap(reviewed(15, 3, source="simulated")))
    assert "failing trials that end with a claim of success (Kolega, issue 419" in words
    assert "simulated" in words.split("\n")
    assert "simulated" not in written(plot_trap(reviewed(15, 3)))


def test_a_trap_without_a_verdict_shows_nothing():
    assert title_of(plot_trap(trap_of([]))).startswith("Nothing to show")


def ablated(margin=None, **n_passed):
    results = {}
    for arm, n in {FULL: 60, **n_passed}.items():
        trials = [TrialResult(f"t{at}", 0, "scored", passed=at < n) for at in range(80)]
        results[arm] = trials
    return ablation_of(results, margin, 5.0)


def test_the_title_of_an_ablation_has_the_components_of_each_verdict(written):
    ax = plot_ablation(ablated(0.1, checks=30, sprints=60, planner=56))
    wanted = "Checks is load-bearing; sprints is safe to remove; planner is inconclusive"
    assert title_of(ax) == wanted
    assert "tasks may tell" in written(ax)


def test_the_name_of_a_component_is_no_mathematics():
    ax = plot_ablation(ablated(0.1, **{"$x^{": 30}))
    ax.figure.draw_without_rendering()
    assert title_of(ax) == r"\$x^{ is load-bearing"


def test_the_margin_is_drawn_where_there_is_one():
    def dashed(ax):
        return [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == "--"]

    assert dashed(plot_ablation(ablated(0.1, checks=30))) == [-0.1]
    assert dashed(plot_ablation(ablated(None, checks=30))) == []


@pytest.mark.parametrize(
    ("by", "title"),
    [
        ("fill", "In a fuller context recall goes from 1.00 to 0.00 with no policy"),
        ("depth", "From the beginning to the middle recall goes from 0.50 to 0.50 with no policy"),
    ],
)
def test_the_title_of_context_rot_says_how_far_recall_falls(by, title):
    answers = []
    for seed in range(4):
        for fill in (0.1, 0.9):
            for depth in (0.0, 0.5):
                probe = Probe("none", fill, depth, seed)
                answers.append((probe, Recalled(fill < 0.5, 0.0, "live")))
    assert title_of(plot_context_rot(ContextRot(tuple(answers)), by)) == title


def test_recall_of_nothing_shows_nothing():
    assert title_of(plot_context_rot(ContextRot(()))).startswith("Nothing to show")
