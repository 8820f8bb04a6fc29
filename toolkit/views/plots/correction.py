"""Plots of the corrected rate, and of how many labels an interval takes."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from toolkit.evals import Alignment, Estimate, corrected_width, interval_width
from toolkit.views.plots.alignment import RATES, RateStyle
from toolkit.views.plots.figure import (
    BROWN,
    GREEN,
    SOFT,
    in_our_look,
    legend_below,
    new_axes,
    nothing_to_show,
    short_name,
    write_heading,
    write_label,
)
from toolkit.views.plots.rows import Mark, Row, plot_rows
from toolkit.views.plots.sentences import Interval
from toolkit.views.words import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_corrected", "plot_widths"]

RateName = Literal["tpr", "tnr"]
LabelsDrawn = Literal["at random", "picked"]
"""How the labelled items were chosen: blindly, or failures and doubtful ones rather than others."""
METHOD_FOR: dict[LabelsDrawn, str] = {"at random": "ppi", "picked": "rogan-gladen"}
METHODS = {
    "ppi": "adds what labels and verdicts differ by; use it if the labelled were drawn at random",
    "rogan-gladen": "divides the judge's errors out; use it if failures were picked to label",
}
"""What each method does, and when to use it."""
LABELS_SHOWN = np.geomspace(10, 5000, 60)
"""The numbers of labels for which a width is drawn."""


@in_our_look
def plot_corrected(
    estimates: Mapping[Any, Estimate],
    ax: "Axes | None" = None,
    truth: float | None = None,
    truth_name: str = "known",
    drawn: LabelsDrawn | None = None,
) -> "Axes":
    """What is left of the judge's rate when its errors are taken out? Raw and corrected, each with
    its interval; a dotted line at the `truth`, where that is known.

    With `drawn`, how the labelled items were chosen, the title names the correction that
    suits them, and another one is grey; without, all of them.
    """
    rows = []
    for name, estimate in estimates.items():
        own = _own_row(estimate)
        if own not in rows:
            rows.append(own)
        suits = drawn is None or estimate.method == METHOD_FOR[drawn]
        rows.append(_corrected_row(name, estimate, suits))
    title = corrected_sentence(estimates, drawn)
    label = _rate_name(estimates.values())
    simulated = any(estimate.simulated for estimate in estimates.values())
    about = _about(estimates.values())
    if estimates and drawn:
        about[0] += f" · labels {'drawn at random' if drawn == 'at random' else 'picked'}"
    ax = plot_rows(rows, label, ax, simulated, title, about)
    if rows and truth is not None:
        ax.axvline(truth, color=SOFT, lw=1.6, ls=":", label=f"{truth_name}: {truth:.2f}")
        legend_below(ax)
    return ax


def _own_row(estimate: Estimate) -> Row:
    """What the judge says itself: one row for all that it is corrected to."""
    mark = Mark(estimate.raw, estimate.raw_interval, "D", BROWN)
    n_judged = estimate.n - estimate.n_known
    return Row("the judge's own", (mark,), f"n = {n_judged} judged")


def _corrected_row(name: object, estimate: Estimate, suits: bool) -> Row:
    """Grey, and said to be so, where the method does not suit how the labels were drawn."""
    mark = Mark(estimate.value, _interval(estimate), "o", GREEN if suits else SOFT)
    note = f"n = {estimate.n} judged,\n{estimate.n_labels} labelled"
    if not suits:
        note = "not for labels\ndrawn as these were"
    if estimate.n_unscored:
        note += f", {estimate.n_unscored} unscored"
    return Row(name, (mark,), note)


def _interval(estimate: Estimate) -> Interval | None:
    if estimate.low is None or estimate.high is None:
        return None
    return (estimate.low, estimate.high)


def _rate_name(estimates: Iterable[Estimate]) -> str:
    """As ``pass rate``: what it is a share of."""
    positives = _each_once(short_name(estimate.positive) for estimate in estimates)
    return f"{' or '.join(positives)} rate"


def _about(estimates: Iterable[Estimate]) -> list[str]:
    """The lines under the title: intervals, methods, and why a rate is undefined."""
    estimates = list(estimates)
    if not estimates:
        return []
    levels = _each_once(f"{estimate.level:.0%}" for estimate in estimates)
    labels = _each_once(estimate.labels_are for estimate in estimates)
    reasons = _each_once(estimate.reason for estimate in estimates)
    intervals = f"{' and '.join(levels)} intervals"
    lines = [f"{intervals} · corrected by {' and '.join(labels)}"]
    for method in _each_once(estimate.method for estimate in estimates):
        lines.append(f"{method}: {METHODS[method]}")
    return [*lines, *filter(None, reasons)]


def _each_once(words: Iterable[str]) -> list[str]:
    return sorted(set(words))


@in_our_look
def plot_widths(
    alignment: Alignment, judged: int | None = None, ax: "Axes | None" = None
) -> "Axes":
    """How many labels until the interval is this narrow? The expected width, at the rates found so
    far, and where there are groups as much wider as their items are alike.

    With `judged`, how many items the judge scores, also of the rate that is corrected by them.
    """
    ax = ax or new_axes(320)
    title = widths_sentence(alignment)
    if not alignment.n:
        return write_heading(nothing_to_show(ax), title)
    for style in RATES:
        rate = getattr(alignment, style.name)
        if rate is not None:
            widths = expected_widths(alignment, style.name, LABELS_SHOWN)
            (line,) = ax.plot(LABELS_SHOWN, widths, style.line, color=style.colour)
            line.set(
                marker=style.shape,
                markevery=10,
                label=f"{style.in_a_sentence(alignment)} near {rate:.2f}",
            )
    if judged:
        _draw_corrected_width(ax, alignment, judged)
    ax.axvline(alignment.n, color=SOFT, lw=1.2, ls=":")
    ax.set_xscale("log")
    write_label(ax, "labels, drawn as so far")
    ax.set_ylabel("width of the 95% interval")
    ax.set_xticks([10, 100, 1000], ["10", "100", "1,000"])
    ax.minorticks_off()
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper right")
    subtitle = f"expected, at the rates found so far · dotted: n = {alignment.n} now"
    if alignment.groups is not None:
        subtitle += f" in {quantity(alignment.n_units, 'group')}, and new ones like them"
    return write_heading(ax, title, [subtitle], alignment.simulated)


def expected_widths(alignment: Alignment, name: RateName, labels: Iterable[float]) -> list[float]:
    """The width that the interval of a rate will have with each of so many labels."""
    rate = getattr(alignment, name)
    _, n_of_rate = alignment.counts(name)
    share = n_of_rate / alignment.n
    widening = _widening(alignment, name)
    widths = []
    for n in labels:
        width = widening * interval_width(n, rate, share)
        widths.append(min(1.0, width))
    return widths


def _widening(alignment: Alignment, name: RateName) -> float:
    """How many times wider the interval is than if each item stood alone: 1 without groups."""
    interval = alignment.interval(name)
    if interval is None or alignment.groups is None:
        return 1.0
    n_right, n = alignment.counts(name)
    alone = interval_width(n, n_right / n)
    low, high = interval
    return (high - low) / alone


def _draw_corrected_width(ax: "Axes", alignment: Alignment, judged: int) -> None:
    """The width of the corrected rate; none of a judge that nothing can be corrected by.

    Of groups, labels and judged items count for as many fewer as they widen an interval: a width
    falls with the square root of their number.
    """
    tpr = alignment.tpr
    tnr = alignment.tnr
    if tpr is None or tnr is None or tpr + tnr <= 1:
        return
    _, n_positive = alignment.counts("tpr")
    share = n_positive / alignment.n
    widening = max(_widening(alignment, "tpr"), _widening(alignment, "tnr"))
    design_effect = widening**2
    widths = []
    for n in LABELS_SHOWN:
        width = corrected_width(n / design_effect, judged / design_effect, share, tpr, tnr)
        widths.append(width)
    (line,) = ax.plot(LABELS_SHOWN, widths, "-.", color=GREEN)
    line.set(marker="^", markevery=(5, 10), label=f"corrected rate of {judged:,} judged")


def corrected_sentence(estimates: Mapping[Any, Estimate], drawn: LabelsDrawn | None = None) -> str:
    """What the judge's own rate becomes."""
    if not estimates:
        return "Nothing to show: no rate is given"
    known = {}
    for name, estimate in estimates.items():
        if estimate.value is not None:
            known[name] = estimate
    if not known:
        return "No rate can be corrected"
    corrected = _values(known, drawn)
    first, *_ = known.values()
    if first.raw is None:
        return f"The rate is {corrected}, from labels alone"
    rate = f"The judge's {_rate_name(known.values())} is {first.raw:.2f}"
    return f"{rate}; corrected for its errors it is {corrected}"


def _values(known: Mapping[Any, Estimate], drawn: LabelsDrawn | None) -> str:
    """As ``0.77 (rogan-gladen) or 0.60 (ppi)``, or a single one without its name; of two methods
    the one that suits how labels were drawn, or that they decide.
    """
    methods = {estimate.method for estimate in known.values()}
    if drawn and METHOD_FOR[drawn] in methods and len(methods) > 1:
        method = METHOD_FOR[drawn]
        fitting = {name: one for name, one in known.items() if one.method == method}
        return _values(fitting, None)
    values = []
    for name, estimate in known.items():
        value = f"{estimate.value:.2f}"
        values.append(f"{value} ({short_name(name)})" if len(known) > 1 else value)
    corrected = " or ".join(values)
    if len(methods) > 1:
        corrected += "; which one depends on how the labels were drawn"
    return corrected


def widths_sentence(alignment: Alignment) -> str:
    """What twice the labels would do to the interval of the rate that is known least."""
    rarest: RateStyle | None = None
    fewest = alignment.n + 1
    for style in RATES:
        _, n = alignment.counts(style.name)
        if 0 < n < fewest:
            rarest = style
            fewest = n
    if rarest is None:
        return "Nothing to show: no item has both a label and a verdict"
    now, twice = expected_widths(alignment, rarest.name, [alignment.n, 2 * alignment.n])
    narrower = 1 - twice / now
    rate = rarest.in_a_sentence(alignment)
    words = f"Twice the labels narrow the interval of {rate} by {narrower:.0%}"
    return f"{words}: from {now:.3f} to {twice:.3f}"
