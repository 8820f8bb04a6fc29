"""AdjudicationPanel: what raters disagree on, their reasons side by side, and a last word in a file
of its own.
"""

from collections.abc import Iterable
from os import PathLike

from ipywidgets import Widget

from toolkit import evals, render
from toolkit.evals.labels.labels import Label, LabelStore
from toolkit.evals.labels.spelled import tidy
from toolkit.evals.labels.tables import gather_labels
from toolkit.traces import Trace
from toolkit.views.panels.annotate import AnnotationPanel
from toolkit.views.panels.page import Page
from toolkit.views.panels.panel import user_name
from toolkit.views.panels.quotefield import pointer_html
from toolkit.views.panels.reading import WINDOW
from toolkit.views.panels.verdicts import quotes_of
from toolkit.views.words import quantity

__all__ = ["AdjudicationPanel"]


class AdjudicationPanel(AnnotationPanel):
    """An `AnnotationPanel` on those of `traces` that raters gave different verdicts, with what each
    of them wrote.

    `stores` are the raters' files, read once; the adjudicated labels go to `store`. Raises
    ValueError where that is a rater's own file, or `rater` one of the raters; else as
    `merge_labels` does.
    """

    def __init__(
        self,
        traces: Iterable[Trace],
        stores: Iterable[str | PathLike[str]],
        store: str | PathLike[str],
        rater: str | None = None,
        height: str = WINDOW,
    ):
        rater_stores = [LabelStore(path) for path in stores]
        labels = gather_labels(rater_stores)
        adjudicator = tidy(user_name(rater))
        _refuse_own_file(store, rater_stores)
        _refuse_own_name(adjudicator, labels)
        self._labels_of: dict[str, list[Label]] = {}
        kinds = set()
        for label in sorted(labels, key=lambda label: label.rater):
            self._labels_of.setdefault(label.trace_id, []).append(label)
            kinds.add(label.rater_kind)
        badges: list[object] = [agreement_so_far(rater_stores)]
        for kind in sorted(kinds - {"human"}):
            badges.append(f"{kind} raters")
        self._badges = tuple(badges)
        disputed = [trace for trace in traces if self._disputed(trace.id)]
        super().__init__(disputed, store, adjudicator, height)
        self.add_class("fieldbook-adjudicate")

    def _draw_side(self, page: Page) -> list[Widget]:
        """What the raters said, and under it the verdicts with the reason."""
        rows = super()._draw_side(page)
        return [*rows[-1:], *rows[:-1]] if self.trace else rows

    def _disputed(self, trace_id: str) -> bool:
        """Whether the raters gave a trace different verdicts."""
        verdicts = {label.verdict for label in self._labels_of.get(trace_id, [])}
        return len(verdicts) > 1

    def _quotes(self) -> list[tuple[str, str]]:
        """The words that the raters quote, and those of the adjudicator."""
        raters = self._labels_of[self.trace.id] if self.trace else []
        return [*quotes_of(raters), *super()._quotes()]

    def _aside(self) -> object:
        """What each rater said of the trace, side by side."""
        if self.trace is None:
            return ""
        cards = []
        for label in self._labels_of[self.trace.id]:
            verdict = render.tag("span", label.verdict, class_=f"verdict {label.verdict}")
            who = render.tag("div", verdict, f" {label.rater} ({label.rater_kind})")
            about = render.tag("div", pointer_html(self.trace, label))
            cards.append(render.tag("div", who, render.tag("p", label.why), about, class_="rater"))
        return render.tag("div", *cards, class_="raters")


def agreement_so_far(stores: Iterable[str | PathLike[str]]) -> render.Html | str:
    """On how many of the traces that several raters judged they all say the same.

    The coefficient stands behind the words, for who points at them.
    """
    ratings = evals.merge_labels(stores)
    rated_twice = ratings[ratings.notna().sum(axis=1) > 1]
    if rated_twice.empty:
        return "no trace has two verdicts yet"
    n_alike = int((rated_twice.nunique(axis=1) == 1).sum())
    words = f"raters agree on {n_alike} of {quantity(len(rated_twice), 'trace')}"
    agreement = evals.agreement(rated_twice)
    coefficient = agreement.reason
    if agreement.alpha is not None:
        coefficient = f"Krippendorff's alpha {agreement.alpha:.2f}: 1 is agreement, 0 is chance"
    return render.tag("span", words, title=coefficient)


def _refuse_own_file(store: str | PathLike[str], rater_stores: Iterable[LabelStore]) -> None:
    adjudicated = LabelStore(store, make=True).path.resolve()
    for rater_store in rater_stores:
        if rater_store.path.resolve() == adjudicated:
            why = f"{store} is a rater's own file: adjudicated labels need another one"
            raise ValueError(why)


def _refuse_own_name(adjudicator: str, labels: Iterable[Label]) -> None:
    for label in labels:
        if label.rater.casefold() == adjudicator.casefold():
            why = f"{adjudicator} is one of the raters: give rater=, for example 'ada and bo'"
            raise ValueError(why)
