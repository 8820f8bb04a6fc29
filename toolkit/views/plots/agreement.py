"""The plot of how far raters agree."""

from typing import TYPE_CHECKING

from toolkit.evals import Agreement
from toolkit.views.plots.rows import Mark, Row, plot_rows
from toolkit.views.plots.sentences import Interval, doubt, quoted
from toolkit.views.words import quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_agreement"]


def plot_agreement(agreement: Agreement, ax: "Axes | None" = None) -> "Axes":
    """On which category do raters agree? Of those who rate an item that one called so, the share
    who do too.
    """
    rows = []
    for category, of_category in agreement.by_category.iterrows():
        share = of_category["agreement"]
        if share is not None:
            mark = Mark(share, _interval(of_category))
            rows.append(Row(category, (mark,), f"{of_category['n']} ratings"))
    raters = quantity(agreement.n_raters, "rater")
    counts = f"n = {agreement.n_items} rated by two or more, {raters} · {agreement.labels_are}"
    subtitle = [counts, *_chance_corrected(agreement)]
    title = agreement_sentence(agreement)
    label = "where one rater says so, share of the others who say the same (95% interval)"
    return plot_rows(rows, label, ax, agreement.simulated, title, subtitle)


def _interval(of_category: "pd.Series") -> Interval | None:
    low = of_category["low"]
    high = of_category["high"]
    return None if low is None else (low, high)


def _chance_corrected(agreement: Agreement) -> list[str]:
    """A line as ``beyond chance: alpha 0.62, kappa 0.61, AC1 0.80``, where any is defined."""
    measures = []
    for name, value in (
        ("alpha", agreement.alpha),
        ("kappa", agreement.kappa),
        ("AC1", agreement.ac1),
    ):
        if value is not None:
            measures.append(f"{name} {value:.2f}")
    return [f"beyond chance: {', '.join(measures)}"] if measures else []


def agreement_sentence(agreement: Agreement) -> str:
    """On which category raters agree least, and whether chance may explain it."""
    categories = agreement.by_category.dropna(subset="agreement")
    if not agreement.n_items or categories.empty:
        return "Nothing to show: no item has two ratings"
    categories = categories.sort_values("agreement", kind="stable")
    lowest = categories.iloc[0]
    highest = categories.iloc[-1]
    if len(categories) == 1:
        return f"Every rating is {quoted(lowest.name)}: there is nothing to disagree on"
    if lowest["agreement"] == highest["agreement"]:
        return f"Raters agree as far on each category: {lowest['agreement']:.0%}"
    low = f"{quoted(lowest.name)} ({lowest['agreement']:.0%})"
    high = f"{quoted(highest.name)} ({highest['agreement']:.0%})"
    sentence = f"Raters agree least on {low}, most on {high}"
    if len(categories) == 2:
        sentence = f"Raters agree less on {low} than on {high}"
    return sentence + doubt(_interval(lowest), _interval(highest))
