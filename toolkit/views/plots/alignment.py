"""Plots of how far a judge is right: with the effective n, and every interval that is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from toolkit.evals import Alignment
from toolkit.views.plots.figure import (
    BLUE,
    BROWN,
    SOFT,
    in_our_look,
    is_narrow,
    new_axes,
    nothing_to_show,
    short_name,
    write_heading,
)
from toolkit.views.plots.rows import Mark, Row, plot_rows
from toolkit.views.plots.sentences import (
    difference_of_two,
    paired_difference,
    rates_sentence,
    speaks_of_failures,
    versions_sentence,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class RateStyle:
    """How one of the two rates of a judge is drawn, in all plots alike."""

    name: Literal["tpr", "tnr"]
    shape: str
    colour: str
    line: str
    of: str
    """What the rate is of, where the labels are pass and fail."""

    def title(self, *alignments: Alignment) -> str:
        """As ``TNR``, and what it is of, where that can be said in words."""
        if all(speaks_of_failures(alignment) for alignment in alignments):
            return f"{self.name.upper()}: {self.of}"
        return self.name.upper()

    def in_a_sentence(self, alignment: Alignment) -> str:
        """As ``TNR (failures that are found)``."""
        if speaks_of_failures(alignment):
            return f"{self.name.upper()} ({self.of})"
        return self.name.upper()


RATES = (
    RateStyle("tpr", "o", BLUE, "-", "good ones that pass"),
    RateStyle("tnr", "s", BROWN, "--", "failures that are found"),
)


@in_our_look
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
            legend = style.title(*alignments.values())
            marks.append(Mark(share, interval, style.shape, style.colour, legend))
        rows.append(Row(name, tuple(marks), _labels_of_either_verdict(alignment)))
    title = rates_sentence(alignments)
    subtitle = [f"{_against(alignments)} · dotted: {wanted:.2f}, the rate wanted"] if rows else []
    paired = difference_of_two(alignments)
    if paired:
        subtitle.append(str(paired))
    simulated = _any_simulated(alignments)
    ax = plot_rows(rows, "share that the judge gets right", ax, simulated, title, subtitle)
    if rows:
        ax.axvline(wanted, color=SOFT, lw=1.2, ls=":")
    return ax


def _labels_of_either_verdict(alignment: Alignment) -> str:
    """As ``44 good, 15 bad``, and on a second line what is unparsed."""
    _, n_positive = alignment.counts("tpr")
    _, n_others = alignment.counts("tnr")
    note = f"{n_positive} good, {n_others} bad"
    if not speaks_of_failures(alignment):
        note = f"{n_positive} {short_name(alignment.positive, 12, 5)}, {n_others} other"
    if alignment.n_unparsed:
        note += f",\n{alignment.n_unparsed} unparsed"
    return note


@in_our_look
def plot_versions(
    alignments: Mapping[Any, Alignment], ax: "Axes | None" = None, wanted: float = 0.8
) -> "Axes":
    """Does the judge get better from version to version? TPR and TNR with 95% intervals, in the
    order given.
    """
    ax = ax or new_axes(300)
    title = versions_sentence(alignments)
    if not alignments:
        return write_heading(nothing_to_show(ax), title)
    for style, shift in zip(RATES, (-0.06, 0.06), strict=True):
        _draw_rate_of_versions(ax, list(alignments.values()), style, shift)
    ax.axhline(wanted, color=SOFT, lw=1.2, ls=":")
    ticks = []
    for name, alignment in alignments.items():
        ticks.append(f"{short_name(name)}\n{_labels_of_either_verdict(alignment)}")
    ax.set_xticks(range(len(ticks)), ticks)
    ax.set_xlim(-0.4, len(ticks) - 0.6)
    ax.set_ylim(-0.02, 1.05)
    ax.set_ylabel("share that the judge gets right")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), borderpad=0, ncols=1 if is_narrow() else 2)
    subtitle = [f"{_against(alignments)} · dotted: {wanted:.2f}, the rate wanted"]
    paired = paired_difference(alignments)
    if paired:
        subtitle.append(str(paired))
    return write_heading(ax, title, subtitle, _any_simulated(alignments))


def _draw_rate_of_versions(
    ax: "Axes", versions: Sequence[Alignment], style: RateStyle, shift: float
) -> None:
    """A mark for each version in which the rate is defined, each with its interval."""
    x = []
    shares = []
    for number, alignment in enumerate(versions):
        interval = alignment.interval(style.name)
        if interval:
            x.append(number + shift)
            shares.append(getattr(alignment, style.name))
            ax.vlines(number + shift, *interval, color=style.colour, lw=2.2)
    (line,) = ax.plot(x, shares, style.shape, color=style.colour, ls=style.line, ms=8)
    line.set_label(style.title(*versions))


def _against(alignments: Mapping[Any, Alignment]) -> str:
    labels = {alignment.labels_are for alignment in alignments.values()}
    return f"against {' and '.join(sorted(labels))}, 95% intervals"


def _any_simulated(alignments: Mapping[Any, Alignment]) -> bool:
    return any(alignment.simulated for alignment in alignments.values())
