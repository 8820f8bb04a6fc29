"""Alignment: how far a judge agrees with the labels, with intervals, and what became of missing verdicts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from toolkit import render
from toolkit.evals.columns import MEASURES, Values, measure, paired, refuse_other_codes, some

if TYPE_CHECKING:
    import pandas as pd

Policy = Literal["report", "exclude", "fail", "pass"]
"""An item without a verdict is left out (by the first two), or counted as a fail or a pass; it is always told of."""

TITLES = {
    "human": "Human alignment",
    "simulated": "Alignment with simulated labels",
    "model": "Alignment with a model's labels",
    None: "Alignment with labels of unstated origin",
}
SOURCES = ("simulated", "tape", "imported", "live")
BOTH_KNOWN = ({"pass", "fail"}, {0, 1})


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """A judge against labels. A measure that is undefined is None."""

    n: int
    """Items that the numbers rest on: the effective n."""
    confusion: "pd.DataFrame"
    """Counts: a row for each label, a column for each of the judge's."""
    accuracy: float | None
    """Share of equal verdicts."""
    kappa: float | None
    """Cohen's kappa (Cohen 1960), unweighted."""
    tpr: float | None
    """Share of the human positives that the judge calls positive."""
    tnr: float | None
    """Share of the others that the judge calls anything else."""
    tpr_interval: tuple[float, float] | None
    """Wilson's at 95% (Brown et al. 2001), as the next."""
    tnr_interval: tuple[float, float] | None
    precision: float | None
    """Of the positive label where there are two categories, else the macro mean; so are the next two."""
    recall: float | None
    f1: float | None
    reason: str
    """Why measures are None; blank where none is."""
    pairs: "pd.DataFrame" = field(repr=False)
    """A row an item: ``human``, ``judge``, ``status`` (``compared``, ``unparsed`` or ``deferred``), by id."""
    positive: Any
    """The category that tpr is of."""
    policy: Policy
    n_unparsed: int
    """Items with a label and no verdict that can be read."""
    n_deferred: int
    """Items that people put off; they are in no number."""
    human_kind: str | None = None
    """Who labelled (a `RaterKind`), and where the verdicts come from (a `Source`); None where nobody said."""
    judge_source: str | None = None

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
        if self.n_unparsed:
            counted = "left out" if self.policy in ("report", "exclude") else f"counted as {self.policy}"
            parts.append(f"{self.n_unparsed} unparsed, {counted}")
        parts += [f"{self.n_deferred} deferred"] * bool(self.n_deferred)
        origin = {"labels": self.human_kind, "judge": self.judge_source}
        return " · ".join([*parts, *(f"{who}: {kind}" for who, kind in origin.items() if kind)])

    def rate(self, name: Literal["tpr", "tnr"]) -> str:
        """In words, as ``TPR 0.75 (95% interval 0.30 to 0.95)``."""
        value, interval = getattr(self, name), getattr(self, f"{name}_interval")
        if value is None:
            return f"{name.upper()} undefined"
        return f"{name.upper()} {value:.2f} (95% interval {interval[0]:.2f} to {interval[1]:.2f})"

    def policies(self) -> "pd.DataFrame":
        """The measures under each way to treat items without a verdict: a row a policy, None where undefined."""
        import pandas as pd

        columns = ["n", *MEASURES, "reason"]
        found = {p: align(self.pairs["human"], self.pairs["judge"], self.positive, p) for p in get_args(Policy)}
        rows = {policy: [getattr(one, name) for name in columns] for policy, one in found.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=object).rename_axis("policy")

    def _repr_html_(self) -> str:
        rates = f"{self.rate('tpr')} · {self.rate('tnr')}"
        said = [render.tag("p", line) for line in (f"{self.title}: {self.subtitle}", rates, self.reason) if line]
        if self.n_unparsed:
            table = self.policies().drop(columns="reason").reset_index()
            shown = table.map(
                lambda cell: f"{cell:.2f}" if isinstance(cell, float) else "undefined" if cell is None else cell
            )
            said.append(render.table(shown.to_numpy().tolist(), list(shown)))
        return render.block(*said)


def align(
    human: Values,
    judge: Values,
    positive: Any = "pass",
    unparsed: Policy = "report",
    human_kind: str | Iterable[str] | None = None,
    judge_source: str | Iterable[str] | None = None,
) -> Alignment:
    """Compare a judge's verdicts with labels, in the same order, or as two Series that are aligned by index.

    A label ``"defer"`` is set aside and counted. A verdict that is None, NaN, blank or no human label is unparsed:
    left out (``report``, ``exclude``), counted as ``fail`` (where no label is called so, as the other of two, or as
    agreeing with nobody), or as ``pass`` (where no label is called so, as `positive`). With more than two categories
    tpr and tnr are of `positive` against the rest. `human_kind` and `judge_source` may be iterables, as
    ``frame["rater_kind"]``: a mixture is called by its least human, least live part.
    Raises ValueError where lengths or indexes differ, a label is missing, or the two use different codes for the same
    thing: a judge that writes "2" as 0 is a mistake in the table, and not a bad judge.
    """
    if unparsed not in get_args(Policy):
        raise ValueError(f"unparsed is one of {', '.join(get_args(Policy))}, not {unparsed!r}")
    pairs = paired(human, judge)
    if missing := list(pairs.index[pairs["human"].isna()]):
        raise ValueError(f"no human label for {some(missing)}: leave such items out before you align")
    known = set(pairs["human"]) - {"defer"}
    known = next((pair for pair in BOTH_KNOWN if known and known <= pair), known) | {positive} & set(pairs["judge"])
    labels = tuple(sorted(known, key=lambda label: (isinstance(label, str), label)))
    refuse_other_codes(pairs, labels)
    pairs["status"] = [
        "deferred" if row.human == "defer" else "compared" if row.judge in labels else "unparsed"
        for row in pairs.itertuples()
    ]
    counts = pairs["status"].value_counts()
    used = pairs[pairs["status"].isin(["compared"] if unparsed in ("report", "exclude") else ["compared", "unparsed"])]
    instead = _counted_as(unparsed, labels, positive)
    said = [row.judge if row.status == "compared" else instead for row in used.itertuples()]
    return Alignment(
        **measure(list(used["human"]), said, labels, positive),
        pairs=pairs,
        positive=positive,
        policy=unparsed,
        n_unparsed=int(counts.get("unparsed", 0)),
        n_deferred=int(counts.get("deferred", 0)),
        human_kind=_least(human_kind, ("simulated", "model", "human")),
        judge_source=_least(judge_source, SOURCES),
    )


def _counted_as(policy: str, labels: tuple[Any, ...], positive: Any) -> Any:
    """What an unparsed verdict counts as under ``pass`` or ``fail``; no label where it agrees with nobody."""
    if policy in labels or policy == "pass":
        return policy if policy in labels else positive
    rest = [label for label in labels if label != positive]
    return rest[0] if len(labels) == 2 and len(rest) == 1 else "unparsed"


def _least(kinds: str | Iterable[str] | None, order: tuple[str, ...]) -> str | None:
    """The one of `kinds` that stands first in `order`."""
    given = [kinds] if isinstance(kinds, str) else list(() if kinds is None else kinds)
    if unknown := set(given) - set(order):
        raise ValueError(f"{some(unknown)}: known are {', '.join(order)}")
    return min(given, key=order.index, default=None)
