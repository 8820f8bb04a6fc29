"""The titles of plots say what is seen: of ordinary data, of none, of one, of all, and of what is
undefined.
"""

import numpy as np
import pandas as pd
import pytest

from toolkit.evals import Label, agreement, align, corrected_rate
from toolkit.evals.labels.codebook import Codebook
from toolkit.views import (
    plot_agreement,
    plot_alignment,
    plot_corrected,
    plot_rates,
    plot_saturation,
    plot_versions,
    plot_widths,
)
from toolkit.views.plots.sentences import alignment_sentence, part_of


def title_of(ax):
    return " ".join(ax.get_title(loc="left").split())


def judged(missed, failures, failed=0, good=0):
    """So many failures, of which some are let through, and so many good ones, some failed."""
    human = ["fail"] * failures + ["pass"] * good
    judge = ["pass"] * missed + ["fail"] * (failures - missed)
    judge += ["fail"] * failed + ["pass"] * (good - failed)
    return align(human, judge)


@pytest.mark.parametrize(
    ("alignment", "title"),
    [
        (align([], []), "Nothing to show: no item has both a label and a verdict"),
        (align(["pass"], [None]), "Nothing to show: no item has both a label and a verdict"),
        (judged(3, 15, 2, 44), "The judge lets 1 failure in 5 through"),
        (judged(37, 289), "The judge lets about 1 failure in 8 through"),
        (judged(4, 15), "The judge lets 4 of 15 failures through"),
        (judged(1, 4), "The judge lets 1 of 4 failures through"),
        (judged(1, 1), "The judge lets the only failure through"),
        (judged(9, 9, 0, 3), "The judge lets all 9 failures through"),
        (judged(0, 9, 0, 3), "The judge finds all 9 failures"),
        (judged(0, 1), "The judge finds the only failure"),
        (judged(0, 9, 2, 8), "The judge finds all 9 failures, but fails 1 good one in 4 too"),
        (judged(0, 9, 8, 8), "The judge finds all 9 failures, but fails all 8 good ones too"),
        (judged(0, 0, 1, 5), "No failure is labelled, so nobody knows whether the judge finds one"),
        (align([1, 0, 0], [1, 1, 0], positive=1), "The judge says “1” of 1 of 2 others"),
        (
            align(["a"] * 3, ["a", "b", "a"], positive="a"),
            "Every label is “a”, so nobody knows what the judge says of others",
        ),
    ],
)
def test_the_title_of_an_alignment_says_what_is_let_through(alignment, title):
    assert alignment_sentence(alignment) == title
    assert title_of(plot_alignment(alignment)) == title


@pytest.mark.parametrize("total", [1, 2, 7, 60, 1000])
def test_a_part_in_words_is_never_far_from_the_share(total):
    for n in range(1, total + 1):
        words = part_of(n, total, "failure").removeprefix("about ")
        if " in " in words:
            share = 1 / int(words.split(" in ")[1])
        elif " of " in words:
            share = int(words.split(" of ")[0].replace(",", "")) / total
        else:
            share = 1.0
        assert share == pytest.approx(n / total, rel=0.05)


def test_the_title_of_rates_names_who_lets_most_through_and_says_where_chance_may_explain_it():
    strict, kind = judged(5, 100, 0, 9), judged(60, 100, 0, 9)
    for alignments, title in (
        ({}, "Nothing to show: no alignment is given"),
        ({"v1": strict}, "“v1”: the judge lets 1 failure in 20 through"),
        ({"v1": judged(0, 0, 0, 3)}, "“v1”: no failure is labelled, so nobody knows whether"),
        ({"strict": strict, "kind": kind}, "“kind” lets more failures through than “strict”"),
        (
            {"strict": strict, "kind": kind, "mild": judged(30, 100, 0, 9)},
            "“kind” lets the most failures through, “strict” the fewest",
        ),
        ({"a": strict, "b": strict}, "The share of failures found (TNR) is the same for all: 0.95"),
        (
            {"a": judged(2, 10), "b": judged(3, 10)},
            "“b” lets more failures through than “a”; chance may explain it",
        ),
        ({"a": strict, "b": judged(0, 0, 0, 3)}, "Too few failures are labelled to say who"),
        (
            {n: align([1, 0] * 50, [1, n] * 50, positive=1) for n in (0, 1)},
            "The share found of all but the positive label (TNR) is lowest for “1”, highest for “0”",
        ),
    ):
        assert title_of(plot_rates(alignments)).startswith(title)


def test_two_judges_of_the_same_failures_are_told_apart_by_their_paired_difference(written):
    human = ["fail"] * 40 + ["pass"] * 9
    strict = align(human, ["fail"] * 28 + ["pass"] * 21)
    kind = align(human, ["fail"] * 20 + ["pass"] * 29)
    (_, strict_high), (kind_low, _) = strict.tnr_interval, kind.tnr_interval
    assert kind_low < strict_high
    difference = (
        "failures found (TNR) by “kind” less those by “strict”, of the same 40: "
        "-0.20 (-0.32 to -0.06)"
    )
    for plot in (plot_rates, plot_versions):
        ax = plot({"strict": strict, "kind": kind})
        assert "chance" not in title_of(ax)
        assert difference in " ".join(written(ax).split())


def test_without_the_same_failures_or_of_more_than_two_judges_there_is_no_verdict(written):
    ten, twenty = judged(2, 10), judged(6, 20)
    for alignments in ({"a": ten, "b": twenty}, {"a": ten, "b": judged(3, 10), "c": judged(4, 10)}):
        words = written(plot_rates(alignments))
        assert "the same" not in words
        assert "chance" not in words


def test_the_title_of_versions_says_whether_the_last_finds_more_than_the_first():
    first, last = judged(60, 100), judged(5, 100)
    for versions, title in (
        ({}, "Nothing to show: no version is given"),
        (
            {"v1": judged(0, 0, 1, 4)},
            "No failure is labelled, so no version can be said to find any",
        ),
        (
            {"v1": first},
            "The share of failures found (TNR) is 0.40 in “v1”: nothing to compare it with",
        ),
        (
            {"v1": first, "v2": last},
            "From “v1” to “v2”, the share of failures found (TNR) rises from 0.40 to 0.95",
        ),
        (
            {"v1": last, "v2": first},
            "From “v1” to “v2”, the share of failures found (TNR) falls from 0.95 to 0.40",
        ),
        (
            {"v1": first, "v2": first},
            "From “v1” to “v2”, the share of failures found (TNR) stays at 0.40",
        ),
        (
            {"v1": judged(3, 10), "v2": judged(2, 10)},
            "From “v1” to “v2”, the share of failures found (TNR) rises from 0.70 to 0.80; chance may explain it",
        ),
    ):
        assert title_of(plot_versions(versions)) == title


def test_the_title_of_an_agreement_says_on_what_raters_agree_least():
    for ratings, title in (
        ({"ann": []}, "Nothing to show: no item has two ratings"),
        ({"ann": ["pass", "fail"]}, "Nothing to show: no item has two ratings"),
        ({"ann": ["pass"] * 3, "bo": ["pass"] * 3}, "Every rating is “pass”: there is nothing to"),
        ({"ann": ["pass", "fail"], "bo": ["fail", "pass"]}, "Raters agree as far on each category"),
        (
            {"ann": ["pass"] * 8 + ["fail"] * 2, "bo": ["pass"] * 9 + ["fail"]},
            "Raters agree less on “fail” (67%) than on “pass” (94%)",
        ),
        (
            {"ann": ["a", "b", "c"] * 30, "bo": ["a", "b", "b"] * 30},
            "Raters agree least on “c” (0%), most on “a” (100%)",
        ),
    ):
        found = agreement(pd.DataFrame(ratings), resamples=20)
        assert title_of(plot_agreement(found)).startswith(title)


def test_the_title_of_a_correction_says_what_the_judges_rate_becomes_or_why_there_is_none():
    few, many = judged(40, 100, 0, 300), ["pass"] * 800 + ["fail"] * 200
    coin = align(["pass", "fail"] * 2, ["pass", "pass", "fail", "fail"])
    corrected = corrected_rate(few, many, resamples=200)
    assert title_of(plot_corrected({})) == "Nothing to show: no rate is given"
    assert title_of(plot_corrected({"rg": corrected})) == (
        f"The judge's pass rate is 0.80; corrected for its errors it is {corrected.value:.2f}"
    )
    both = title_of(plot_corrected({"rg": corrected, "ppi": corrected}))
    assert both.endswith(f"{corrected.value:.2f} (rg) or {corrected.value:.2f} (ppi)")
    undefined = plot_corrected({"coin": corrected_rate(coin, ["pass"])})
    assert title_of(undefined) == "No rate can be corrected"
    assert "TPR + TNR = 0.50 + 0.50 <= 1" in " ".join(text.get_text() for text in undefined.texts)


def test_the_title_of_the_widths_says_what_twice_the_labels_would_do():
    assert title_of(plot_widths(align([], []))).startswith("Nothing to show")
    title = title_of(plot_widths(judged(3, 15, 2, 44)))
    assert (
        title
        == "Twice the labels narrow the interval of TNR (failures that are found) by 27%: from 0.381 to 0.278"
    )
    assert "of TPR (good ones that pass) by" in title_of(plot_widths(judged(3, 44, 2, 15)))
    assert "of TPR (good ones that pass) by" in title_of(plot_widths(judged(0, 0, 1, 15)))


def test_the_widths_of_grouped_items_begin_at_the_interval_that_was_found():
    human = ["fail"] * 40 + ["pass"] * 80
    judge = ["pass"] * 10 + ["fail"] * 30 + ["pass"] * 80
    groups = [at // 10 for at in range(120)]
    grouped = align(human, judge, groups=groups)
    low, high = grouped.tnr_interval
    ax = plot_widths(grouped, judged=100)
    assert f"from {high - low:.3f} to" in title_of(ax)
    words = " ".join(text.get_text() for text in ax.texts)
    assert "n = 120 now in 12 groups" in words
    alone = plot_widths(align(human, judge), judged=100)
    for line, line_alone in zip(ax.lines[:3], alone.lines[:3], strict=True):
        assert np.all(line.get_ydata() >= line_alone.get_ydata())
    assert title_of(alone) != title_of(ax)


def test_a_correction_that_does_not_suit_how_labels_were_drawn_is_grey_and_said_to_be(written):
    rates = {}
    for method in ("rogan-gladen", "ppi"):
        rates[method] = corrected_rate(judged(40, 100, 0, 300), ["pass"] * 80, method, resamples=50)
    assert "not for labels" not in written(plot_corrected(rates))
    for drawn in ("at random", "picked"):
        assert written(plot_corrected(rates, drawn=drawn)).count("not for labels") == 1


def test_of_two_corrections_the_title_names_that_which_suits_how_labels_were_drawn(written):
    few, many = judged(40, 100, 0, 300), ["pass"] * 800 + ["fail"] * 200
    rates = {}
    for method in ("rogan-gladen", "ppi"):
        rates[method] = corrected_rate(few, many, method, resamples=50)
    both = title_of(plot_corrected(rates))
    assert both.endswith(" (ppi); which one depends on how the labels were drawn")
    for drawn, method, words in (
        ("at random", "ppi", "drawn at random"),
        ("picked", "rogan-gladen", "picked"),
    ):
        ax = plot_corrected(rates, drawn=drawn)
        assert title_of(ax).endswith(f"it is {rates[method].value:.2f}")
        assert f"labels {words}" in written(ax)


def test_an_agreement_says_what_each_measure_beyond_chance_is(written):
    ratings = pd.DataFrame(
        {"ann": ["pass", "fail"] * 8, "bo": ["pass", "fail", "pass", "pass"] * 4}
    )
    words = written(plot_agreement(agreement(ratings, resamples=20)))
    for meaning in ("any raters, with gaps", "by each rater's own habits", "steady where"):
        assert f"({meaning}" in " ".join(words.split())


def test_the_title_of_a_saturation_says_whether_new_codes_still_come(tmp_path):
    labels = [Label(f"t{at}", "ann", "fail", "a reason") for at in range(20)]
    book = Codebook(tmp_path / "codes.jsonl", labels)
    assert title_of(plot_saturation(book)) == ("Nothing to show: no trace has been read for codes")
    book.code(labels[0].id, "rude", by="ann")
    assert title_of(plot_saturation(book)) == "New codes still come: the last in trace 1 of 1"
    for label in labels[1:11]:
        book.code(label.id, "rude", by="ann")
    assert title_of(plot_saturation(book)) == "The last 10 of 11 traces brought no new code"
    ax = plot_saturation(book)
    for axis in (ax.xaxis, ax.yaxis):
        assert np.all(np.asarray(axis.get_ticklocs()) % 1 == 0)
