"""Plots of how far a judge may be trusted: each with its effective n, and every interval that is
known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from toolkit.evals import Agreement, Alignment, Estimate, corrected_width, interval_width
from toolkit.evals.alignment.intervals import proportion
from toolkit.views.plots.figure import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILION,
    legend_below,
    new_axes,
    nothing_to_show,
    open_frame,
    short_name,
    stamp,
)
from toolkit.views.plots.rows import Mark, Row, plot_rows

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LABELS_SHOWN = np.geomspace(10, 5000, 60)
"""The numbers of labels for which a width is drawn."""


@dataclass(frozen=True, slots=True)
class RateStyle:
    """How one of the two rates of a judge is drawn, in all plots alike."""

    name: Literal["tpr", "tnr"]
    shape: str
    colour: str
    line: str

    @property
    def title(self) -> str:
        """As ``TPR``."""
        return self.name.upper()


RATES = (RateStyle("tpr", "o", BLUE, "-"), RateStyle("tnr", "s", VERMILION, "--"))


def plot_rates(
    alignments: Mapping[Any, Alignment], ax: "Axes | None" = None, wanted: float = 0.8
) -> "Axes":
    """Which judge, or which slice (`Alignment.by_slice`), errs more? TPR and TNR with 95%
    intervals, a row each.
    """
    rows = []
    for name, alignment in alignments.items():
        marks = []
        for style in RATES:
            share = getattr(alignment, style.name)
            interval = alignment.interval(style.name)
            marks.append(Mark(share, interval, style.shape, style.colour, style.title))
        rows.append(Row(name, tuple(marks), _labels_of_either_verdict(alignment)))
    ax = plot_rows(rows, _against(alignments), ax, _any_simulated(alignments))
    if rows:
        ax.axvline(wanted, color="0.6", lw=1, ls=":")
    return ax


def _labels_of_either_verdict(alignment: Alignment) -> str:
    """As ``n = 44 pass + 15 fail``, and on a second line what is unparsed."""
    others = [label for label in alignment.confusion.index if label != alignment.positive]
    negative = others[0] if len(others) == 1 else "other"
    counts = []
    for rate, label in (("tpr", alignment.positive), ("tnr", negative)):
        _, n = alignment.counts(rate)
        counts.append(f"{n} {short_name(label, 12, 5)}")
    note = f"n = {' + '.join(counts)}"
    if alignment.n_unparsed:
        note += f"\n{alignment.n_unparsed} unparsed"
    return note


def plot_versions(
    alignments: Mapping[Any, Alignment], ax: "Axes | None" = None, wanted: float = 0.8
) -> "Axes":
    """Does the judge get better from version to version? TPR and TNR with 95% intervals, in the
    order given.
    """
    ax = ax or new_axes(1.6 + 1.5 * max(3, len(alignments)), 4.0)
    if not alignments:
        return nothing_to_show(ax)
    for style, shift in zip(RATES, (-0.06, 0.06), strict=True):
        x = []
        shares = []
        for number, alignment in enumerate(alignments.values()):
            interval = alignment.interval(style.name)
            if interval:
                x.append(number + shift)
                shares.append(getattr(alignment, style.name))
                ax.vlines(number + shift, *interval, color=style.colour)
        ax.plot(
            x,
            shares,
            style.shape,
            color=style.colour,
            ls=style.line,
            ms=8,
            label=style.title,
        )
    ax.axhline(wanted, color="0.6", lw=1, ls=":")
    ticks = [f"{short_name(name)}\nn = {version.n}" for name, version in alignments.items()]
    ax.set_xticks(range(len(ticks)), ticks)
    ax.set_xlim(-0.4, len(ticks) - 0.6)
    ax.set_ylim(-0.02, 1.05)
    ax.set_xlabel(_against(alignments), loc="left")
    open_frame(ax)
    ax.legend(loc="lower right", frameon=False)
    return stamp(ax, _any_simulated(alignments))


def plot_agreement(agreement: Agreement, ax: "Axes | None" = None) -> "Axes":
    """On which category do raters agree? Of those who rate an item that one called so, the share
    who do too.
    """
    rows = []
    for category, of_category in agreement.by_category.iterrows():
        low = of_category["low"]
        interval = None if low is None else (low, of_category["high"])
        mark = Mark(of_category["agreement"], interval)
        rows.append(Row(category, (mark,), f"{of_category['n']} ratings"))
    label = "agreement on the category, 95% interval (bootstrap)"
    ax = plot_rows(rows, label, ax, agreement.simulated)
    measures = []
    for name in ("alpha", "kappa", "ac1"):
        value = getattr(agreement, name)
        measures.append(f"{name} undefined" if value is None else f"{name} {value:.2f}")
    counts = f"n = {agreement.n_items}, {agreement.n_raters} raters"
    title = f"{agreement.title}: {counts}\n{', '.join(measures)}"
    ax.set_title(title, loc="left", fontsize=10)
    return ax


def plot_corrected(
    estimates: Mapping[Any, Estimate], ax: "Axes | None" = None, truth: float | None = None
) -> "Axes":
    """What is left of the judge's rate when its errors are taken out? Raw and corrected, each with
    its interval.
    """
    rows = []
    for name, estimate in estimates.items():
        interval = None
        if estimate.low is not None and estimate.high is not None:
            interval = (estimate.low, estimate.high)
        raw = Mark(estimate.raw, estimate.raw_interval, "D", ORANGE, "the judge's own")
        corrected = Mark(estimate.value, interval, "o", GREEN, "corrected")
        note = f"n = {estimate.n} judged, {estimate.n_labels} labelled"
        if estimate.n_unscored:
            note += f"\n{estimate.n_unscored} unscored"
        rows.append(Row(name, (raw, corrected), note))
    label = "rate of the positive label, with interval"
    ax = plot_rows(rows, label, ax, _any_simulated(estimates), row_in=0.6)
    if rows and truth is not None:
        ax.axvline(truth, color="black", lw=1, ls=":", label="known")
        legend_below(ax, 3)
    return ax


def plot_widths(
    alignment: Alignment, judged: int | None = None, ax: "Axes | None" = None
) -> "Axes":
    """How many labels until the interval is this narrow? The expected width, at the rates found so
    far.

    With `judged`, how many items the judge scores, also of the rate that is corrected by them.
    """
    ax = ax or new_axes(7.0, 4.4)
    if not alignment.n:
        return nothing_to_show(ax)
    positive_share = alignment.counts("tpr")[1] / alignment.n
    shares = {"tpr": positive_share, "tnr": 1 - positive_share}
    for style in RATES:
        rate = getattr(alignment, style.name)
        if rate is None:
            continue
        widths = [interval_width(n, rate, shares[style.name]) for n in LABELS_SHOWN]
        ax.plot(
            LABELS_SHOWN,
            widths,
            style.line,
            marker=style.shape,
            markevery=10,
            color=style.colour,
            label=f"{style.title} near {rate:.2f}",
        )
    if judged:
        _draw_corrected_width(ax, alignment, positive_share, judged)
    ax.axvline(alignment.n, color="black", lw=1, ls=":", label=f"n = {alignment.n} now")
    ax.set(xscale="log", xlabel="labels, drawn as so far")
    ax.set_ylabel("expected width of the 95% interval")
    ax.set_xticks([10, 100, 1000], ["10", "100", "1,000"])
    ax.set_ylim(bottom=0)
    open_frame(ax)
    legend_below(ax, 2)
    return stamp(ax, alignment.simulated)


def _draw_corrected_width(ax: "Axes", alignment: Alignment, share: float, judged: int) -> None:
    """The width of the corrected rate; none of a judge that nothing can be corrected by."""
    tpr = alignment.tpr
    tnr = alignment.tnr
    if tpr is None or tnr is None or tpr + tnr <= 1:
        return
    widths = [corrected_width(n, judged, share, tpr, tnr) for n in LABELS_SHOWN]
    ax.plot(
        LABELS_SHOWN,
        widths,
        "-.",
        marker="^",
        markevery=(5, 10),
        color=GREEN,
        label=f"corrected rate of {judged:,} judged",
    )


def plot_critiques(alignment: Alignment, ax: "Axes | None" = None, bins: int = 4) -> "Axes":
    """Is a judge that writes more right more often? The share of right verdicts by the length of
    the critique.

    Raises ValueError where the alignment was not made of `Verdict`s, which hold the critiques.
    """
    if "critique" not in alignment.pairs:
        raise ValueError("no critiques: give align the judge's Verdicts, not only their verdicts")
    used = alignment.pairs[alignment.pairs["status"].eq("compared")]
    n_words = used["critique"].map(_count_words)
    right = used["human"].eq(used["counted"])
    rows = []
    for lengths in _bins(n_words, bins):
        n = len(lengths)
        n_right = int(right[lengths.index].sum())
        mark = Mark(n_right / n, proportion(n_right, n))
        rows.append(Row(f"{lengths.min()} to {lengths.max()} words", (mark,), f"n = {n}"))
    label = f"share right, against {alignment.labels_are}, 95% interval (Wilson)"
    if alignment.n_unparsed:
        label += f", {alignment.n_unparsed} unparsed"
    return plot_rows(rows, label, ax, alignment.simulated)


def _count_words(text: str | None) -> int:
    return len((text or "").split())


def _bins(values: "pd.Series", bins: int) -> "list[pd.Series]":
    """The values in up to `bins` parts of like size, from the smallest."""
    import pandas as pd

    if values.empty:
        return []
    cuts = pd.qcut(values, min(bins, values.nunique()), duplicates="drop")
    return [part for _, part in values.groupby(cuts, observed=True)]


def _against(alignments: Mapping[Any, Alignment]) -> str:
    labels = sorted({alignment.labels_are for alignment in alignments.values()})
    return f"share right, against {' and '.join(labels)}, 95% interval"


def _any_simulated(results: Mapping[Any, Alignment] | Mapping[Any, Estimate]) -> bool:
    return any(result.simulated for result in results.values())
