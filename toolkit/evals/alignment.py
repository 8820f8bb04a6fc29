"""Alignment: how far a judge agrees with the labels, with intervals, and what became of missing verdicts.

>>> found = align(["pass", "pass", "fail", "fail"], ["pass", "pass", "pass", None])
>>> found.tpr, found.tnr, found.n, found.n_unparsed
(1.0, 0.0, 3, 1)
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from toolkit import render
from toolkit.evals.measure import UNPARSED, Measures, measure
from toolkit.evals.pairing import Values, paired, refuse_other_codes, some, sorted_labels

if TYPE_CHECKING:
    import pandas as pd

Policy = Literal["report", "exclude", "fail", "pass"]
"""An item without a verdict is left out and shown, left out, counted as a fail, or counted as a pass."""

TITLES = {
    "human": "Human alignment",
    "simulated": "Alignment with simulated labels",
    "model": "Alignment with a model's labels",
    None: "Alignment with labels of unstated origin",
}
BOTH_KNOWN = ({"pass", "fail"}, {0, 1})
SHOWN = ("accuracy", "kappa", "tpr", "tnr", "precision", "recall", "f1")


@dataclass(frozen=True, kw_only=True)
class Alignment(Measures):
    """A judge against labels. Its measures are those of `Measures`."""

    pairs: "pd.DataFrame" = field(repr=False)
    """A row an item: ``human``, ``judge``, ``status`` (``compared``, ``unparsed`` or ``deferred``), by id."""
    labels: tuple[Any, ...]
    """The categories."""
    positive: Any
    """The one that tpr is of."""
    policy: Policy
    """What became of items without a verdict."""
    n_unparsed: int
    """Items with a label and no verdict that can be read."""
    n_deferred: int
    """Items that people put off; they are in no number."""
    human_kind: str | None = None
    """Who labelled: ``human``, ``model``, ``simulated``, or None where nobody said."""
    judge_source: str | None = None
    """Where the verdicts come from: ``live``, ``tape``, ``simulated``, ``imported``, or None."""

    @property
    def title(self) -> str:
        """What a report of this may be called: human alignment only where people labelled."""
        return TITLES[self.human_kind]

    @property
    def simulated(self) -> bool:
        """Whether the labels or the verdicts are simulated."""
        return "simulated" in (self.human_kind, self.judge_source)

    @property
    def subtitle(self) -> str:
        """Who is compared with whom, on how many items, and what is missing."""
        parts = [f"n = {self.n}"]
        if self.policy != "exclude":
            counted = "left out" if self.policy == "report" else f"counted as {self.policy}"
            parts += [f"{self.n_unparsed} unparsed, {counted}"] * bool(self.n_unparsed)
        parts += [f"{self.n_deferred} deferred"] * bool(self.n_deferred)
        origin = {"labels": self.human_kind, "judge": self.judge_source}
        return " · ".join([*parts, *(f"{who}: {kind}" for who, kind in origin.items() if kind)])

    def policies(self) -> "pd.DataFrame":
        """The measures under each way to treat items without a verdict: a row a policy, None where undefined."""
        import pandas as pd

        rows: dict[str, list[Any]] = {}
        for policy in get_args(Policy):
            try:
                found = _measure(self.pairs, self.labels, self.positive, policy)
            except ValueError as error:
                rows[policy] = [0, *[None] * len(SHOWN), str(error)]
            else:
                rows[policy] = [found.n, *(getattr(found, name) for name in SHOWN), found.reason]
        columns = ["n", *SHOWN, "reason"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=object).rename_axis("policy")

    def _repr_html_(self) -> str:
        counts = [[label, *row] for label, row in zip(self.confusion.index, self.confusion.to_numpy(), strict=True)]
        body = [
            render.tag("p", render.tag("strong", self.title)),
            render.tag("p", self.subtitle),
            render.table([[name, _shown(self, name)] for name in SHOWN]),
            render.table(counts, ["human \\ judge", *self.confusion.columns]),
        ]
        if self.n_unparsed and self.policy != "exclude":
            kept = [[policy, *map(_number, row[:-1])] for policy, *row in self.policies().itertuples()]
            body.append(render.details("each way to count the unparsed", render.table(kept, ["", "n", *SHOWN])))
        return render.block(*body, render.tag("p", self.reason) if self.reason else "")


def align(
    human: "Values",
    judge: "Values",
    positive: Any = "pass",
    unparsed: Policy = "report",
    human_kind: str | Iterable[str] | None = None,
    judge_source: str | Iterable[str] | None = None,
) -> Alignment:
    """Compare a judge's verdicts with labels.

    Parameters
    ----------
    human, judge : (n,) list, ndarray or Series
        In the same order; two Series are aligned by index. A label ``"defer"`` is set aside and counted. A
        verdict that is None, NaN, blank or no human label is unparsed.
    positive : label
        What tpr is of. With more than two categories tpr and tnr are of it against the rest, and precision,
        recall and f1 are macro means.
    unparsed : {"report", "exclude", "fail", "pass"}
        ``report`` leaves them out of the numbers and shows them; ``exclude`` leaves them out; ``pass`` counts
        them as pass (where no label is called so, as `positive`); ``fail`` as fail (as the other of two
        labels; of more than two, as a verdict that agrees with nobody).
    human_kind : {"human", "model", "simulated"} or an iterable of them, optional
        Who labelled, for instance ``frame["rater_kind"]``. A mixture is called by its least human part.
    judge_source : {"live", "tape", "simulated", "imported"} or an iterable of them, optional
        Where the verdicts come from.

    Returns
    -------
    Alignment

    Raises
    ------
    ValueError
        Where lengths or indexes differ, a label is missing, or the two use different codes for the same
        thing: a judge that writes "2" as 0 is a mistake in the table, and not a bad judge.
    """
    import pandas as pd

    ids, given, told = paired(human, judge)
    missing = [name for name, label in zip(ids, given, strict=True) if label is None]
    if missing:
        raise ValueError(f"no human label for {some(missing)}: leave such items out before you align")
    known = {label for label in given if label != "defer"}
    for pair in BOTH_KNOWN:
        known |= pair if known and known <= pair else set()
    known |= {positive} & set(told)
    labels = sorted_labels(known)
    refuse_other_codes(given, told, labels)
    status = [
        "deferred" if label == "defer" else "compared" if verdict in labels else "unparsed"
        for label, verdict in zip(given, told, strict=True)
    ]
    pairs = pd.DataFrame(
        {"human": given, "judge": told, "status": status}, index=pd.Index(ids, name="id"), dtype=object
    )
    measures = _measure(pairs, labels, positive, unparsed)
    return Alignment(
        **vars(measures),
        pairs=pairs,
        labels=labels,
        positive=positive,
        policy=unparsed,
        n_unparsed=status.count("unparsed"),
        n_deferred=status.count("deferred"),
        human_kind=_least(human_kind, ("simulated", "model", "human")),
        judge_source=_least(judge_source, ("simulated", "tape", "imported", "live")),
    )


def _measure(pairs: "pd.DataFrame", labels: tuple[Any, ...], positive: Any, policy: str) -> Measures:
    if policy not in get_args(Policy):
        raise ValueError(f"unparsed is one of {', '.join(get_args(Policy))}, not {policy!r}")
    kept = ("compared",) if policy in ("report", "exclude") else ("compared", "unparsed")
    rows = pairs[pairs["status"].isin(kept)]
    instead = None if len(kept) == 1 else _counted_as(policy, labels, positive)
    judge = [
        verdict if status == "compared" else instead
        for verdict, status in zip(rows["judge"], rows["status"], strict=True)
    ]
    return measure(list(rows["human"]), judge, labels, positive)


def _counted_as(policy: str, labels: tuple[Any, ...], positive: Any) -> Any:
    """The label that an unparsed verdict counts as under ``pass`` or ``fail``."""
    if policy in labels:
        return policy
    if policy == "fail":
        rest = [label for label in labels if label != positive]
        return rest[0] if len(rest) == 1 and len(labels) == 2 else UNPARSED
    if positive in labels:
        return positive
    raise ValueError(f"no label is 'pass', nor is positive={positive!r}; the labels are {list(labels)}")


def _least(given: str | Iterable[str] | None, order: tuple[str, ...]) -> str | None:
    """The first of `order` that is in `given`."""
    kinds = {given} if isinstance(given, str) else set(given or ())
    if kinds - set(order):
        raise ValueError(f"{some(kinds - set(order))}: known are {', '.join(order)}")
    return next((kind for kind in order if kind in kinds), None)


def _number(value: Any) -> str:
    return "undefined" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _shown(found: Alignment, name: str) -> str:
    interval = getattr(found, f"{name}_interval", None)
    return _number(getattr(found, name)) + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")
