"""The plot of how long a judge's critiques are, and how often its verdict is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.evals import Alignment
from toolkit.evals.alignment.intervals import proportion
from toolkit.views.plots.rows import Mark, Row, plot_rows
from toolkit.views.plots.sentences import chance_may_explain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LEAST_RATIO = 1.5
"""Long critiques have so many times the words of short ones at least, at their medians; else their
lengths hardly differ.
"""


@dataclass(frozen=True, slots=True)
class LengthBin:
    """The verdicts whose critiques are about as long."""

    shortest: int
    longest: int
    median: float
    n: int
    n_right: int

    @property
    def share(self) -> float:
        """Of verdicts that are right."""
        return self.n_right / self.n

    @property
    def words(self) -> str:
        """As ``10 to 11 words``."""
        if self.shortest == self.longest:
            return f"{self.longest} word{'s' if self.longest != 1 else ''}"
        return f"{self.shortest} to {self.longest} words"


def plot_critiques(alignment: Alignment, ax: "Axes | None" = None, bins: int = 4) -> "Axes":
    """Is a judge that writes more right more often? The share of right verdicts by the length of
    the critique; where lengths hardly differ, one share of all.

    Raises ValueError where the alignment was not made of `Verdict`s, which hold the critiques.
    """
    if "critique" not in alignment.pairs:
        raise ValueError("no critiques: give align the judge's Verdicts, not only their verdicts")
    used = alignment.pairs[alignment.pairs["status"].eq("compared")]
    n_words = used["critique"].map(_count_words)
    right = used["human"].eq(used["counted"])
    length_bins = _length_bins(n_words, right, bins)
    rows = []
    for length_bin in length_bins:
        interval = proportion(length_bin.n_right, length_bin.n)
        mark = Mark(length_bin.share, interval)
        rows.append(Row(length_bin.words, (mark,), f"n = {length_bin.n}"))
    subtitle = [f"against {alignment.labels_are}, 95% intervals (Wilson)"]
    if alignment.n_unparsed:
        subtitle[0] += f" · {alignment.n_unparsed} unparsed"
    if len(length_bins) > 1:
        subtitle.append(_difference_in_words(length_bins[0], length_bins[-1]))
    title = critiques_sentence(length_bins)
    label = "share of verdicts that are right"
    return plot_rows(rows, label, ax, alignment.simulated, title, subtitle)


def _count_words(text: str | None) -> int:
    return len((text or "").split())


def _length_bins(n_words: "pd.Series", right: "pd.Series", bins: int) -> list[LengthBin]:
    """Up to `bins` of like size, from the shortest; one where lengths hardly differ."""
    import pandas as pd

    if n_words.empty:
        return []
    cuts = pd.qcut(n_words, min(bins, n_words.nunique()), duplicates="drop")
    length_bins = []
    for _, lengths in n_words.groupby(cuts, observed=True):
        length_bins.append(_length_bin(lengths, right))
    if length_bins[-1].median < LEAST_RATIO * length_bins[0].median:
        return [_length_bin(n_words, right)]
    return length_bins


def _length_bin(lengths: "pd.Series", right: "pd.Series") -> LengthBin:
    n_right = int(right[lengths.index].sum())
    shortest = int(lengths.min())
    longest = int(lengths.max())
    return LengthBin(shortest, longest, float(lengths.median()), len(lengths), n_right)


def critiques_sentence(length_bins: Sequence[LengthBin]) -> str:
    """Whether the verdicts with the longest critiques are right more often than the shortest, and
    whether chance may explain it.
    """
    if not length_bins:
        return "Nothing to show: no verdict can be compared"
    short = length_bins[0]
    long = length_bins[-1]
    if len(length_bins) == 1:
        share = f"{short.share:.0%} of the verdicts are right"
        return f"Little to compare: most critiques are about equally long; {share}"
    if short.share == long.share:
        return f"Verdicts are right as often whatever the length of the critique: {short.share:.0%}"
    direction = "more" if long.share > short.share else "less"
    shares = f"{long.share:.0%}, {short.share:.0%}"
    ending = chance_may_explain(_difference(short, long))
    return f"Long critiques are right {direction} often than short ones: {shares}{ending}"


def _difference(short: LengthBin, long: LengthBin) -> tuple[float, float]:
    """The 95% interval of the share of `long` less that of `short` (Newcombe 1998, method 10)."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(
        long.n_right, long.n, short.n_right, short.n, method="newcomb"
    )
    return float(low), float(high)


def _difference_in_words(short: LengthBin, long: LengthBin) -> str:
    """As ``right with 24 to 40 words less right with 1 to 9: +0.30``, with its interval."""
    low, high = _difference(short, long)
    value = long.share - short.share
    names = f"share right with {long.words} less that with {short.words}"
    return f"{names}: {value:+.2f} ({low:+.2f} to {high:+.2f}, Newcombe)"
