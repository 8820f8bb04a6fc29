"""AdjudicationPanel: what raters disagree on, their reasons side by side, and a last word in a file
of its own.
"""

from collections.abc import Iterable
from os import PathLike

from toolkit import evals, render
from toolkit.evals.labels.labels import Label, LabelStore, tidy
from toolkit.evals.labels.tables import gather_labels
from toolkit.traces import Trace
from toolkit.views.panels.annotate import AnnotationPanel
from toolkit.views.panels.page import user_name

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
        height: str = "22rem",
    ):
        rater = tidy(user_name(rater))
        read = [LabelStore(file) for file in stores]
        labels = sorted(gather_labels(read), key=lambda label: label.rater)
        if LabelStore(store, make=True).path.resolve() in {each.path.resolve() for each in read}:
            raise ValueError(f"{store} is a rater's own file: adjudicated labels need another one")
        if rater.casefold() in {label.rater.casefold() for label in labels}:
            raise ValueError(f"{rater} is one of the raters: give rater=, for example 'ada and bo'")
        self._said: dict[str, list[Label]] = {}
        for label in labels:
            self._said.setdefault(label.trace_id, []).append(label)
        disputed = [
            t for t in traces if len({label.verdict for label in self._said.get(t.id, ())}) > 1
        ]
        kinds = sorted({label.rater_kind for label in labels} - {"human"})
        self._badges = (agreement_so_far(read), *(f"{kind} raters" for kind in kinds))
        super().__init__(disputed, store, rater, height)

    def _aside(self, trace_id: str, _: Label | None) -> object:
        said = self._said.get(trace_id, ())
        heads = [f"{label.rater} ({label.rater_kind}): {label.verdict}" for label in said]
        return (
            render.table([[render.tag("pre", label.why) for label in said]], heads) if said else ""
        )


def agreement_so_far(stores: Iterable[str | PathLike[str]]) -> str:
    """How far the raters agree on the traces that several of them judged, in one line."""
    ratings = evals.merge_labels(stores)
    several = ratings[ratings.notna().sum(axis=1) > 1]
    if several.empty:
        return "no trace has two verdicts yet"
    found = evals.agreement(several)
    alpha = f"alpha {found.alpha:.2f}" if found.alpha is not None else f"no alpha: {found.reason}"
    return f"{alpha} on {len(several)} traces"
