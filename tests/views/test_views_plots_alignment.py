import inspect
import sys
from io import BytesIO

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from toolkit.evals import agreement, align, corrected_rate
from toolkit.look import INKS
from toolkit.views import (
    plot_agreement,
    plot_alignment,
    plot_corrected,
    plot_rates,
    plot_versions,
    plot_widths,
)

HOSTILE = r"$\frac{, <b>"


def aligned(n=60, **origin):
    """Every fourth item fails; the judge errs on every seventh, and says nothing of the last."""
    human = ["fail" if at % 4 == 0 else "pass" for at in range(n)]
    judge = [
        ({"fail": "pass", "pass": "fail"}[label] if at % 7 == 0 else label)
        for at, label in enumerate(human)
    ]
    return align(human, [*judge[:-1], None], **origin)


ratings = pd.DataFrame(
    {"ann": ["pass", "fail", "pass", None], "bo": ["pass", "fail", "fail", "pass"]}
)


def every_plot(**origin):
    """Each plot of this file, with figures of the origin that is asked for, as functions of ax."""
    one, kind = (
        aligned(**origin),
        {name: origin.get(name) for name in ("human_kind", "judge_source")},
    )
    return {
        "alignment": lambda ax=None: plot_alignment(one, ax),
        "rates": lambda ax=None: plot_rates({"v1": one}, ax),
        "versions": lambda ax=None: plot_versions({"v1": one}, ax),
        "agreement": lambda ax=None: plot_agreement(agreement(ratings, resamples=50, **kind), ax),
        "corrected": lambda ax=None: plot_corrected(
            {"v1": corrected_rate(one, ["pass", "fail", None])}, ax
        ),
        "widths": lambda ax=None: plot_widths(one, 500, ax),
    }


NAMES = list(every_plot())


@pytest.mark.parametrize("name", NAMES)
def test_a_plot_of_simulated_labels_says_so_on_itself_and_one_of_people_does_not(name, written):
    assert "simulated" in written(every_plot(human_kind="simulated")[name]()).split("\n")
    assert "simulated" not in written(every_plot(human_kind="human", judge_source="live")[name]())


@pytest.mark.parametrize("name", NAMES)
def test_a_plot_tells_its_effective_n(name, written):
    told = {
        "alignment": "n = 59",
        "rates": "44 good, 15 bad, 1 unparsed",
        "versions": "44 good, 15 bad",
        "agreement": "n = 3",
    }
    told |= {
        "corrected": "n = 2 judged, 59 labelled, 1 unscored",
        "widths": "n = 59 now",
    }
    assert told[name] in written(every_plot(human_kind="human")[name]())


def test_a_plot_of_alignment_uses_the_axes_it_is_given_and_leaves_pyplot_alone():
    pyplot = sys.modules.get("matplotlib.pyplot")
    before = pyplot.get_fignums() if pyplot else []
    for plot, ax in zip(every_plot().values(), Figure().subplots(1, len(NAMES)), strict=True):
        assert plot(ax) is ax
        assert plot().figure is not ax.figure
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert (pyplot.get_fignums() if pyplot else []) == before


def test_an_alignment_shows_counts_shares_intervals_and_the_effective_n(written):
    human = ["pass"] * 4 + ["fail"] * 4
    judge = ["pass", "pass", "pass", "fail", "fail", "fail", "pass", None]
    words = written(plot_alignment(align(human, judge, human_kind="human", judge_source="live")))
    for told in ("Human alignment", "n = 7", "1 unparsed", "TPR 0.75", "TNR 0.67", "95% interval"):
        assert told in words
    cells = {"3", "75% of “pass”", "2", "67% of “fail”", "✓ right", "✗ let through"}
    assert cells | {"✗ failed for nothing", "pass n = 4", "fail n = 3"} <= set(words.split("\n"))
    assert "simulated" not in words


@pytest.mark.parametrize("origin", [{"human_kind": "simulated"}, {"judge_source": "simulated"}])
def test_simulated_labels_or_verdicts_are_called_so_on_the_plot(origin, written):
    words = written(plot_alignment(align(["pass", "fail"], ["pass", "fail"], **origin)))
    assert "simulated" in words.split("\n")
    assert "Human" not in words


def test_an_alignment_of_nothing_and_of_three_categories_can_be_drawn(written):
    nothing = align([], [])
    words = written(plot_alignment(nothing))
    assert "TPR undefined" in words
    assert nothing.reason in " ".join(words.split("\n"))
    words = written(plot_alignment(align(["a", "a", "a", "b", "c"], ["a", "a", "b", "b", "c"])))
    assert {"67% of “a”", "33% of “a”", "✗ wrong"} <= set(words.split("\n"))


def test_series_differ_by_shape_as_well_as_by_colour():
    for name, series in (("rates", 2), ("versions", 2), ("corrected", 2), ("widths", 3)):
        ax = every_plot()[name]()
        ax.figure.savefig(BytesIO(), format="png")
        marks = {line.get_marker() for line in ax.lines} - {"None", "", None}
        colours = {line.get_color() for line in ax.lines if line.get_marker() in marks}
        assert len(marks) == len(colours) == series, name


def test_what_is_undefined_is_written_out_and_not_left_off(written):
    only = align(["pass"] * 4, ["pass", "pass", "pass", "fail"])
    assert "undefined" in written(plot_rates({"only passes": only}))
    assert "4 good, 0 bad" in written(plot_versions({"only passes": only}))
    coin = align(["pass", "fail"] * 2, ["pass", "pass", "fail", "fail"])
    assert "undefined" in written(plot_corrected({"coin": corrected_rate(coin, ["pass"])}))
    assert "TNR" not in written(plot_widths(only))


def test_the_judges_own_rate_is_drawn_once_for_all_that_it_is_corrected_to(written):
    one = aligned()
    judged = ["pass", "fail", None] * 20
    rates = {how: corrected_rate(one, judged, how, resamples=50) for how in ("rogan-gladen", "ppi")}
    ax = plot_corrected(rates)
    assert [line.get_marker() for line in ax.lines if line.get_marker() in "Do"] == ["D", "o", "o"]
    assert written(ax).count("the judge's own") == 1
    assert ax.get_xlabel() == "pass rate"


def test_a_correction_says_of_each_method_when_to_use_it(written):
    one = aligned()
    for method, use in (
        ("ppi", "use it if the labelled were drawn at random"),
        ("rogan-gladen", "use it if failures were picked to label"),
    ):
        rate = corrected_rate(one, ["pass", "fail"] * 20, method, resamples=50)
        words = " ".join(written(plot_corrected({"v1": rate})).split())
        assert words.count("use it") == 1
        assert use in words


def test_hostile_names_stay_text(written):
    one = aligned()
    for ax in (
        plot_rates({HOSTILE: one}),
        plot_versions({HOSTILE: one}),
        plot_corrected({HOSTILE: corrected_rate(one, ["pass"])}),
    ):
        assert "frac" in written(ax)
    named = ratings.replace("fail", HOSTILE)
    assert "frac" in written(plot_agreement(agreement(named, resamples=20)))


def test_right_and_wrong_have_grounds_of_their_own_however_frequent_they_are():
    every_verdict_wrong = align(["pass", "fail"] * 5, ["fail", "pass"] * 5)
    for alignment, wrong in ((aligned(), {1, 2}), (every_verdict_wrong, {1, 2})):
        grounds = [to_hex(cell.get_facecolor()) for cell in plot_alignment(alignment).patches]
        counts = alignment.confusion.to_numpy().ravel()
        for at, ground in enumerate(grounds):
            card = "card" if not counts[at] else "failed-card" if at in wrong else "ok-card"
            assert ground == INKS[card].light


def test_a_plot_of_nothing_says_so_and_nothing_else(written):
    nothing = align([], [])
    drawn = [plot_rates({}), plot_versions({}), plot_corrected({})]
    drawn += [
        plot_alignment(nothing),
        plot_widths(nothing),
        plot_agreement(agreement(ratings[:0], resamples=20)),
    ]
    for ax in drawn:
        assert "Nothing to show" in written(ax)
        assert not [*ax.lines, *ax.images, *ax.get_xticks(), *ax.get_yticks()]
        assert ax.get_legend() is None


def test_names_that_differ_at_their_ends_only_can_be_told_apart(written):
    names = [f"support-judge-with-a-long-name-rubric-v{n}" for n in (1, 2)]
    for ax in (
        plot_rates(dict.fromkeys(names, aligned())),
        plot_versions(dict.fromkeys(names, aligned())),
    ):
        words = written(ax)
        assert "v1" in words
        assert "v2" in words
        assert "support-j" in words


def test_of_more_than_two_categories_it_is_told_which_the_rates_are_of(written):
    three = align(["a", "a", "b", "c"], ["a", "b", "b", "c"], positive="b", human_kind="human")
    assert "of “b” against the rest" in written(plot_alignment(three))
    assert "1 b, 3 other" in written(plot_rates({"three": three}))
    assert "against the rest" not in written(plot_alignment(aligned()))


def test_a_legend_is_as_far_below_few_rows_as_below_many():
    def gap(rows):
        ax = plot_rates({f"v{n}": aligned() for n in range(rows)})
        ax.figure.savefig(BytesIO(), format="png")
        return ax.get_window_extent().y0 - ax.get_legend().get_window_extent().y1

    assert gap(1) == pytest.approx(gap(15), abs=1)


def test_an_outsider_draws_a_plot_of_their_own_through_the_public_doors(written):
    from toolkit.views.plots import Mark, Row, plot_rows

    def plot_answered(traces_by_agent, ax=None):
        """Which agent leaves questions open?"""
        rows = []
        for agent, answered in traces_by_agent.items():
            share = sum(answered) / len(answered)
            rows.append(Row(agent, (Mark(share, name="answered"),), f"n = {len(answered)}"))
        return plot_rows(rows, "share of traces that end with an answer", ax, simulated=True)

    assert len(inspect.getsource(plot_answered).splitlines()) < 25
    words = written(plot_answered({"old": [True, False], "new": [True, True, True]}))
    assert {"old", "new", "n = 2", "n = 3", "answered", "simulated"} <= set(words.split("\n"))
    assert "Nothing to show" in written(plot_answered({}))
