"""Tests on the same items: two judges, one judge twice, or a judge in the place of each person."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING, Any

from toolkit.evals.agreement import Agreement, agreement
from toolkit.evals.alignment import Alignment
from toolkit.evals.columns import RATERS, SOURCES, Origin, Values, categories, joined, least, refuse_other_codes

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.evals.judge import Verdict


@dataclass(frozen=True)
class JudgeComparison(Origin):
    """Two judges on the same labelled items: which is right more often, beyond chance?"""

    n: int
    """Items that count for both."""
    n_unscored: int
    """Labelled items that do not, for want of a verdict."""
    first_only: int
    """Items on which the first judge says what people say, and the second does not."""
    second_only: int
    p: float | None
    """McNemar's exact, two-sided; None where the two are right and wrong on the same items."""
    difference: float | None
    """Accuracy of the first less that of the second."""
    interval: tuple[float, float] | None
    """95%, of the difference (Agresti & Min 2005)."""
    reason: str


def compare_judges(first: Alignment, second: Alignment) -> JudgeComparison:
    """McNemar's exact test of two alignments with the same labels. Raises ValueError where the labels differ."""
    from scipy.stats import norm
    from statsmodels.stats.contingency_tables import mcnemar

    rows = first.pairs.join(second.pairs.add_suffix("_2"), how="outer")
    if not rows["human"].equals(rows["human_2"]):
        raise ValueError("the two alignments are with different labels: align both judges with the same")
    rows, labelled = rows.dropna(subset=["counted", "counted_2"]), int(rows["human"].ne("defer").sum())
    one, two = (rows[name].eq(rows["human"]) for name in ("counted", "counted_2"))
    b, c, n = int((one & ~two).sum()), int((two & ~one).sum()), len(rows)
    gap, size = (b - c) / (n + 2), n + 2
    reach = float(norm.ppf(0.975)) * sqrt(((b + c + 1) / size - gap**2) / size)
    p = float(mcnemar([[0, b], [c, 0]], exact=True).pvalue) if b + c else None
    difference, interval = ((b - c) / n, (max(-1.0, gap - reach), min(1.0, gap + reach))) if n else (None, None)
    reason = "" if b + c else "p: the two are right and wrong on the same items" if n else "no item counts for both"
    told: dict[str, Any] = {
        "human_kind": least(RATERS, first.human_kind, second.human_kind),
        "judge_source": least(SOURCES, first.judge_source, second.judge_source),
        "trace_source": least(SOURCES, first.trace_source, second.trace_source),
    }
    return JudgeComparison(n, labelled - n, b, c, p, difference, interval, reason, **told)


def retest(*runs: "Sequence[Verdict]") -> Agreement:
    """Agreement of one judge with itself: each run is its verdicts on the same traces. ``disputed`` names the flips.

    Raises ValueError for verdicts of several judges: a changed judge is another judge, and not a retest.
    """
    import pandas as pd

    if len(hashes := {verdict.judge for run in runs for verdict in run}) > 1:
        raise ValueError(f"the runs are of {len(hashes)} judges; for two judges there is compare_judges")
    said = {f"run {at}": {one.trace_id: one.verdict for one in run} for at, run in enumerate(runs, 1)}
    frame = pd.DataFrame({name: pd.Series(run, dtype=object) for name, run in said.items()})
    sources = {verdict.source for run in runs for verdict in run}
    kind = "simulated" if "simulated" in sources else "model"
    return agreement(frame, judge_source=sources, human_kind=kind)


@dataclass(frozen=True)
class AnnotatorTest(Origin):
    """May the judge stand in for one of the people? (Calderon et al., arXiv 2501.10970)"""

    winning_rate: float | None
    """Share of the raters against whom the judge is at least as good, at the cost-benefit `epsilon`."""
    advantage: float | None
    """Chance that the judge agrees with the other raters at least as well as the rater left out does."""
    passes: bool | None
    """Whether the winning rate is at least one half. Only with people's labels is this about people."""
    epsilon: float
    n: int
    """Items that count for at least one rater: rated by three or more, with a verdict."""
    n_unscored: int
    """Items rated by three or more, without one: a judge that is silent where it is hard looks better than it is."""
    frame: "pd.DataFrame" = field(repr=False)
    """A row a rater: ``n``, ``judge`` and ``rater`` (how often each is at least as good), ``p``, ``won``."""
    reason: str

    @property
    def title(self) -> str:
        """What was found, and with whose labels."""
        said = {True: "may stand in for", False: "may not stand in for", None: "is not compared with"}[self.passes]
        silent = f", {self.n_unscored} unscored" * bool(self.n_unscored)
        return f"The judge {said} one of the raters who gave {self.labels_are}, n = {self.n}{silent}{self.rest_is}"


def annotator_test(
    ratings: "pd.DataFrame",
    judge: Values,
    epsilon: float = 0.2,
    q: float = 0.05,
    min_items: int = 30,
    human_kind: Any = None,
    judge_source: Any = None,
) -> AnnotatorTest:
    """The alternative annotator test: leave each rater out, and ask who agrees better with the rest.

    `ratings` has a row an item and a column a rater, gaps as in `agreement`; `judge` a verdict for each item.
    `epsilon` is what a person's label costs more (0.2 where raters are experts, 0.15 skilled, 0.1 crowd workers), `q`
    the false discovery rate over raters (Benjamini & Yekutieli 2001). A rater with fewer than `min_items` items is
    left out: the t-test wants 30. `human_kind` and `judge_source` are as in `align`.
    """
    import pandas as pd
    from scipy.stats import false_discovery_control, ttest_1samp

    rows = joined(the_judge=judge, **{str(name): ratings[name] for name in ratings}).replace("defer", None)
    people, said, counted, found = rows.drop(columns="the_judge"), rows["the_judge"], pd.Index([]), []
    refuse_other_codes(said, categories(people.to_numpy().ravel()))
    for rater in people:
        others = people.drop(columns=rater)
        used = said.notna() & people[rater].notna() & (others.notna().sum(axis=1) > 1)
        ours, theirs = (others[used].eq(one[used], axis=0).sum(axis=1) for one in (said, people[rater]))
        gap = (theirs >= ours).astype(float) - (ours >= theirs).astype(float)
        if len(gap) < min_items:
            continue
        counted = counted.union(gap.index)
        p = float(gap.iloc[0] >= epsilon)  # where all gaps are one, there is no t
        p = p if gap.nunique() == 1 else float(ttest_1samp(gap, epsilon, alternative="less").pvalue)
        found.append((rater, len(gap), (ours >= theirs).mean(), (theirs >= ours).mean(), p))
    frame = pd.DataFrame(found, columns=["rater_name", "n", "judge", "rater", "p"]).set_index("rater_name")
    frame["won"] = false_discovery_control(frame["p"], method="by") <= q if found else []
    rate = float(frame["won"].mean()) if len(found) > 2 else None
    advantage, passes = (None, None) if rate is None else (float(frame["judge"].mean()), rate >= 0.5)
    reason = f"{len(found)} raters have {min_items} items to compare: 3 are needed" if rate is None else ""
    kinds = {"human_kind": least(RATERS, human_kind), "judge_source": least(SOURCES, judge_source)}
    silent = int((said.isna() & (people.notna().sum(axis=1) > 2)).sum())
    return AnnotatorTest(rate, advantage, passes, epsilon, len(counted), silent, frame, reason, **kinds)
