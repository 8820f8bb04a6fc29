"""The titles of plots: sentences that say what is seen, from the numbers that are drawn."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.evals import Agreement, Alignment, Estimate, interval_width
from toolkit.views.plots.figure import short_name
from toolkit.views.plots.rows import Row
from toolkit.views.words import quantity

NAME_CHARS = 32
ABOUT = 0.04
"""How far 1 in k may lie from a share, as a part of it, and still be called ``about 1 in k``."""
Interval = tuple[float, float]


def part_of(n: int, total: int, noun: str) -> str:
    """A part in words.

    >>> part_of(3, 15, "failure"), part_of(37, 289, "failure"), part_of(4, 15, "failure")
    ('1 failure in 5', 'about 1 failure in 8', '4 of 15 failures')
    >>> part_of(1, 4, "failure"), part_of(15, 15, "failure"), part_of(0, 15, "failure")
    ('1 of 4 failures', 'all 15 failures', 'none of 15 failures')
    """
    if n in (0, total):
        words = "all" if n else "none of"
        return f"the only {noun}" if n == 1 else f"{words} {quantity(total, noun)}"
    k = round(total / n)
    if n > 1 and k * n == total:
        return f"1 {noun} in {k}"
    if n > 2 and k > 1 and abs(k * n - total) <= ABOUT * total:
        return f"about 1 {noun} in {k}"
    return f"{n:,} of {quantity(total, noun)}"


def alignment_sentence(alignment: Alignment, judge: str = "The judge") -> str:
    """What the judge lets through; of one that finds every failure, what it takes for one."""
    if not alignment.n:
        return "Nothing to show: no item has both a label and a verdict"
    n_found, n_failures = alignment.counts("tnr")
    n_passed, n_good = alignment.counts("tpr")
    if not _is_pass_or_fail(alignment):
        return _category_sentence(alignment, judge, n_failures - n_found, n_failures)
    if not n_failures:
        return "No failure is labelled, so nobody knows whether the judge finds one"
    if n_found < n_failures:
        return f"{judge} lets {part_of(n_failures - n_found, n_failures, 'failure')} through"
    found = f"{judge} finds {part_of(n_found, n_failures, 'failure')}"
    if n_passed == n_good:
        return found
    return f"{found}, but fails {part_of(n_good - n_passed, n_good, 'good one')} too"


def _is_pass_or_fail(alignment: Alignment) -> bool:
    return set(alignment.confusion.index) <= {"pass", "fail"} and alignment.positive == "pass"


def _category_sentence(alignment: Alignment, judge: str, n_wrong: int, n_others: int) -> str:
    positive = short_name(alignment.positive, NAME_CHARS)
    if not n_others:
        return f"Every label is “{positive}”, so nobody knows what the judge says of others"
    return f"{judge} says “{positive}” of {part_of(n_wrong, n_others, 'other')}"


def rates_sentence(alignments: Mapping[Any, Alignment]) -> str:
    """Which judge, or slice, lets most failures through, where chance does not explain it."""
    if not alignments:
        return "Nothing to show: no alignment is given"
    if len(alignments) == 1:
        ((name, alignment),) = alignments.items()
        return f"“{short_name(name, NAME_CHARS)}”: {_lower_first(alignment_sentence(alignment))}"
    known = {name: one for name, one in alignments.items() if one.tnr is not None}
    if len(known) < 2:
        return "Too few failures are labelled to say who lets more of them through"
    best = max(known, key=lambda name: known[name].tnr or 0.0)
    worst = min(known, key=lambda name: known[name].tnr or 0.0)
    low, high = (f"“{short_name(name, NAME_CHARS)}”" for name in (worst, best))
    if known[best].tnr == known[worst].tnr:
        return f"All have the same TNR: {known[best].tnr:.2f}"
    sentence = f"{low} lets most failures through, {high} fewest"
    if not all(_is_pass_or_fail(one) for one in known.values()):
        sentence = f"TNR is lowest for {low}, highest for {high}"
    if _overlap(known[best].tnr_interval, known[worst].tnr_interval):
        return f"{sentence}; their intervals overlap"
    return sentence


def versions_sentence(alignments: Mapping[Any, Alignment]) -> str:
    """Whether the last version finds more failures than the first."""
    known = [(name, one) for name, one in alignments.items() if one.tnr is not None]
    if not alignments:
        return "Nothing to show: no version is given"
    if len(known) < 2:
        return "One version alone cannot show a change" if known else "No failure is labelled"
    (first_name, first), (last_name, last) = known[0], known[-1]
    first_tnr = first.tnr or 0.0
    last_tnr = last.tnr or 0.0
    between = f"from {short_name(first_name, NAME_CHARS)} to {short_name(last_name, NAME_CHARS)}"
    change = f"TNR {first_tnr:.2f}, then {last_tnr:.2f}"
    if first_tnr == last_tnr:
        return f"The judge finds as many failures as before, {between}: TNR {last_tnr:.2f}"
    direction = "more" if last_tnr > first_tnr else "fewer"
    sentence = f"The judge finds {direction} failures {between}: {change}"
    if _overlap(first.tnr_interval, last.tnr_interval):
        return f"{sentence}; the intervals overlap"
    return sentence


def agreement_sentence(agreement: Agreement) -> str:
    """On which category raters agree least."""
    of_category = agreement.by_category["agreement"].dropna().sort_values(kind="stable")
    if not agreement.n_items or of_category.empty:
        return "Nothing to show: no item has two ratings"
    names = [f"“{short_name(name, NAME_CHARS)}”" for name in of_category.index]
    low, high = of_category.iloc[0], of_category.iloc[-1]
    if len(names) == 1:
        return f"Every rating is {names[0]}: there is nothing to disagree on"
    if low == high:
        return f"Raters agree as far on each category: {low:.0%}"
    return f"Raters agree least on {names[0]} ({low:.0%}), most on {names[-1]} ({high:.0%})"


def corrected_sentence(estimates: Mapping[Any, Estimate]) -> str:
    """What the judge's own rate becomes."""
    if not estimates:
        return "Nothing to show: no rate is given"
    known = {name: one for name, one in estimates.items() if one.value is not None}
    if not known:
        return "No rate can be corrected"
    first = next(iter(known.values()))
    values = [f"{one.value:.2f} ({short_name(name)})" for name, one in known.items()]
    corrected = " or ".join(values) if len(known) > 1 else f"{first.value:.2f}"
    if first.raw is None:
        return f"The rate is {corrected}, from labels alone"
    sentence = f"The judge says {first.raw:.2f}; corrected for its errors it is {corrected}"
    if all(_holds(one, first.raw) for one in known.values()):
        return f"{sentence}: chance may make the difference"
    return sentence


def widths_sentence(alignment: Alignment) -> str:
    """What twice the labels would do to the interval of the rate that is known least."""
    shares = {}
    for name in ("tpr", "tnr"):
        _, n_of_kind = alignment.counts(name)
        if n_of_kind:
            shares[name] = n_of_kind / alignment.n
    if not shares:
        return "Nothing to show: no item has both a label and a verdict"
    rarest = min(shares, key=lambda name: shares[name])
    rate = getattr(alignment, rarest)
    now, twice = (interval_width(n, rate, shares[rarest]) for n in (alignment.n, 2 * alignment.n))
    sentence = f"Twice the labels narrow the interval of {rarest.upper()} by"
    return f"{sentence} {1 - twice / now:.0%}: from {now:.2f} to {twice:.2f}"


def critiques_sentence(rows: Sequence[Row]) -> str:
    """Whether the verdicts with the longest critiques are right more often than the shortest."""
    if not rows:
        return "Nothing to show: no verdict can be compared"
    shortest, longest = rows[0].marks[0], rows[-1].marks[0]
    low = shortest.share or 0.0
    high = longest.share or 0.0
    if len(rows) == 1:
        return f"All critiques are about as long; {low:.0%} of the verdicts are right"
    if low == high:
        return f"Verdicts are right as often whatever the length of the critique: {low:.0%}"
    direction = "more" if high > low else "less"
    sentence = f"Long critiques are right {direction} often than short ones: {high:.0%}, {low:.0%}"
    if _overlap(shortest.interval, longest.interval):
        return f"{sentence}; the intervals overlap"
    return sentence


def _holds(estimate: Estimate, rate: float) -> bool:
    if estimate.low is None or estimate.high is None:
        return False
    return estimate.low <= rate <= estimate.high


def _overlap(one: Interval | None, other: Interval | None) -> bool:
    if not one or not other:
        return True
    return one[0] <= other[1] and other[0] <= one[1]


def _lower_first(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
