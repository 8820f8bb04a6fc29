"""The titles of plots of alignments: sentences that say what is seen, from what is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toolkit.evals import Alignment, compare_judges
from toolkit.views.plots.figure import short_name
from toolkit.views.words import quantity, upper_first

NAME_CHARS = 32
ABOUT = 0.04
"""How far 1 in k may lie from a share, as a part of it, and still be called ``about 1 in k``."""
Interval = tuple[float, float]
CHANCE = "; chance may explain it"
"""How the title of a comparison ends where the paired interval holds 0."""


def chance_may_explain(interval: Interval) -> str:
    """How a title ends by the interval of a difference; blank where chance does not explain it."""
    low, high = interval
    return CHANCE if low <= 0 <= high else ""


def quoted(name: object) -> str:
    """A name as it stands in a sentence."""
    return f"“{short_name(name, NAME_CHARS)}”"


def part_of(n: int, total: int, noun: str) -> str:
    """A part in words.

    >>> part_of(3, 15, "failure"), part_of(37, 289, "failure"), part_of(4, 15, "failure")
    ('1 failure in 5', 'about 1 failure in 8', '4 of 15 failures')
    >>> part_of(1, 4, "failure"), part_of(15, 15, "failure"), part_of(0, 15, "failure")
    ('1 of 4 failures', 'all 15 failures', 'none of 15 failures')
    """
    everything = quantity(total, noun)
    if not n:
        return f"none of {everything}"
    if n == total:
        return f"the only {noun}" if n == 1 else f"all {everything}"
    k = round(total / n)
    distance = abs(k * n - total)
    if n > 1 and not distance:
        return f"1 {noun} in {k}"
    if n > 2 and k > 1 and distance <= ABOUT * total:
        return f"about 1 {noun} in {k}"
    return f"{n:,} of {everything}"


def alignment_sentence(alignment: Alignment) -> str:
    """What the judge lets through; of one that finds every failure, what it takes for one."""
    if not alignment.n:
        return "Nothing to show: no item has both a label and a verdict"
    if not speaks_of_failures(alignment):
        return _category_sentence(alignment)
    n_found, n_failures = alignment.counts("tnr")
    if not n_failures:
        return "No failure is labelled, so nobody knows whether the judge finds one"
    n_missed = n_failures - n_found
    if n_missed:
        return f"The judge lets {part_of(n_missed, n_failures, 'failure')} through"
    finds = f"The judge finds {part_of(n_found, n_failures, 'failure')}"
    n_passed, n_good = alignment.counts("tpr")
    n_failed = n_good - n_passed
    if not n_failed:
        return finds
    return f"{finds}, but fails {part_of(n_failed, n_good, 'good one')} too"


def speaks_of_failures(alignment: Alignment) -> bool:
    """Whether its labels are pass and fail."""
    if alignment.positive != "pass":
        return False
    labels = set(alignment.confusion.index)
    return labels <= {"pass", "fail"}


def _category_sentence(alignment: Alignment) -> str:
    positive = quoted(alignment.positive)
    n_right, n_others = alignment.counts("tnr")
    if not n_others:
        return f"Every label is {positive}, so nobody knows what the judge says of others"
    wrong_part = part_of(n_others - n_right, n_others, "other")
    return f"The judge says {positive} of {wrong_part}"


@dataclass(frozen=True, slots=True)
class NamedRate:
    """The TNR of a judge, a slice or a version that has one."""

    name: str
    tnr: float
    alignment: Alignment


def named_rates(alignments: Mapping[Any, Alignment]) -> list[NamedRate]:
    """In the order given, those whose TNR is defined."""
    rates = []
    for name, alignment in alignments.items():
        tnr = alignment.tnr
        if tnr is not None:
            rates.append(NamedRate(quoted(name), tnr, alignment))
    return rates


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The TNR of one judge less that of another, where both stand on the same labelled items."""

    n: int
    value: float
    low: float
    high: float
    names: str
    """Which is taken from which."""

    @property
    def title_ends(self) -> str:
        """Blank where chance does not explain it."""
        return chance_may_explain((self.low, self.high))

    def __str__(self) -> str:
        """As ``failures found (TNR) by “v2” less those by “v1”, of the same 10: +0.10``, with its
        interval.
        """
        bounds = f"{self.low:+.2f} to {self.high:+.2f}"
        of_same = f"of the same {self.n:,}"
        return f"failures found (TNR) by {self.names}, {of_same}: {self.value:+.2f} ({bounds})"


def paired_difference(alignments: Mapping[Any, Alignment]) -> PairedDifference | None:
    """The last of the TNRs less the first; None where nothing pairs their failures."""
    rates = named_rates(alignments)
    if len(rates) < 2 or not all(speaks_of_failures(rate.alignment) for rate in rates):
        return None
    first = rates[0]
    last = rates[-1]
    try:
        compared = compare_judges(last.alignment, first.alignment, label="fail")
    except ValueError:  # other labels, or other groups
        return None
    if compared.difference is None or compared.interval is None:
        return None
    names = f"{last.name} less those by {first.name}"
    return PairedDifference(compared.n, compared.difference, *compared.interval, names)


def difference_of_two(alignments: Mapping[Any, Alignment]) -> PairedDifference | None:
    """The paired difference of two; None of more, since the extremes of many differ by choice."""
    return paired_difference(alignments) if len(alignments) == 2 else None


def rates_sentence(alignments: Mapping[Any, Alignment]) -> str:
    """Which judge, or slice, lets most failures through, and whether chance may explain it."""
    if not alignments:
        return "Nothing to show: no alignment is given"
    if len(alignments) == 1:
        return _sentence_of_one(alignments)
    rates = named_rates(alignments)
    if len(rates) < 2:
        return "Too few failures are labelled to say who lets more of them through"
    rates.sort(key=lambda rate: rate.tnr)
    lowest = rates[0]
    highest = rates[-1]
    if lowest.tnr == highest.tnr:
        share = upper_first(_share_found(alignments))
        return f"{share} is the same for all: {lowest.tnr:.2f}"
    of_failures = all(speaks_of_failures(alignment) for alignment in alignments.values())
    share = upper_first(_share_found(alignments))
    sentence = f"{share} is lowest for {lowest.name}, highest for {highest.name}"
    if of_failures:
        sentence = f"{lowest.name} lets the most failures through, {highest.name} the fewest"
    if of_failures and len(rates) == 2:
        sentence = f"{lowest.name} lets more failures through than {highest.name}"
    paired = difference_of_two(alignments)
    return sentence + (paired.title_ends if paired else "")


def _share_found(alignments: Mapping[Any, Alignment]) -> str:
    """TNR in words."""
    if all(speaks_of_failures(alignment) for alignment in alignments.values()):
        return "the share of failures found (TNR)"
    return "the share found of all but the positive label (TNR)"


def _sentence_of_one(alignments: Mapping[Any, Alignment]) -> str:
    """As ``“v1”: the judge lets 1 failure in 20 through``."""
    ((name, alignment),) = alignments.items()
    sentence = alignment_sentence(alignment)
    begin = sentence[0].lower()
    return f"{quoted(name)}: {begin}{sentence[1:]}"


def versions_sentence(alignments: Mapping[Any, Alignment]) -> str:
    """Whether the last version finds more failures than the first."""
    if not alignments:
        return "Nothing to show: no version is given"
    rates = named_rates(alignments)
    if not rates:
        return "No failure is labelled, so no version can be said to find any"
    share = _share_found(alignments)
    first = rates[0]
    last = rates[-1]
    if first is last:
        return (
            f"{upper_first(share)} is {first.tnr:.2f} in {first.name}: nothing to compare it with"
        )
    sentence = f"From {first.name} to {last.name}, {share} {_change(first.tnr, last.tnr)}"
    paired = paired_difference(alignments)
    if first.tnr == last.tnr or paired is None:
        return sentence
    return sentence + paired.title_ends


def _change(before: float, after: float) -> str:
    """As ``rises from 0.40 to 0.95``."""
    if before == after:
        return f"stays at {after:.2f}"
    verb = "rises" if after > before else "falls"
    return f"{verb} from {before:.2f} to {after:.2f}"
