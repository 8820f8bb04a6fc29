"""Plots of how far a judge may be trusted: each with its effective n, and every interval that is
known.
"""

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.evals import Agreement, Alignment, Estimate, corrected_width, interval_width
from toolkit.evals.alignment.intervals import proportion
from toolkit.views.plots.plots import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILION,
    _axes,
    _nothing,
    _short,
    _stamp,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RATES: tuple[tuple[Any, str, str, Any], ...] = (
    ("tpr", "o", BLUE, "-"),
    ("tnr", "s", VERMILION, "--"),
)
LABELS_SHOWN = (10, 5000)


def plot_alignment(alignment: Alignment, ax: "Axes | None" = None) -> "Axes":
    """Where does the judge disagree? The confusion with counts and row shares, TPR and TNR with
    intervals.
    """
    counts = alignment.confusion
    ax = ax or _axes(max(5.4, 1.7 * counts.shape[1] + 2.6), 1.1 * counts.shape[0] + 2.4)
    table = counts.to_numpy(dtype=float)
    totals = table.sum(axis=1, keepdims=True)
    shares = table / totals.clip(min=1)
    if table.size:
        ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    else:
        _nothing(ax)
    for row, column in product(*map(range, table.shape)):
        share = f"{shares[row, column]:.0%}" if totals[row] else "–"
        ink = "white" if shares[row, column] > 0.55 else "black"
        weight = "bold" if counts.index[row] == counts.columns[column] else "normal"
        words = f"{table[row, column]:.0f}\n{share}"
        ax.text(column, row, words, ha="center", va="center", color=ink, fontweight=weight)
    ax.set_xticks(range(counts.shape[1]), [_short(label) for label in counts.columns])
    ax.set_yticks(range(counts.shape[0]), [_short(label) for label in counts.index])
    ax.set_xlabel("the judge says")
    ax.set_ylabel("people say" if alignment.human_kind == "human" else "the labels say")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    lines = [alignment.subtitle, alignment.rate("tpr"), alignment.rate("tnr")]
    if len(counts) > 2:
        lines[1:1] = [f"TPR and TNR are of “{_short(alignment.positive, 40)}” against the rest"]
    ax.set_title(alignment.title, loc="left", fontweight="bold", pad=11 + 13 * len(lines))
    ax.annotate(
        "\n".join(lines),
        (0, 1),
        (0, 6),
        "axes fraction",
        "offset points",
        fontsize=8.5,
        va="bottom",
    )
    return _stamp(ax, alignment.simulated)


def plot_rates(
    alignments: Mapping[Any, Alignment], ax: "Axes | None" = None, wanted: float = 0.8
) -> "Axes":
    """Which judge, or which slice (`Alignment.by_slice`), errs more? TPR and TNR with 95%
    intervals, a row each.
    """
    ax = ax or _axes(8.0, 1.6 + 0.55 * len(alignments))
    if not alignments:
        return _nothing(ax)
    for row, one in enumerate(alignments.values()):
        for (name, mark, colour, _), shift in zip(RATES, (-0.13, 0.13), strict=True):
            _point(
                ax, row + shift, getattr(one, name), getattr(one, f"{name}_interval"), mark, colour
            )
        others = [label for label in one.confusion.index if label != one.positive]
        named = zip(
            ("tpr", "tnr"),
            (one.positive, *(others if len(others) == 1 else ["other"])),
            strict=True,
        )
        counted = " + ".join(
            f"{one.counts(name)[1]} {_short(label, 12, 5)}" for name, label in named
        )
        _say(ax, row, f"n = {counted}" + f"\n{one.n_unparsed} unparsed" * bool(one.n_unparsed))
    ax.axvline(wanted, color="0.6", lw=1, ls=":")
    _rows(ax, list(alignments), f"{_against(alignments)}, 95% interval")
    _legend(ax, [(name.upper(), mark, colour) for name, mark, colour, _ in RATES])
    return _stamp(ax, any(one.simulated for one in alignments.values()))


def plot_versions(
    alignments: Mapping[Any, Alignment], ax: "Axes | None" = None, wanted: float = 0.8
) -> "Axes":
    """Does the judge get better from version to version? TPR and TNR with 95% intervals, in the
    order given.
    """
    ax = ax or _axes(1.6 + 1.5 * max(3, len(alignments)), 4.0)
    if not alignments:
        return _nothing(ax)
    for (name, mark, colour, line), shift in zip(RATES, (-0.06, 0.06), strict=True):
        known = [
            (at, getattr(one, name), getattr(one, f"{name}_interval"))
            for at, one in enumerate(alignments.values())
        ]
        x, y, low, high = (
            np.array([(at + shift, v, *ends) for at, v, ends in known if ends]).reshape(-1, 4).T
        )
        ax.plot(x, y, mark, color=colour, ls=line, ms=8, label=name.upper())
        ax.vlines(x, low, high, color=colour)
    ax.axhline(wanted, color="0.6", lw=1, ls=":")
    ticks = [f"{_short(name)}\nn = {one.n}" for name, one in alignments.items()]
    ax.set_xticks(range(len(ticks)), ticks)
    ax.set_xlim(-0.4, len(ticks) - 0.6)
    ax.set_ylim(-0.02, 1.05)
    ax.set_xlabel(f"{_against(alignments)}, 95% interval", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="lower right", frameon=False)
    return _stamp(ax, any(one.simulated for one in alignments.values()))


def plot_agreement(found: Agreement, ax: "Axes | None" = None) -> "Axes":
    """On which category do raters agree? Of those who rate an item that one called so, the share
    who do too.
    """
    ax = ax or _axes(8.0, 1.8 + 0.5 * len(found.by_category))
    for row, (n, share, *ends) in enumerate(found.by_category.to_numpy().tolist()):
        _point(ax, row, share, ends if ends[0] is not None else None, "o", BLUE)
        _say(ax, row, f"{n} ratings")
    _rows(ax, list(found.by_category.index), "agreement on the category, 95% interval (bootstrap)")
    told = {name: getattr(found, name) for name in ("alpha", "kappa", "ac1")}
    shown = ", ".join(
        f"{name} {'undefined' if value is None else f'{value:.2f}'}" for name, value in told.items()
    )
    ax.set_title(
        f"{found.title}: n = {found.n_items}, {found.n_raters} raters\n{shown}",
        loc="left",
        fontsize=10,
    )
    return _stamp(ax, found.simulated)


def plot_corrected(
    estimates: Mapping[Any, Estimate], ax: "Axes | None" = None, truth: float | None = None
) -> "Axes":
    """What is left of the judge's rate when its errors are taken out? Raw and corrected, each with
    its interval.
    """
    ax = ax or _axes(8.0, 1.6 + 0.6 * len(estimates))
    if not estimates:
        return _nothing(ax)
    for row, one in enumerate(estimates.values()):
        _point(ax, row - 0.15, one.raw, one.raw_interval, "D", ORANGE)
        _point(ax, row + 0.15, one.value, (one.low, one.high), "o", GREEN)
        told = (
            f"n = {one.n} judged, {one.n_labels} labelled"
            + f"\n{one.n_unscored} unscored" * bool(one.n_unscored)
        )
        _say(ax, row, told)
    if truth is not None:
        ax.axvline(truth, color="black", lw=1, ls=":", label="known")
    _rows(ax, list(estimates), "rate of the positive label, with interval")
    _legend(ax, [("the judge's own", "D", ORANGE), ("corrected", "o", GREEN)])
    return _stamp(ax, any(one.simulated for one in estimates.values()))


def plot_widths(
    alignment: Alignment, judged: int | None = None, ax: "Axes | None" = None
) -> "Axes":
    """How many labels until the interval is this narrow? The expected width, at the rates found so
    far.

    With `judged`, how many items the judge scores, also of the rate that is corrected by them.
    """
    ax = ax or _axes(7.0, 4.4)
    if not alignment.n:
        return _nothing(ax)
    labels, share = (
        np.geomspace(*LABELS_SHOWN, 60),
        alignment.counts("tpr")[1] / max(1, alignment.n),
    )
    for (name, mark, colour, line), part in zip(RATES, (share, 1 - share), strict=True):
        if (rate := getattr(alignment, name)) is not None:
            widths = [interval_width(n, rate, part) for n in labels]
            label = f"{name.upper()} near {rate:.2f}"
            ax.plot(labels, widths, line, marker=mark, markevery=10, color=colour, label=label)
    if (
        judged
        and alignment.tpr is not None
        and alignment.tnr is not None
        and alignment.tpr + alignment.tnr > 1
    ):
        widths = [corrected_width(n, judged, share, alignment.tpr, alignment.tnr) for n in labels]
        label = f"corrected rate of {judged:,} judged"
        ax.plot(labels, widths, "-.", marker="^", markevery=(5, 10), color=GREEN, label=label)
    ax.axvline(alignment.n, color="black", lw=1, ls=":", label=f"n = {alignment.n} now")
    ax.set(
        xscale="log", xlabel="labels, drawn as so far", ylabel="expected width of the 95% interval"
    )
    ax.set_xticks([10, 100, 1000], ["10", "100", "1,000"])
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right"]].set_visible(False)
    _below(ax, 2)
    return _stamp(ax, alignment.simulated)


def plot_critiques(alignment: Alignment, ax: "Axes | None" = None, bins: int = 4) -> "Axes":
    """Is a judge that writes more right more often? The share of right verdicts by the length of
    the critique.

    Raises ValueError where the alignment was not made of `Verdict`s, which hold the critiques.
    """
    import pandas as pd

    if "critique" not in alignment.pairs:
        raise ValueError("no critiques: give align the judge's Verdicts, not only their verdicts")
    used = alignment.pairs[alignment.pairs["status"].eq("compared")]
    words = used["critique"].map(lambda told: len(str(told or "").split()))
    right, names = used["human"].eq(used["counted"]), list[str]()
    cuts = pd.qcut(words, min(bins, words.nunique()), duplicates="drop") if len(words) else words
    parts = [part for _, part in right.groupby(cuts, observed=True)]
    ax = ax or _axes(8.0, 1.2 + 0.5 * max(1, len(parts)))
    for part in parts:
        _point(ax, len(names), part.mean(), proportion(int(part.sum()), len(part)), "o", BLUE)
        _say(ax, len(names), f"n = {len(part)}")
        names.append(f"{words[part.index].min()} to {words[part.index].max()} words")
    unscored = f", {alignment.n_unparsed} unparsed" * bool(alignment.n_unparsed)
    _rows(
        ax, names, f"share right, against {alignment.labels_are}, 95% interval (Wilson){unscored}"
    )
    return _stamp(ax, alignment.simulated)


def _point(ax: "Axes", at: float, value: float | None, bounds: Any, mark: str, colour: str) -> None:
    """A value with its interval, in a row; words where it is undefined."""
    if value is None:
        ax.text(0.01, at, "undefined", va="center", size=8.5, color=colour)
        return
    ax.plot(bounds or (value, value), [at, at], color=colour, lw=2.2)
    ax.plot([value], [at], mark, color=colour, ms=8, markeredgecolor="white")


def _say(ax: "Axes", at: float, words: str) -> None:
    ax.text(1.03, at, words, va="center", size=8.5)


def _against(alignments: Mapping[Any, Alignment]) -> str:
    return "share right, against " + " and ".join(
        sorted({one.labels_are for one in alignments.values()})
    )


def _legend(ax: "Axes", marks: list[tuple[str, str, str]]) -> None:
    for label, mark, colour in marks:
        ax.plot([], [], mark, color=colour, ms=8, label=label)
    _below(ax, 3)


def _below(ax: "Axes", ncols: int) -> None:
    """The legend under the label of the x axis, at a distance that does not grow with the plot."""
    from matplotlib.transforms import offset_copy

    at = offset_copy(ax.transAxes, ax.get_figure(root=True), y=-34, units="points")
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.4, 0),
        bbox_transform=at,
        ncols=ncols,
        frameon=False,
        fontsize=8.5,
    )


def _rows(ax: "Axes", names: list[Any], label: str) -> None:
    ax.set_xlabel(label, loc="left")
    ax.set_yticks(range(len(names)), [_short(name, 28, 14) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(-0.02, 1.45)
    ax.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    ax.spines[["top", "right"]].set_visible(False)
    if not names:
        _nothing(ax)
