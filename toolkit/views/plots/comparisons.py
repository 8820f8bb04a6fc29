"""The plot of what versions of an agent gain or lose against another, beside a margin."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toolkit.evals import Comparison, Difference
from toolkit.views.plots.figure import BLUE, GREEN, RED, SOFT, in_our_look
from toolkit.views.plots.rows import Mark, Row, plot_rows
from toolkit.views.plots.sentences import quoted
from toolkit.views.words import listed, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = {"better": ("^", GREEN), "worse": ("X", RED), "not shown": ("o", BLUE)}
"""The shape and the colour of each conclusion."""
ROOM = 1.1
"""How much wider the axis is than the longest interval."""
LEAST_REACH = 0.1


@in_our_look
def plot_comparisons(comparisons: Mapping[Any, Comparison], ax: "Axes | None" = None) -> "Axes":
    """Is a version worse than what it is compared with? The difference of the pass rates with its
    95% interval, a row for each comparison, by the name of the version.
    """
    rows = []
    ends = [LEAST_REACH]
    for name, comparison in comparisons.items():
        passed = comparison.passed
        shape, colour = LOOKS[passed.conclusion]
        interval = None
        if passed.low is not None and passed.high is not None:
            interval = (passed.low, passed.high)
            ends += [abs(passed.low), abs(passed.high)]
        note = f"{verdict_on(passed)},\nn = {quantity(passed.n_cases, 'case')}"
        rows.append(Row(name, (Mark(passed.value, interval, shape, colour),), note))
    simulated = any(comparison.simulated for comparison in comparisons.values())
    title = comparisons_sentence(comparisons)
    label = "difference of the pass rates"
    ax = plot_rows(rows, label, ax, simulated, title, _subtitle(comparisons))
    if rows:
        _draw_axis(ax, ROOM * max(ends), _margins(comparisons))
    return ax


def _draw_axis(ax: "Axes", reach: float, margins: list[float]) -> None:
    """The axis of differences, with a line where nothing differs, and one at each margin."""
    ax.set_xlim(-reach, reach)
    ax.set_xticks([tick / 10 for tick in range(-10, 11) if abs(tick) / 10 < reach])
    ax.xaxis.set_major_formatter("{x:+.1f}")
    ax.axvline(0, color=SOFT, lw=1.2, zorder=0)
    for margin in margins:
        ax.axvline(-margin, color=SOFT, lw=1.2, ls="--", zorder=0)


def _subtitle(comparisons: Mapping[Any, Comparison]) -> list[str]:
    if not comparisons:
        return []
    lines = ["on the same cases · 95% intervals, clustered by case"]
    margins = [f"{margin:g}" for margin in _margins(comparisons)]
    if margins:
        lines.append(f"dashed: worse by the margin of {listed(margins)}")
    return lines


def _margins(comparisons: Mapping[Any, Comparison]) -> list[float]:
    margins = {comparison.passed.margin for comparison in comparisons.values()}
    return sorted(margin for margin in margins if margin is not None)


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
    names_by_verdict: dict[str, list[str]] = {}
    for name, comparison in comparisons.items():
        names_by_verdict.setdefault(verdict_on(comparison.passed), []).append(quoted(name))
    parts = []
    for verdict, names in names_by_verdict.items():
        parts.append(f"{listed(names)} {'is' if len(names) == 1 else 'are'} {verdict}")
    baselines = list(dict.fromkeys(comparison.second for comparison in comparisons.values()))
    return f"Against {listed([quoted(name) for name in baselines])}, {listed(parts)}"
