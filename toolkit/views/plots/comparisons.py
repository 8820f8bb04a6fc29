"""The plot of what versions of an agent gain or lose against another, beside a margin."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toolkit.evals import Comparison, Difference
from toolkit.views.plots.figure import BLUE, GREEN, RED, SOFT, in_our_look
from toolkit.views.plots.rows import Mark, Row, bounds_of, plot_rows
from toolkit.views.plots.sentences import quoted
from toolkit.views.words import listed, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = {"better": ("^", GREEN), "worse": ("X", RED), "not shown": ("o", BLUE)}
"""The shape and the colour of each conclusion."""
ROOM = 1.1
"""How much wider the axis is than the longest interval."""
LEAST_REACH = 0.1
"""How far the axis goes to either side where all intervals are short."""
TICKS = [tick / 10 for tick in range(-10, 11)]


@in_our_look
def plot_comparisons(comparisons: Mapping[Any, Comparison], ax: "Axes | None" = None) -> "Axes":
    """Is a version worse than what it is compared with? The difference of the pass rates with its
    95% interval, a row for each comparison.

    Parameters
    ----------
    comparisons
        By the name of the version, what `compare` says of it.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    """
    rows = []
    for name, comparison in comparisons.items():
        passed = comparison.passed
        shape, colour = LOOKS[passed.conclusion]
        mark = Mark(passed.value, bounds_of(passed), shape, colour)
        note = f"{verdict_on(passed)},\nn = {quantity(passed.n_cases, 'case')}"
        rows.append(Row(name, (mark,), note))
    margins = _margins(comparisons)
    ax = plot_rows(
        rows,
        "difference of the pass rates",
        ax,
        any(comparison.simulated for comparison in comparisons.values()),
        comparisons_sentence(comparisons),
        _subtitle(margins) if rows else [],
    )
    if rows:
        draw_axis(ax, reach_of(rows), margins)
    return ax


def _margins(comparisons: Mapping[Any, Comparison]) -> list[float]:
    margins = set()
    for comparison in comparisons.values():
        if comparison.passed.margin is not None:
            margins.add(comparison.passed.margin)
    return sorted(margins)


def _subtitle(margins: list[float]) -> list[str]:
    lines = ["on the same cases · 95% intervals, clustered by case"]
    if margins:
        names = [f"{margin:g}" for margin in margins]
        lines.append(f"dashed: worse by the margin of {listed(names)}")
    return lines


def reach_of(rows: list[Row]) -> float:
    """How far the axis goes to either side."""
    reach = LEAST_REACH
    for row in rows:
        (mark,) = row.marks
        for end in mark.interval or ():
            reach = max(reach, abs(end))
    return ROOM * reach


def draw_axis(ax: "Axes", reach: float, margins: list[float]) -> None:
    """The axis of differences, with a line where nothing differs, and one at each margin."""
    ax.set_xlim(-reach, reach)
    ticks = [tick for tick in TICKS if abs(tick) < reach]
    ax.set_xticks(ticks, [_signed(tick) for tick in ticks])
    ax.axvline(0, color=SOFT, lw=1.2, zorder=0)
    for margin in margins:
        ax.axvline(-margin, color=SOFT, lw=1.2, ls="--", zorder=0)


def _signed(difference: float) -> str:
    """As ``+0.1``; no difference has no sign."""
    if not difference:
        return "0"
    return f"{difference:+.1f}".replace("-", "\N{MINUS SIGN}")


def verdict_on(passed: Difference) -> str:
    """What is shown of a version, in a few words."""
    if passed.value is None:
        return "undefined"
    if passed.conclusion == "better":
        return "better"
    if passed.conclusion == "worse":
        return f"worse, by less than {passed.margin:g}" if passed.not_worse else "worse"
    if passed.margin is None:
        return "not shown to differ"
    return f"not worse by {passed.margin:g}" if passed.not_worse else "inconclusive"


def comparisons_sentence(comparisons: Mapping[Any, Comparison]) -> str:
    """What is shown of each version."""
    if not comparisons:
        return "Nothing to show: no comparison is given"
    baselines: dict[str, None] = {}
    names_by_verdict: dict[str, list[str]] = {}
    for name, comparison in comparisons.items():
        baselines[quoted(comparison.second)] = None
        verdict = verdict_on(comparison.passed)
        names_by_verdict.setdefault(verdict, []).append(quoted(name))
    parts = []
    for verdict, names in names_by_verdict.items():
        verb = "is" if len(names) == 1 else "are"
        parts.append(f"{listed(names)} {verb} {verdict}")
    return f"Against {listed(list(baselines))}, {listed(parts)}"
