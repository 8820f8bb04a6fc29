"""The plot of how far raters agree."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.evals import Agreement
from toolkit.views.plots.rows import Mark, Row, plot_rows
from toolkit.views.plots.sentences import Interval, quoted
from toolkit.views.words import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_agreement"]

LABEL = "where one rater says so, share of the others who say the same (95% interval)"

MEASURES = {
    "alpha": "any raters, with gaps",
    "kappa": "by each rater's own habits",
    "AC1": "steady where a category is rare",
}
"""What each measure of agreement beyond chance is good for."""


@dataclass(frozen=True, slots=True)
class CategoryAgreement:
    """How far raters agree on one category."""

    category: object
    share: float
    """Of those who rate an item that one called so, those who do too."""
    interval: Interval | None
    n_ratings: int

    def __str__(self) -> str:
        """As ``“fail” (84%)``."""
        return f"{quoted(self.category)} ({self.share:.0%})"


def plot_agreement(agreement: Agreement, ax: "Axes | None" = None) -> "Axes":
    """On which category do raters agree? Of those who rate an item that one called so, the share
    who do too.
    """
    rows = []
    for category in by_category(agreement):
        mark = Mark(category.share, category.interval)
        rows.append(Row(category.category, (mark,), f"{category.n_ratings} ratings"))
    title = agreement_sentence(agreement)
    return plot_rows(rows, LABEL, ax, agreement.simulated, title, _about(agreement))


def by_category(agreement: Agreement) -> list[CategoryAgreement]:
    """The categories on which agreement is defined."""
    categories = []
    for name, row in agreement.by_category.iterrows():
        share = row["agreement"]
        low = row["low"]
        interval = None if low is None else (low, row["high"])
        if share is not None:
            categories.append(CategoryAgreement(name, share, interval, row["n"]))
    return categories


def _about(agreement: Agreement) -> list[str]:
    """The lines under the title, the second as ``beyond chance (1: always, 0: as by chance): alpha
    0.62``, with what each measure is.
    """
    raters = quantity(agreement.n_raters, "rater")
    lines = [f"n = {agreement.n_items} rated by two or more, {raters} · {agreement.labels_are}"]
    measures = []
    for name, meaning in MEASURES.items():
        value = getattr(agreement, name.lower())
        if value is not None:
            measures.append(f"{name} {value:.2f} ({meaning})")
    if measures:
        lines.append(f"beyond chance, of 1 at most: {' · '.join(measures)}")
    return lines


def agreement_sentence(agreement: Agreement) -> str:
    """On which category raters agree least."""
    categories = by_category(agreement)
    if not agreement.n_items or not categories:
        return "Nothing to show: no item has two ratings"
    categories.sort(key=lambda category: category.share)
    lowest = categories[0]
    highest = categories[-1]
    if len(categories) == 1:
        return f"Every rating is {quoted(lowest.category)}: there is nothing to disagree on"
    if lowest.share == highest.share:
        return f"Raters agree as far on each category: {lowest.share:.0%}"
    sentence = f"Raters agree least on {lowest}, most on {highest}"
    if len(categories) == 2:
        sentence = f"Raters agree less on {lowest} than on {highest}"
    return sentence
