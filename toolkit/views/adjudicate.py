"""AdjudicationPanel: what raters disagree on, their reasons side by side, and a last word in a file of its own."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from toolkit import evals, render
from toolkit.evals.labels import Label, LabelStore, gather_labels
from toolkit.traces import Trace
from toolkit.views.annotate import AnnotationPanel, user_name

__all__ = ["AdjudicationPanel"]


class AdjudicationPanel(AnnotationPanel):
    """An `AnnotationPanel` on the traces that raters gave different verdicts, with what each of them wrote.

    Parameters
    ----------
    traces : iterable of Trace
        Those that the labels are about; where raters agree, or fewer than two spoke, a trace is left out.
    stores : iterable of str, Path or LabelStore
        The raters' files. They are read only, and once.
    store : str or Path
        Where the adjudicated labels go.
    rater : str or None
        Who adjudicates; None takes the user name of the environment.

    Raises
    ------
    ValueError
        Where `store` is one of `stores`, or the adjudicator one of the raters; else as `merge_labels` does.
    """

    def __init__(
        self,
        traces: Iterable[Trace],
        stores: Iterable[LabelStore | str | Path],
        store: str | Path,
        rater: str | None = None,
        height: str = "22rem",
    ):
        read, rater = [one if isinstance(one, LabelStore) else LabelStore(one) for one in stores], rater or user_name()
        labels = gather_labels(read)
        if Path(store).resolve() in {one.path.resolve() for one in read}:
            raise ValueError(f"{store} is a rater's own file: adjudicated labels need another one")
        if rater in {label.rater for label in labels}:
            raise ValueError(f"{rater} is one of the raters: give rater=, for example 'ada and bo'")
        self._said: dict[str, list[Label]] = {}
        for label in sorted(labels, key=lambda label: label.rater):
            self._said.setdefault(label.trace_id, []).append(label)
        self._told = agreement_so_far(read)
        if any(label.rater_kind == "simulated" for label in labels):
            self._told += ", simulated"
        super().__init__([trace for trace in traces if self._disputed(trace.id)], store, rater, height)

    def _disputed(self, trace_id: str) -> bool:
        return len({label.verdict for label in self._said.get(trace_id, ())}) > 1

    def _badges(self) -> Sequence[str]:
        return (self._told,)

    def _aside(self, trace_id: str, earlier: Label | None) -> object:  # noqa: ARG002
        said = self._said.get(trace_id, ())
        heads = [f"{label.rater} ({label.rater_kind}): {label.verdict}" for label in said]
        return render.table([[render.tag("pre", label.why) for label in said]], heads) if said else ""


def agreement_so_far(stores: Iterable[LabelStore | str | Path]) -> str:
    """One line: how far the raters agree on the traces that several of them judged."""
    ratings = evals.merge_labels(stores)
    several = ratings[ratings.notna().sum(axis=1) > 1]
    if several.empty:
        return "no trace has two verdicts yet"
    if agreement := getattr(evals, "agreement", None):
        found = agreement(several)
        alpha = f"alpha {found.alpha:.2f}" if found.alpha is not None else f"no alpha: {found.reason}"
        return f"{alpha} on {len(several)} traces"
    same = (several.nunique(axis=1) == 1).sum()
    return f"the raters agree on {same} of {len(several)} traces ({same / len(several):.0%}; chance not taken out)"
