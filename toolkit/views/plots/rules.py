"""The plot of which rules traces break."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from toolkit.evals import NOT_APPLICABLE
from toolkit.evals.alignment.intervals import proportion
from toolkit.traces import Trace
from toolkit.views.plots.figure import BLUE, RED
from toolkit.views.plots.rows import Mark, Row, plot_rows
from toolkit.views.plots.sentences import quoted
from toolkit.views.words import quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def plot_rules(traces: Iterable[Trace], scores: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Which rules do traces break? Of those to which a rule applies, the share that breaks it.

    Parameters
    ----------
    traces
        Those that were scored.
    scores
        What `score_traces` says of them; a scorer that gives no bool is not shown.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    """
    rows = []
    broken_by = {}
    for rule, values in scores.groupby("scorer", sort=False)["value"]:
        verdicts = [value for value in values if isinstance(value, bool)]
        n_broken = verdicts.count(False)
        n_unscored = int(values.isna().sum())
        n_others = int((values == NOT_APPLICABLE).sum())
        if len(verdicts) + n_unscored + n_others < len(values):
            continue  # a number or a word: no rule
        broken_by[str(rule)] = (n_broken, len(verdicts))
        share = n_broken / len(verdicts) if verdicts else None
        mark = Mark(share, proportion(n_broken, len(verdicts), 0.95), "o", BLUE)
        if n_broken:
            mark = Mark(mark.share, mark.interval, "X", RED)
        rows.append(Row(rule, (mark,), _note(n_broken, len(verdicts), n_unscored)))
    listed = list(traces)
    simulated = any(trace.source == "simulated" for trace in listed)
    title = rules_sentence(broken_by)
    label = "of the traces to which the rule applies, the share that breaks it"
    n_traces = quantity(len(listed), "trace")
    subtitle = [f"n = {n_traces} · cross: broken, dot: not · 95% intervals (Wilson)"]
    return plot_rows(rows, label, ax, simulated, title, subtitle)


def _note(n_broken: int, n: int, n_unscored: int) -> str:
    """As ``13 of 211``, and on a second line what is unscored."""
    note = f"{n_broken} of {n}" if n else "does not apply"
    return f"{note},\n{n_unscored} unscored" if n_unscored else note


def rules_sentence(broken_by: dict[str, tuple[int, int]]) -> str:
    """Which rule is broken most often."""
    applied = {rule: counts for rule, counts in broken_by.items() if counts[1]}
    if not broken_by:
        return "Nothing to show: no rule was tried"
    if not applied:
        return "No rule applies to any of these traces"
    rule, (n_broken, n) = max(applied.items(), key=lambda each: each[1][0] / each[1][1])
    if not n_broken:
        return f"No rule is broken by any of {quantity(n, 'trace')}"
    return f"{quoted(rule)} is broken most often: by {n_broken} of {quantity(n, 'trace')}"
