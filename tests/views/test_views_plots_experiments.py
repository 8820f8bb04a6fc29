"""Plots of experiments and rules: their titles say what is seen, and what is missing."""

import pandas as pd
import pytest

from toolkit.evals import NOT_APPLICABLE, Experiment, TrialResult, compare
from toolkit.traces import Step, Trace
from toolkit.views import plot_comparisons, plot_pass_hat, plot_rules
from toolkit.views.plots import new_axes


def title_of(ax):
    return " ".join(ax.get_title(loc="left").split())


def experiment(passed_by_case, name="A", source="imported", **groups):
    """An experiment of these verdicts, a list a case."""
    results = []
    for case, verdicts in passed_by_case.items():
        for trial, passed in enumerate(verdicts):
            status = "unscored" if passed is None else "scored"
            results.append(TrialResult(case, trial, status, passed=passed, source=source))
    return Experiment(name, results, len(results), **groups)


SMALL = {"refuse": [True, True], "refund": [True, False], "move": [True, True], "pay": [False] * 2}


def test_the_title_of_pass_hat_says_what_doing_nothing_passes_and_what_is_left_without():
    ax = plot_pass_hat(experiment(SMALL, free={"refuse"}), ks=(1, 2))
    wanted = "Doing nothing passes 25% of the cases; without them pass^2 is 0.33, not 0.50"
    assert title_of(ax) == wanted


@pytest.mark.parametrize(
    ("made", "title"),
    [
        (experiment({}), "Nothing to show: no case has so many trials with a verdict"),
        (experiment({"a": [None]}), "Nothing to show: no case has so many trials with a verdict"),
        (
            experiment({"a": [True], "b": [False]}),
            "pass^1 is 0.50: so often all trials of a case pass",
        ),
        (experiment(SMALL), "pass^1 is 0.62, and pass^2 0.50"),
    ],
)
def test_without_free_cases_the_title_says_how_far_pass_hat_falls_or_why_there_is_none(made, title):
    assert title_of(plot_pass_hat(made)) == title


def test_pass_hat_has_n_for_each_k_and_says_what_is_free_and_what_is_simulated(written):
    simulated = experiment(SMALL, source="simulated", free={"refuse"}, broken={"pay"})
    words = written(plot_pass_hat(simulated, ks=(1, 2, 3))).split("\n")
    assert "n = 6 trials of 3 cases, 1 of them free · 95% intervals, clustered by case" in words
    with_n = {"n = 3 cases, 2 without the free", "n = 0 cases, 0 without the free"}
    assert {"simulated", "undefined"} | with_n <= set(words)
    assert {"all cases", "without the free cases", "an agent that does nothing"} <= set(words)
    assert "simulated" not in written(plot_pass_hat(experiment(SMALL)))


def test_the_idle_agent_is_drawn_at_its_share_and_only_where_cases_are_free():
    def dashed(ax):
        return [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == "--"]

    assert dashed(plot_pass_hat(experiment(SMALL, free={"refuse"}))) == [0.25]
    assert dashed(plot_pass_hat(experiment(SMALL))) == []


def versions(margin=None):
    """A version that is worse than A, one that is better, and one of which nothing is shown."""
    first = experiment({f"c{n}": [n % 2 == 0] for n in range(60)})
    verdicts = {
        "bad": lambda n: n % 4 == 0,
        "good": lambda n: n % 4 != 1,
        "new": lambda n: (n + n // 30) % 2 == 0,
    }
    compared = {}
    for name, verdict in verdicts.items():
        version = experiment({f"c{n}": [verdict(n)] for n in range(60)}, name)
        compared[name] = compare(version, first, margin)
    return compared


def test_the_title_of_comparisons_says_what_is_shown_of_each_version():
    compared = versions()
    title = "Against “A”, “bad” is worse, “good” is better and “new” is not shown to differ"
    assert title_of(plot_comparisons(compared)) == title
    compared = versions(margin=0.05)
    assert (
        title_of(plot_comparisons({"new": compared["new"]})) == "Against “A”, “new” is inconclusive"
    )
    alike = compare(experiment(SMALL, "B"), experiment(SMALL), margin=0.05)
    assert title_of(plot_comparisons({"B": alike})).startswith("Against “A”, “B” is ")
    assert title_of(plot_comparisons({})) == "Nothing to show: no comparison is given"


def test_a_margin_is_drawn_and_named_and_nothing_is_undefined_in_silence(written):
    words = written(plot_comparisons(versions(margin=0.1)))
    assert "dashed: worse by the margin of 0.1" in words
    assert "inconclusive, n = 60 cases" in words
    assert "margin" not in written(plot_comparisons(versions()))


def test_the_axis_of_differences_gives_no_sign_to_no_difference():
    ticks = [tick.get_text() for tick in plot_comparisons(versions()).get_xticklabels()]
    middle = ticks.index("0")
    assert ticks[middle - 1 : middle + 2] == ["−0.1", "0", "+0.1"]


def test_an_undefined_comparison_says_so(written):
    empty = compare(experiment({}), experiment({}))
    assert "undefined" in written(plot_comparisons({"B": empty}))


def test_a_comparison_says_what_is_simulated(written):
    simulated = experiment(SMALL, source="simulated")
    assert "simulated" in written(plot_comparisons({"B": compare(simulated, simulated)}))


def scores(**values_by_rule):
    rows = []
    for rule, values in values_by_rule.items():
        for number, value in enumerate(values):
            rows.append((f"t{number}", rule, value))
    return pd.DataFrame(rows, columns=["trace_id", "scorer", "value"], dtype=object)


TRACES = [Trace(f"t{number}", (Step("s", "message", "user", "Hi"),)) for number in range(3)]


def test_the_title_of_rules_names_the_one_that_is_broken_most_often():
    frame = scores(asks=[False, True, True], repeats=[False, NOT_APPLICABLE, NOT_APPLICABLE])
    assert (
        title_of(plot_rules(TRACES, frame))
        == "“repeats” is broken most often: in 100% of the 1 trace that it applies to"
    )
    for values, title in (
        ([True] * 3, "No rule is broken by any of 3 traces"),
        ([NOT_APPLICABLE] * 3, "No rule applies to any of these traces"),
        ([], "Nothing to show: no rule was tried"),
    ):
        assert title_of(plot_rules(TRACES, scores(asks=values))) == title


def test_the_rule_that_is_broken_in_the_largest_share_is_first_and_its_name_is_whole():
    name = "looks_up_before(change_dates, refund, apply_voucher: find_booking)"
    values = {"asks": [True] * 3, "stops": [NOT_APPLICABLE] * 3, "ends": [False, False, True]}
    ax = plot_rules(TRACES, scores(**values, **{name: [False] * 3}))
    names = [" ".join(label.get_text().split()) for label in ax.get_yticklabels()]
    assert names == [name, "ends", "asks", "stops"]
    assert title_of(ax).startswith(f"“{name}” is broken most often: in 100% of the 3 traces")


def test_what_is_unscored_or_no_rule_is_in_no_share(written):
    words = written(plot_rules(TRACES, scores(asks=[False, True, None], words=[3, 4, 5])))
    assert "1 of 2, 1 unscored" in words
    assert "words" not in words
    assert "does not apply" in written(plot_rules(TRACES, scores(asks=[NOT_APPLICABLE] * 3)))


def test_rules_say_what_is_simulated_and_hostile_names_stay_text(written):
    simulated = [Trace("t0", TRACES[0].steps, source="simulated")]
    ax = new_axes(200)
    assert plot_rules(simulated, scores(**{r"<b>$\frac{": [False]}), ax) is ax
    words = written(ax)
    assert "simulated" in words
    assert r"<b>\$\frac{" in words
