"""The plot of the self-evaluation trap: what each of two reviewers lets through."""

from typing import TYPE_CHECKING

from toolkit.evals.experiments.difference import p_in_words
from toolkit.harness.experiments import FIELD_FIGURES, Trap
from toolkit.harness.experiments.words import bounds_in_points, in_points
from toolkit.views.plots.figure import BLUE, BROWN, SOFT, in_our_look, legend_below
from toolkit.views.plots.rows import Mark, Row, bounds_of, plot_rows
from toolkit.views.plots.sentences import CHANCE
from toolkit.views.words import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLAIMED = FIELD_FIGURES[0]


@in_our_look
def plot_trap(trap: Trap, ax: "Axes | None" = None) -> "Axes":
    """Does a reviewer pass defects in what it built itself, that another would not? And how many
    good artefacts does either fail?

    Parameters
    ----------
    trap
        What `self_evaluation_trap` found. A dotted line is the field's figure: how many of its
        failing trials an agent called a success.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    """
    if trap.difference is None:
        return plot_rows([], "", ax, trap.simulated, trap_sentence(trap))
    rows = []
    for arm in (trap.self_review, trap.separate):
        defects = Mark(
            arm.false_pass.value, bounds_of(arm.false_pass), "o", BLUE, "planted defects passed"
        )
        good = Mark(
            arm.false_fail.value, bounds_of(arm.false_fail), "s", BROWN, "good artefacts failed"
        )
        usd = "no defect caught"
        if arm.usd_a_defect is not None:
            usd = f"${arm.usd_a_defect:.2f} a defect\ncaught"
        rows.append(Row(arm.name, (defects, good), usd))
    ax = plot_rows(
        rows, "share of the artefacts", ax, trap.simulated, trap_sentence(trap), _subtitle(trap)
    )
    name = f"the field's {CLAIMED.words}"
    ax.axvline(CLAIMED.value, color=SOFT, lw=1.6, ls=":", label=name)
    legend_below(ax)
    return ax


def trap_sentence(trap: Trap) -> str:
    """What either reviewer lets through, and whether chance may explain it."""
    if trap.difference is None:
        return "Nothing to show: no planted defect has both verdicts"
    n_passed = []
    for arm in (trap.self_review, trap.separate):
        rate = arm.false_pass
        n_passed.append(round((rate.value or 0.0) * rate.n_trials))
    defects = quantity(trap.n, "planted defect")
    sentence = f"Of {defects}, self-review passes {n_passed[0]}, a separate evaluator {n_passed[1]}"
    return sentence if trap.is_shown else sentence + CHANCE


def _subtitle(trap: Trap) -> list[str]:
    """The difference with its interval and test; and what the dotted line is."""
    low, high = trap.interval or (0.0, 0.0)
    points = f"{in_points(trap.difference or 0.0)} points ({bounds_in_points(low, high)})"
    test = "the two never differ" if trap.p is None else f"McNemar exact {p_in_words(trap.p)}"
    counts = f"n = {trap.n} defective and {trap.n_clean} good, reviewed by both"
    return [
        f"{counts} · 95% intervals",
        f"difference of false passes: {points}, {test}",
        f"dotted: {CLAIMED.of} ({CLAIMED.source})",
    ]
