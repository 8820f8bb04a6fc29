"""Alignment: how far a judge agrees with the labels, with intervals, and what became of missing
verdicts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from toolkit import render
from toolkit.evals.alignment import columns, intervals
from toolkit.evals.alignment.columns import RATERS, SOURCES, Origin, Policy, Values, least, some
from toolkit.evals.alignment.confusion import MEASURES, UNDEFINED, measures
from toolkit.evals.alignment.disagreements import Disagreements
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
    ``deferred`` or ``example``),
    ``counted`` (the verdict as it entered the numbers, None where it did not), and ``group``, ``slice``, ``why`` and
    ``critique`` where they were given.
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
        return (
            "Human alignment" if self.human_kind == "human" else f"Alignment with {self.labels_are}"
        )

    @property
    def subtitle(self) -> str:
        """Who is compared with whom, on how many items, and what is missing."""
        parts = [f"n = {self.n}"]
        if "group" in self.pairs:
            parts.append(f"{len(set(self.used['group']))} groups")
        if self.n_unparsed:
            left_out = self.policy in ("report", "exclude")
            parts.append(
                f"{self.n_unparsed} unparsed, "
                + ("left out" if left_out else f"counted as {self.policy}")
            )
        if self.n_examples:
            parts.append(f"{self.n_examples} examples of the judge's prompt, set aside")
        if self.n_deferred:
            parts.append(f"{self.n_deferred} deferred")
        if self.human_kind:
            parts.append(f"labels: {self.human_kind}")
        if self.judge_source:
            parts.append(f"judge: {columns.said_by(self.judge_source, self.computed)}")
        if self.trace_source == "simulated":
            parts.append(f"traces: {self.trace_source}")
        return " · ".join(parts)

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
        right &= said.ne(columns.NO_VERDICT)
        return int((of & right).sum()), int(of.sum())

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
        if method is None:
            method = "wilson" if name in SHARES and "group" not in self.pairs else "bootstrap"
        known = ("bootstrap", "wilson", "exact") if name in SHARES else ("bootstrap",)
        if name not in MEASURES or method not in known:
            shares = "wilson and exact are of tpr, tnr and accuracy"
            raise ValueError(
                f"no {method} interval of {name}: {shares}, bootstrap of {', '.join(MEASURES)}"
            )
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
        known = list(self.confusion.columns)
        size = len(known)
        labelled = np.array([known.index(value) for value in self.used["human"]], dtype=int)
        judged = np.array([known.index(value) for value in self.used["counted"]], dtype=int)
        cells = np.zeros((self.n, size * size))
        cells[np.arange(self.n), labelled * size + judged] = 1
        counts = intervals.resampled(cells, self.groups, resamples, np.random.default_rng(seed))
        return counts.reshape(resamples, size, size)

    @property
    def positive_at(self) -> int | None:
        """Where `positive` stands among the labels; None where it is none of them."""
        labels = list(self.confusion.index)
        return labels.index(self.positive) if self.positive in labels else None

    @property
    def groups(self) -> np.ndarray | None:
        """The number of its group for each row of `used`; None where no groups were given."""
        return columns.group_numbers(self.used.get("group"))

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
        found: dict[str, Alignment] = {}
        for policy in get_args(Policy):
            found[policy] = _measured(
                _counted(self.pairs, tuple(self.confusion.index), self.positive, policy),
                tuple(self.confusion.index),
                positive=self.positive,
                policy=policy,
                judge_hash=self.judge_hash,
                computed=self.computed,
                **self.origin,
            )
        return alignments_frame(found).rename_axis("policy")

    def by_slice(self) -> dict[Any, "Alignment"]:
        """An alignment for each value of ``slices``."""
        if "slice" not in self.pairs:
            return {}
        slices: dict[Any, Alignment] = {}
        for name, part in self.pairs.groupby("slice", sort=True):
            slices[name] = _measured(
                part,
                tuple(self.confusion.index),
                positive=self.positive,
                policy=self.policy,
                judge_hash=self.judge_hash,
                computed=self.computed,
                **self.origin,
            )
        return slices

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
            table = self.policies()[SHOWN].reset_index().map(_as_shown)
            blocks.append(render.table(table.to_numpy().tolist(), list(table)))
        return render.block(*blocks)


def _as_shown(value: Any) -> Any:
    if value is None:
        return "undefined"
    return f"{value:.2f}" if isinstance(value, float) else value


def align(
    human: Values,
    judge: Values,
    positive: Any = "pass",
    unparsed: Policy = "report",
    human_kind: str | Iterable[str] | None = None,
    judge_source: str | Iterable[str] | None = None,
    groups: "Values | None" = None,
    slices: "Values | None" = None,
    grades: "Iterable[Any] | None" = None,
    trace_source: str | Iterable[str] | None = None,
) -> Alignment:
    """Compare a judge's verdicts with labels, in the same order, or as Series (or dicts) that are
    aligned by index.

    `human` may also be a list of `Label`s and `judge` of `Verdict`s: they are aligned by trace, and
    tell kind, source and the judge's hash themselves. True and False are 1 and 0; words that look
    the same are the same. A label ``"defer"`` is set aside and counted, and so is a trace that the
    judge was shown as an example. A verdict that is None, NaN, blank or no human label is unparsed:
    left out (``report``, ``exclude``), counted as ``pass`` (where no label is called so, as
    `positive`), as ``fail`` (where no label is called so, as agreeing with nobody), or as
    ``wrong``: it agrees with nobody. With more than two categories tpr and tnr are of `positive`
    against the rest. `grades` states the whole scale in its order, so that AC1 and PABAK know the
    grades that nobody gave; those of an ordered Categorical are taken from it. `human_kind`,
    `judge_source` and `trace_source` may be iterables, as
    ``frame["rater_kind"]``: a mixture is called by its least human, least live part. Items that are not independent,
    as turns of one conversation or phrasings of one situation, share a value of `groups`. Raises
    ValueError where lengths or indexes differ, a label or group is missing, verdicts are of several
    judges, or the two use different codes for the same thing: a judge that writes "2" as 0 is a
    mistake in the table, and not a bad judge.
    """
    if unparsed not in get_args(Policy):
        raise ValueError(f"unparsed is one of {', '.join(get_args(Policy))}, not {unparsed!r}")
    if grades is None:
        grades = columns.grades_of([human])
    human, labelled = columns.by_trace(human)
    judge, verdicts = columns.by_trace(judge)
    optional = {
        "group": groups,
        "slice": slices,
        "why": labelled.get("why"),
        "critique": verdicts.get("critique"),
        "example": verdicts.get("example"),
    }
    given = {name: values for name, values in optional.items() if values is not None}
    pairs = columns.joined(human=human, judge=judge, **given)
    _refuse_gaps(pairs)
    positive = columns.plain(positive)
    labels = columns.categories(pairs["human"], {positive} & set(pairs["judge"]), grades)
    columns.refuse_other_codes(pairs["judge"][pairs["human"].ne("defer")], labels)
    pairs["status"] = _status(pairs, labels)
    hashes = sorted(set(verdicts.get("judge", ())))
    if len(hashes) > 1:
        raise ValueError(
            f"the verdicts are of {len(hashes)} judges ({some(hashes)}): align one at a time"
        )
    return _measured(
        _counted(pairs.drop(columns="example", errors="ignore"), labels, positive, unparsed),
        labels,
        positive=positive,
        policy=unparsed,
        human_kind=least(RATERS, labelled.get("rater_kind"), human_kind),
        judge_source=least(SOURCES, verdicts.get("source"), judge_source),
        trace_source=least(SOURCES, verdicts.get("trace_source"), trace_source),
        judge_hash=hashes[0] if hashes else None,
        computed=bool(verdicts) and all(verdicts["computed"]),
    )


def _refuse_gaps(pairs: "pd.DataFrame") -> None:
    for name in ("human", "group", "slice"):
        if name not in pairs:
            continue
        if missing := list(pairs.index[pairs[name].isna()]):
            what = "human label" if name == "human" else name
            raise ValueError(
                f"no {what} for {some(missing)}: leave such items out before you align"
            )


def _status(pairs: "pd.DataFrame", labels: tuple[Any, ...]) -> "pd.Series":
    """``compared`` or ``unparsed``; ``deferred`` where people put the item off, ``example`` where
    the judge knew it.
    """
    status = pairs["judge"].isin(labels).map({True: "compared", False: "unparsed"})
    if "example" in pairs:
        status = status.mask(pairs["example"].eq(1), "example")
    return status.mask(pairs["human"].eq("defer"), "deferred")


def _counted(
    pairs: "pd.DataFrame", labels: tuple[Any, ...], positive: Any, policy: Policy
) -> "pd.DataFrame":
    """`pairs` with the column ``counted``: each verdict as it enters the numbers under `policy`."""
    counted = pairs["judge"].where(pairs["status"].eq("compared"), None)
    instead = columns.counted_as(policy, labels, positive)
    return pairs.assign(counted=counted.mask(pairs["status"].eq("unparsed"), instead))


def alignments_frame(alignments: Mapping[Any, Alignment]) -> "pd.DataFrame":
    """Alignments side by side: a row each, with n, the measures, the intervals of tpr and tnr, None
    where undefined.

    The last columns tell who labelled, and where verdicts and traces come from.
    """
    import pandas as pd

    names = [
        "n",
        "n_unparsed",
        *MEASURES,
        "tpr_interval",
        "tnr_interval",
        "reason",
        *Origin().origin,
    ]
    rows = {name: [getattr(one, column) for column in names] for name, one in alignments.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=names, dtype=object)


def _measured(
    pairs: "pd.DataFrame", labels: tuple[Any, ...], *, positive: Any, **about: Any
) -> Alignment:
    """The alignment of `pairs`, which have their ``status`` and ``counted``."""
    import pandas as pd

    used = pairs[pairs["counted"].notna()]
    names = list(dict.fromkeys([*labels, *used["counted"]]))
    counts = pd.crosstab(used["human"], used["counted"]).reindex(
        index=names, columns=names, fill_value=0
    )
    positive_at = labels.index(positive) if positive in labels else None
    values = measures(counts.to_numpy(dtype=float), len(labels), positive_at)
    found: dict[str, Any] = {
        name: None if np.isnan(value) else float(value) for name, value in values.items()
    }
    reasons = []
    for name in MEASURES:
        if found[name] is None:
            why = UNDEFINED[name if len(used) else "accuracy"]
            reasons.append(f"{name}: {why.format(positive=positive, labels=labels)}")
    status = pairs["status"].value_counts()
    return Alignment(
        n=len(used),
        confusion=counts.loc[list(labels)].rename_axis(index="labels", columns="judge"),
        reason="; ".join(reasons),
        pairs=pairs,
        positive=positive,
        n_unparsed=int(status.get("unparsed", 0)),
        n_deferred=int(status.get("deferred", 0)),
        n_examples=int(status.get("example", 0)),
        **found,
        **about,
    )
