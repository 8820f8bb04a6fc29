"""Alignment: how far a judge agrees with the labels, with intervals, and what became of missing
verdicts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from toolkit import render
from toolkit.evals.alignment import intervals
from toolkit.evals.alignment.categories import NO_VERDICT, Policy
from toolkit.evals.alignment.confusion import MEASURES, measures, resampled_tables
from toolkit.evals.alignment.disagreements import Disagreements
from toolkit.evals.alignment.measured import measured
from toolkit.evals.alignment.origin import Origin, judge_in_words
from toolkit.evals.alignment.pairing import group_numbers
from toolkit.traces import Trace

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ["n", "accuracy", "kappa", "tpr", "tnr", "precision", "recall", "f1"]
SHARES = ("tpr", "tnr", "accuracy")


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
    """Share of the human positives that the judge calls positive; `tpr_interval` is its `interval`
    at 95%.
    """
    tnr: float | None
    """Share of the others that the judge calls anything else."""
    precision: float | None
    """Of the positive label where there are two categories, else the macro mean; so are the next
    two.
    """
    recall: float | None
    f1: float | None
    alpha: float | None
    """Krippendorff's, nominal."""
    ac1: float | None
    """Gwet's AC1 (2008): like the next, it stays up where nearly everything passes and kappa falls.
    """
    pabak: float | None
    """Kappa adjusted for prevalence and bias (Byrt et al. 1993)."""
    generosity: float | None
    """Share that the judge passes and people fail, less the share of the reverse: above 0 it is too
    kind.
    """
    reason: str
    """Why measures are None; blank where none is."""
    pairs: "pd.DataFrame" = field(repr=False)
    """A row an item, by id: ``human``, ``judge``, ``status`` (``compared``, ``unparsed``,
    ``deferred`` or ``example``), ``counted`` (the verdict as it entered the numbers, None where it
    did not), and ``group``, ``slice``, ``why``, ``step`` and ``quote``, and ``critique`` where they
    were given.
    """
    positive: Any
    """The category that tpr is of."""
    policy: Policy
    n_unparsed: int
    """Items with a label and no verdict that can be read."""
    n_deferred: int
    """Items that people put off; they are in no number."""
    n_examples: int = 0
    """Items that the judge was shown with their answer, as examples in its prompt; they are in no
    number either.
    """
    judge_hash: str | None = None
    """Of the judge whose `Verdict`s these are."""
    computed: bool = False
    """Whether code said all of them, and no model was asked."""

    @property
    def title(self) -> str:
        """What a report of this may be called: human alignment only where people labelled."""
        if self.human_kind == "human":
            return "Human alignment"
        return f"Alignment with {self.labels_are}"

    @property
    def subtitle(self) -> str:
        """Who is compared with whom, on how many items, and what is missing."""
        parts = [f"n = {self.n}"]
        if "group" in self.pairs:
            parts.append(f"{len(set(self.used['group']))} groups")
        if self.n_unparsed:
            is_left_out = self.policy in ("report", "exclude")
            treatment = "left out" if is_left_out else f"counted as {self.policy}"
            parts.append(f"{self.n_unparsed} unparsed, {treatment}")
        if self.n_examples:
            parts.append(f"{self.n_examples} examples of the judge's prompt, set aside")
        if self.n_deferred:
            parts.append(f"{self.n_deferred} deferred")
        return " · ".join([*parts, *self._origins()])

    def _origins(self) -> list[str]:
        """As ``labels: human`` and ``judge: live``; what has one origin is named together."""
        parts_of: dict[str, list[str]] = {}
        if self.human_kind:
            parts_of.setdefault(self.human_kind, []).append("labels")
        if self.judge_source:
            judge = judge_in_words(self.judge_source, self.computed)
            parts_of.setdefault(judge, []).append("judge")
        if self.trace_source == "simulated":
            parts_of.setdefault(self.trace_source, []).append("traces")
        if parts_of.get("simulated") == ["labels", "judge", "traces"]:
            return ["all simulated"]
        return [f"{' and '.join(parts)}: {origin}" for origin, parts in parts_of.items()]

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
        value = getattr(self, name)
        interval = self.interval(name)
        if value is None or interval is None:
            return f"{name.upper()} undefined"
        low, high = interval
        return f"{name.upper()} {value:.2f} (95% interval {low:.2f} to {high:.2f})"

    def counts(self, name: str) -> tuple[int, int]:
        """How many, of how many, for ``tpr``, ``tnr`` or ``accuracy``."""
        labels = self.used["human"]
        verdicts = self.used["counted"]
        if name == "accuracy":
            return int(labels.eq(verdicts).sum()), len(labels)
        wants_positive = name == "tpr"
        of_kind = labels.eq(self.positive).eq(wants_positive)
        right = of_kind & verdicts.eq(self.positive).eq(wants_positive)
        right &= verdicts.ne(NO_VERDICT)
        return int(right.sum()), int(of_kind.sum())

    def interval(
        self,
        name: str,
        method: str | None = None,
        level: float = 0.95,
        resamples: int = 2000,
        seed: int = 0,
    ) -> tuple[float, float] | None:
        """The interval of a measure; None where it is undefined.

        `method` is ``wilson`` or ``exact`` (Clopper-Pearson), of tpr, tnr and accuracy, or
        ``bootstrap``, of any; None is Wilson's where there is one, but with groups the bootstrap,
        which draws whole groups.
        """
        is_share = name in SHARES
        if method is None:
            method = "wilson" if is_share and "group" not in self.pairs else "bootstrap"
        known = ("bootstrap", "wilson", "exact") if is_share else ("bootstrap",)
        if name not in MEASURES or method not in known:
            offered = "wilson and exact are of tpr, tnr and accuracy, bootstrap of "
            offered += ", ".join(MEASURES)
            raise ValueError(f"no {method} interval of {name}: {offered}")
        if getattr(self, name) is None:
            return None
        if method != "bootstrap":
            return intervals.proportion(*self.counts(name), level, method)
        return intervals.percentile(self.drawn(resamples, seed)[name], level, self.n_units)

    def drawn(self, resamples: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Each measure in ``(resamples,)`` bootstrap resamples of the items, or of the groups where
        there are any.
        """
        return measures(
            self.drawn_tables(resamples, seed), len(self.confusion.index), self.positive_at
        )

    def drawn_tables(self, resamples: int, seed: int = 0) -> np.ndarray:
        """``(resamples, c, c)`` tables of labels against verdicts, as `drawn` measures them."""
        rng = np.random.default_rng(seed)
        categories = self.confusion.columns
        return resampled_tables(self.used, categories, self.groups, resamples, rng)

    @property
    def positive_at(self) -> int | None:
        """Where `positive` stands among the labels; None where it is none of them."""
        labels = list(self.confusion.index)
        return labels.index(self.positive) if self.positive in labels else None

    @property
    def groups(self) -> np.ndarray | None:
        """The number of its group for each row of `used`; None where no groups were given."""
        return group_numbers(self.used.get("group"))

    @property
    def n_units(self) -> int:
        """How many independent draws the numbers rest on: groups, or items where no groups were
        given.
        """
        return self.n if self.groups is None else len(set(self.groups.tolist()))

    def policies(self) -> "pd.DataFrame":
        """The measures under each way to treat items without a verdict: a row a policy, None where
        undefined.
        """
        by_policy = {policy: self._with(self.pairs, policy) for policy in get_args(Policy)}
        return alignments_frame(by_policy).rename_axis("policy")

    def by_slice(self) -> dict[Any, "Alignment"]:
        """An alignment for each value of ``slices``."""
        if "slice" not in self.pairs:
            return {}
        parts = self.pairs.groupby("slice", sort=True)
        return {name: self._with(part, self.policy) for name, part in parts}

    def _with(self, pairs: "pd.DataFrame", policy: Policy) -> "Alignment":
        """The same judge against other pairs, or under another policy."""
        labels = tuple(self.confusion.index)
        return replace(self, policy=policy, **measured(pairs, labels, self.positive, policy))

    def disagreements(self, traces: Iterable[Trace] = ()) -> "Disagreements":
        """What to read next: the judge's wrong passes, its wrong fails, then what is unparsed; each
        opens its trace.
        """
        asked = self.pairs["status"].isin(["compared", "unparsed"])
        rows = self.pairs[asked & self.pairs["human"].ne(self.pairs["judge"])]
        wrong_fail = rows["judge"].ne(self.positive)
        order = wrong_fail.where(rows["status"].eq("compared"), 2).astype(int)
        sorted_rows = rows.loc[order.sort_values(kind="stable").index]
        return Disagreements(sorted_rows, {trace.id: trace for trace in traces}, **self.origin)

    def _repr_html_(self) -> str:
        lines = [
            f"{self.title}: {self.subtitle}",
            f"{self.rate('tpr')} · {self.rate('tnr')}",
            self.reason,
        ]
        blocks = [render.tag("p", line) for line in lines if line]
        if self.n_unparsed:
            table = self.policies()[SHOWN].reset_index().map(_in_words)
            blocks.append(render.table(table.to_numpy().tolist(), list(table)))
        return render.block(*blocks)


def _in_words(value: Any) -> Any:
    if value is None:
        return "undefined"
    return f"{value:.2f}" if isinstance(value, float) else value


def alignments_frame(alignments: Mapping[Any, Alignment]) -> "pd.DataFrame":
    """Alignments side by side: a row each, with n, the measures, the intervals of tpr and tnr, None
    where undefined.

    The last columns tell who labelled, and where verdicts and traces come from.
    """
    import pandas as pd

    intervals_and_reason = ["tpr_interval", "tnr_interval", "reason"]
    columns = ["n", "n_unparsed", *MEASURES, *intervals_and_reason, *Origin().origin]
    rows = {}
    for name, alignment in alignments.items():
        rows[name] = [getattr(alignment, column) for column in columns]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=object)
