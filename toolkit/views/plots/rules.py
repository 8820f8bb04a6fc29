"""The plot of which rules traces break."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.evals import NOT_APPLICABLE
from toolkit.evals.alignment.intervals import proportion
from toolkit.traces import Trace
from toolkit.views.plots.figure import BLUE, RED, short_name
from toolkit.views.plots.rows import NAME_CHARS, Mark, Row, plot_rows
from toolkit.views.words import quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many traces break a rule."""

    rule: str
    n_broken: int
    n: int
    """Traces to which it applies, and that it could score."""
    n_unscored: int

    @property
    def share(self) -> float | None:
        """Of the traces that break it; None where it applies to none."""
        return self.n_broken / self.n if self.n else None

    @property
    def row(self) -> Row:
        """A cross where it is broken, with the counts beside it."""
        interval = proportion(self.n_broken, self.n, LEVEL)
        mark = Mark(self.share, interval, "o", BLUE)
        if self.n_broken:
            mark = Mark(self.share, interval, "X", RED)
        note = f"{self.n_broken} of {self.n}" if self.n else "does not apply"
        if self.n_unscored:
            note += f",\n{self.n_unscored} unscored"
        return Row(self.rule, (mark,), note)


def plot_rules(traces: Iterable[Trace], scores: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Which rules do traces break? Of those to which a rule applies, the share that breaks it, the
    largest first.

    Parameters
    ----------
    traces
        Those that were scored.
    scores
        What `score_traces` says of them; a scorer that gives a number or a word is not shown.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    """
    listed = list(traces)
    counts = []
    for rule, values in scores.groupby("scorer", sort=False)["value"]:
        count = _count(str(rule), list(values))
        if count:
            counts.append(count)
    counts.sort(key=lambda count: -1.0 if count.share is None else count.share, reverse=True)
    n_traces = quantity(len(listed), "trace")
    return plot_rows(
        [count.row for count in counts],
        "of the traces to which the rule applies, the share that breaks it",
        ax,
        any(trace.source == "simulated" for trace in listed),
        rules_sentence(counts),
        [f"n = {n_traces} · cross: broken, dot: not · 95% intervals (Wilson)"],
    )


def _count(rule: str, values: Sequence[Any]) -> RuleCount | None:
    """The count of a scorer; None where it gives something else than a rule does."""
    verdicts = [value for value in values if isinstance(value, bool)]
    n_unscored = values.count(None)
    if len(verdicts) + n_unscored + values.count(NOT_APPLICABLE) < len(values):
        return None
    return RuleCount(rule, verdicts.count(False), len(verdicts), n_unscored)


def rules_sentence(counts: Sequence[RuleCount]) -> str:
    """Which rule is broken most often."""
    if not counts:
        return "Nothing to show: no rule was tried"
    applied = [count for count in counts if count.n]
    if not applied:
        return "No rule applies to any of these traces"
    worst = max(applied, key=lambda count: count.share or 0.0)
    n_traces = quantity(worst.n, "trace")
    if not worst.n_broken:
        return f"No rule is broken by any of {n_traces}"
    often = f"in {worst.share:.0%} of the {n_traces} that it applies to"
    return f"“{short_name(worst.rule, 2 * NAME_CHARS, 14)}” is broken most often: {often}"
