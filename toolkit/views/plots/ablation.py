"""The plot of an ablation: what the pass rate loses without each component, beside the margin."""

from typing import TYPE_CHECKING

from toolkit.harness.experiments import Ablation
from toolkit.harness.experiments.ablation_result import ComponentVerdict
from toolkit.views.plots.comparisons import draw_axis, reach_of
from toolkit.views.plots.figure import BLUE, GREEN, RED, in_our_look, short_name
from toolkit.views.plots.rows import Mark, Row, bounds_of, plot_rows
from toolkit.views.plots.sentences import NAME_CHARS
from toolkit.views.words import listed, quantity, upper_first

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS: dict[ComponentVerdict, tuple[str, str]] = {
    "load-bearing": ("X", RED),
    "safe to remove": ("^", GREEN),
    "inconclusive": ("o", BLUE),
}
"""The shape and the colour of each verdict."""


@in_our_look
def plot_ablation(ablation: Ablation, ax: "Axes | None" = None) -> "Axes":
    """Which components carry the result? The change of the pass rate without each, with its 95%
    interval.

    Parameters
    ----------
    ablation
        What `ablate` found.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    """
    rows = []
    for effect in ablation.effects:
        shape, colour = LOOKS[effect.verdict]
        mark = Mark(effect.passed.value, bounds_of(effect.passed), shape, colour)
        note: str = effect.verdict
        if effect.tasks_needed is not None:
            note += f":\n{quantity(effect.tasks_needed, 'task')} may tell"
        rows.append(Row(effect.component, (mark,), note))
    ax = plot_rows(
        rows,
        "pass rate without it, less that of the full harness",
        ax,
        ablation.simulated,
        ablation_sentence(ablation),
        _subtitle(ablation) if rows else [],
    )
    if rows:
        margins = [] if ablation.margin is None else [ablation.margin]
        draw_axis(ax, reach_of(rows), margins)
    return ax


def ablation_sentence(ablation: Ablation) -> str:
    """The components of each verdict."""
    if not ablation.effects:
        return "Nothing to show: no component was removed"
    names_by_verdict: dict[ComponentVerdict, list[str]] = {}
    for component, verdict in ablation.verdicts.items():
        names_by_verdict.setdefault(verdict, []).append(short_name(component, NAME_CHARS))
    parts = []
    for verdict in LOOKS:
        names = names_by_verdict.get(verdict, [])
        if names:
            verb = "is" if len(names) == 1 else "are"
            parts.append(f"{listed(names)} {verb} {verdict}")
    return upper_first("; ".join(parts))


def _subtitle(ablation: Ablation) -> list[str]:
    first = ablation.effects[0].passed
    counts = f"n = {quantity(first.n_cases, 'task')}, {quantity(first.n_trials, 'pair')} of runs"
    budget = f"each with a budget of ${ablation.budget_usd:g}"
    lines = [f"{counts}, {budget} · 95% intervals, each alone"]
    n_asked = ablation.effects[0].n_components
    if n_asked > 1:
        lines.append(
            f"a verdict allows for {n_asked} questions (Holm): it takes more than its interval"
        )
    if ablation.margin is not None:
        lines.append(f"dashed: the loss that would be acceptable, {ablation.margin:g}")
    return lines
