"""Alignment: how far a judge agrees with the labels, with intervals, and what became of missing verdicts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from toolkit import render
from toolkit.evals import columns
from toolkit.evals.columns import RATERS, SOURCES, Origin, Policy, Values, some
from toolkit.evals.confusion import MEASURES, UNDEFINED, measures
from toolkit.evals.disagreements import Disagreements
from toolkit.traces import Trace

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ["n", "accuracy", "kappa", "tpr", "tnr", "precision", "recall", "f1"]
KEPT = ("positive", "policy", "human_kind", "judge_source", "judge_hash", "computed")


@dataclass(frozen=True, kw_only=True)
class Alignment(Origin):
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
    """Share of the human positives that the judge calls positive; `tpr_interval` is its `interval` at 95%."""
    tnr: float | None
    """Share of the others that the judge calls anything else."""
    precision: float | None
    """Of the positive label where there are two categories, else the macro mean; so are the next two."""
    recall: float | None
    f1: float | None
    alpha: float | None
    """Krippendorff's, nominal."""
    ac1: float | None
    """Gwet's AC1 (2008): like the next, it stays up where nearly everything passes and kappa falls."""
    pabak: float | None
    """Kappa adjusted for prevalence and bias (Byrt et al. 1993)."""
    generosity: float | None
    """Share that the judge passes and people fail, less the share of the reverse: above 0 it is too kind."""
    reason: str
    """Why measures are None; blank where none is."""
    pairs: "pd.DataFrame" = field(repr=False)
    """A row an item, by id: ``human``, ``judge``, ``status`` (``compared``, ``unparsed`` or ``deferred``), ``counted``
    (the verdict as it entered the numbers, None where it did not), and ``group``, ``slice``, ``why`` and ``critique``
    where they were given."""
    positive: Any
    """The category that tpr is of."""
    policy: Policy
    n_unparsed: int
    """Items with a label and no verdict that can be read."""
    n_deferred: int
    """Items that people put off; they are in no number."""
    judge_hash: str | None = None
    """Of the judge whose `Verdict`s these are."""
    computed: bool = False
    """Whether code said all of them, and no model was asked."""

    @property
    def title(self) -> str:
        """What a report of this may be called: human alignment only where people labelled."""
        return "Human alignment" if self.human_kind == "human" else f"Alignment with {self.labels_are}"

    @property
    def subtitle(self) -> str:
        """Who is compared with whom, on how many items, and what is missing."""
        counted = "left out" if self.policy in ("report", "exclude") else f"counted as {self.policy}"
        parts = {
            f"n = {self.n}": True,
            f"{len(set(self.used.get('group', ())))} groups": "group" in self.pairs,
            f"{self.n_unparsed} unparsed, {counted}": self.n_unparsed,
            f"{self.n_deferred} deferred": self.n_deferred,
            f"labels: {self.human_kind}": self.human_kind,
            f"judge: {columns.said_by(self.judge_source, self.computed)}": self.judge_source,
            f"traces: {self.trace_source}": self.trace_source == "simulated",
        }
        return " · ".join(part for part, told in parts.items() if told)

    @property
    def tpr_interval(self) -> tuple[float, float] | None:
        """95%: Wilson's, or where there are groups their bootstrap."""
        return self.interval("tpr")

    @property
    def tnr_interval(self) -> tuple[float, float] | None:
        """As `tpr_interval`."""
        return self.interval("tnr")

    @property
    def used(self) -> "pd.DataFrame":
        """The rows of `pairs` that the numbers rest on."""
        return self.pairs[self.pairs["counted"].notna()]

    def rate(self, name: Literal["tpr", "tnr"]) -> str:
        """In words, as ``TPR 0.75 (95% interval 0.30 to 0.95)``."""
        value, interval = getattr(self, name), getattr(self, f"{name}_interval")
        if value is None or interval is None:
            return f"{name.upper()} undefined"
        return f"{name.upper()} {value:.2f} (95% interval {interval[0]:.2f} to {interval[1]:.2f})"

    def counts(self, name: str) -> tuple[int, int]:
        """How many, of how many, for ``tpr``, ``tnr`` or ``accuracy``."""
        people, said = (self.used[column] for column in ("human", "counted"))
        of = people.notna() if name == "accuracy" else people.eq(self.positive).eq(name == "tpr")
        right = people.eq(said) if name == "accuracy" else said.eq(self.positive).eq(name == "tpr")
        return int((of & right).sum()), int(of.sum())

    def interval(
        self, name: str, method: str | None = None, level: float = 0.95, resamples: int = 2000, seed: int = 0
    ) -> tuple[float, float] | None:
        """The interval of a measure; None where it is undefined.

        `method` is ``wilson`` or ``exact`` (Clopper-Pearson), of tpr, tnr and accuracy, or ``bootstrap``, of any; None
        is Wilson's where there is one, but with groups the bootstrap, which draws whole groups.
        """
        share = name in ("tpr", "tnr", "accuracy")
        method = method or ("wilson" if share and "group" not in self.pairs else "bootstrap")
        if name not in MEASURES or method not in ["bootstrap", *["wilson", "exact"] * share]:
            shares = "wilson and exact are of tpr, tnr and accuracy"
            raise ValueError(f"no {method} interval of {name}: {shares}, bootstrap of {', '.join(MEASURES)}")
        if getattr(self, name) is None:
            return None
        if method != "bootstrap":
            return columns.proportion(*self.counts(name), level, method)
        return columns.percentile(self.drawn(resamples, seed)[name], level)

    def drawn(self, resamples: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Each measure in ``(resamples,)`` bootstrap resamples of the items, or of the groups where there are any."""
        labels, known = list(self.confusion.index), list(self.confusion.columns)
        code = [[known.index(value) for value in self.used[column]] for column in ("human", "counted")]
        tables = np.zeros((self.n, len(known), len(known)))
        tables[np.arange(self.n), code[0], code[1]] = 1
        at = labels.index(self.positive) if self.positive in labels else None
        return measures(columns.resampled(tables, self.groups, resamples, seed), len(labels), at)

    @property
    def groups(self) -> np.ndarray | None:
        """The number of its group for each row of `used`; None where no groups were given."""
        if "group" not in self.pairs:
            return None
        return np.unique(self.used["group"].map(repr).to_numpy(dtype=str), return_inverse=True)[1]

    def policies(self) -> "pd.DataFrame":
        """The measures under each way to treat items without a verdict: a row a policy, None where undefined."""
        human, judge, groups = self.pairs["human"], self.pairs["judge"], self.pairs.get("group")
        found = {p: align(human, judge, self.positive, p, groups=groups) for p in get_args(Policy)}
        return alignments_frame(found).rename_axis("policy")

    def by_slice(self) -> dict[Any, "Alignment"]:
        """An alignment for each value of ``slices``."""
        parts = self.pairs.groupby("slice", sort=True) if "slice" in self.pairs else ()
        kept = {name: getattr(self, name) for name in KEPT}
        return {name: _measured(part, tuple(self.confusion.index), **kept) for name, part in parts}

    def disagreements(self, traces: Iterable[Trace] = ()) -> "Disagreements":
        """What to read next: the judge's wrong passes, its wrong fails, then what is unparsed; each opens its trace."""
        rows = self.pairs[self.pairs["status"].ne("deferred") & self.pairs["human"].ne(self.pairs["judge"])]
        order = rows["judge"].ne(self.positive).where(rows["status"].eq("compared"), 2).astype(int)
        return Disagreements(rows.loc[order.sort_values(kind="stable").index], {trace.id: trace for trace in traces})

    def _repr_html_(self) -> str:
        rates = f"{self.rate('tpr')} · {self.rate('tnr')}"
        said = [render.tag("p", line) for line in (f"{self.title}: {self.subtitle}", rates, self.reason) if line]
        if self.n_unparsed:
            table = self.policies()[SHOWN].reset_index()
            shown = table.map(lambda v: f"{v:.2f}" if isinstance(v, float) else "undefined" if v is None else v)
            said.append(render.table(shown.to_numpy().tolist(), list(shown)))
        return render.block(*said)


def align(
    human: Values,
    judge: Values,
    positive: Any = "pass",
    unparsed: Policy = "report",
    human_kind: str | Iterable[str] | None = None,
    judge_source: str | Iterable[str] | None = None,
    groups: "Values | None" = None,
    slices: "Values | None" = None,
) -> Alignment:
    """Compare a judge's verdicts with labels, in the same order, or as Series (or dicts) that are aligned by index.

    `human` may also be a list of `Label`s and `judge` of `Verdict`s: they are aligned by trace, and tell kind, source
    and the judge's hash themselves. True and False are 1 and 0.
    A label ``"defer"`` is set aside and counted. A verdict that is None, NaN, blank or no human label is unparsed:
    left out (``report``, ``exclude``), counted as ``fail`` (where no label is called so, as the other of two, or as
    agreeing with nobody), or as ``pass`` (where no label is called so, as `positive`). With more than two categories
    tpr and tnr are of `positive` against the rest. `human_kind` and `judge_source` may be iterables, as
    ``frame["rater_kind"]``: a mixture is called by its least human, least live part. Items that are not independent,
    as turns of one conversation or phrasings of one situation, share a value of `groups`.
    Raises ValueError where lengths or indexes differ, a label or group is missing, verdicts are of several judges, or
    the two use different codes for the same thing: a judge that writes "2" as 0 is a mistake in the table, and not a
    bad judge.
    """
    if unparsed not in get_args(Policy):
        raise ValueError(f"unparsed is one of {', '.join(get_args(Policy))}, not {unparsed!r}")
    (human, labelled), (judge, verdicts) = columns.by_trace(human), columns.by_trace(judge)
    also = {"group": groups, "slice": slices, "why": labelled.get("why"), "critique": verdicts.get("critique")}
    given = {name: values for name, values in also.items() if values is not None}
    pairs = columns.joined(human=human, judge=judge, **given)
    for name, hint in (("human", "human label"), ("group", "group"), ("slice", "slice")):
        if name in pairs and (missing := list(pairs.index[pairs[name].isna()])):
            raise ValueError(f"no {hint} for {some(missing)}: leave such items out before you align")
    positive = columns.plain(positive)
    labels = columns.categories(pairs["human"], {positive} & set(pairs["judge"]))
    columns.refuse_other_codes(pairs["judge"][pairs["human"].ne("defer")], labels)
    status = pairs["judge"].isin(labels).map({True: "compared", False: "unparsed"})
    pairs["status"] = status.mask(pairs["human"].eq("defer"), "deferred")
    instead = columns.counted_as(unparsed, labels, positive)
    counted = pairs["judge"].where(pairs["status"].eq("compared"), None)
    pairs["counted"] = counted.mask(pairs["status"].eq("unparsed"), instead)
    hashes = set(verdicts.get("judge", ()))
    if len(hashes) > 1:
        raise ValueError(f"the verdicts are of {len(hashes)} judges ({some(sorted(hashes))}): align one at a time")
    kinds = columns.least(RATERS, labelled.get("rater_kind"), human_kind)
    sources, one = columns.least(SOURCES, verdicts.get("source"), judge_source), next(iter(hashes), None)
    told = {"human_kind": kinds, "judge_source": sources, "judge_hash": one}
    told["trace_source"] = columns.least(SOURCES, filter(None, verdicts.get("trace_source", ())))
    told["computed"] = bool(verdicts) and all(verdicts["computed"])
    return _measured(pairs, labels, positive=positive, policy=unparsed, **told)


def alignments_frame(alignments: Mapping[Any, Alignment]) -> "pd.DataFrame":
    """Alignments side by side: a row each, with n, the measures, the intervals of tpr and tnr, None where undefined."""
    import pandas as pd

    names = ["n", "n_unparsed", *MEASURES, "tpr_interval", "tnr_interval", "reason"]
    rows = {name: [getattr(one, column) for column in names] for name, one in alignments.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=names, dtype=object)


def _measured(pairs: "pd.DataFrame", labels: tuple[Any, ...], positive: Any, **told: Any) -> Alignment:
    import pandas as pd

    used = pairs[pairs["counted"].notna()]
    names = list(dict.fromkeys([*labels, *used["counted"]]))
    counts = pd.crosstab(used["human"], used["counted"]).reindex(index=names, columns=names, fill_value=0)
    values = measures(counts.to_numpy(dtype=float), len(labels), labels.index(positive) if positive in labels else None)
    found: dict[str, Any] = {name: None if np.isnan(value) else float(value) for name, value in values.items()}
    why = UNDEFINED if len(used) else dict.fromkeys(MEASURES, UNDEFINED["accuracy"])
    gaps = [f"{name}: {why[name].format(positive=positive, labels=labels)}" for name in MEASURES if found[name] is None]
    table = counts.loc[list(labels)].rename_axis(index="labels", columns="judge")
    found |= {f"n_{status}": int(pairs["status"].eq(status).sum()) for status in ("unparsed", "deferred")}
    found |= {"n": len(used), "confusion": table, "reason": "; ".join(gaps), "pairs": pairs, "positive": positive}
    return Alignment(**found, **told)
