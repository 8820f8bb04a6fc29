"""The plot of how far raters agree."""

from typing import TYPE_CHECKING

from toolkit.evals import Agreement
from toolkit.views.plots.rows import Mark, Row, plot_rows
from toolkit.views.plots.sentences import quoted
from toolkit.views.words import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_agreement"]


def plot_agreement(agreement: Agreement, ax: "Axes | None" = None) -> "Axes":
    """On which category do raters agree? Of those who rate an item that one called so, the share
    who do too.
    """
    rows = []
    for category, of_category in agreement.by_category.iterrows():
        share = of_category["agreement"]
        if share is None:
            continue
        low = of_category["low"]
        interval = None if low is None else (low, of_category["high"])
        rows.append(Row(category, (Mark(share, interval),), f"{of_category['n']} ratings"))
    raters = quantity(agreement.n_raters, "rater")
    counts = f"n = {agreement.n_items} rated by two or more, {raters} · {agreement.labels_are}"
    subtitle = [counts, *_chance_corrected(agreement)]
    title = agreement_sentence(agreement)
    label = "when one rater says so, the share of the others who do too, 95% interval"
    return plot_rows(rows, label, ax, agreement.simulated, title, subtitle)


def _chance_corrected(agreement: Agreement) -> list[str]:
    """A line as ``beyond chance: alpha 0.62, kappa 0.61, ac1 0.80``, where any is defined."""
    measures = []
    for name in ("alpha", "kappa", "ac1"):
        value = getattr(agreement, name)
        if value is not None:
            measures.append(f"{name} {value:.2f}")
    return [f"beyond chance: {', '.join(measures)}"] if measures else []


def agreement_sentence(agreement: Agreement) -> str:
    """On which category raters agree least."""
    shares = agreement.by_category["agreement"].dropna().sort_values(kind="stable")
    if not agreement.n_items or shares.empty:
        return "Nothing to show: no item has two ratings"
    lowest = quoted(shares.index[0])
    if len(shares) == 1:
        return f"Every rating is {lowest}: there is nothing to disagree on"
    low = shares.iloc[0]
    high = shares.iloc[-1]
    if low == high:
        return f"Raters agree as far on each category: {low:.0%}"
    highest = quoted(shares.index[-1])
    return f"Raters agree least on {lowest} ({low:.0%}), most on {highest} ({high:.0%})"
