"""Tests on the same items: two judges, or one judge twice."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from toolkit.evals.alignment.agreement import Agreement, agreement
from toolkit.evals.alignment.alignment import Alignment
from toolkit.evals.alignment.clustered import difference_interval
from toolkit.evals.alignment.origin import Origin, origin_of
from toolkit.evals.alignment.pairing import Values, group_numbers
from toolkit.evals.text import first_few
from toolkit.traces.sources import Mixture, least_live

if TYPE_CHECKING:
    import pandas as pd

SIGN_FLIPS = 99_999
"""Above this many ways to flip the signs of groups, so many are drawn."""


class SourcedVerdict(Protocol):
    """A verdict on a trace, as a `Judge` gives it."""

    @property
    def trace_id(self) -> str: ...
    @property
    def verdict(self) -> Any: ...
    @property
    def judge(self) -> str:
        """The hash of the judge."""
        ...

    @property
    def source(self) -> str: ...
    @property
    def trace_source(self) -> str | None: ...


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
    """Two-sided; None where the two are right and wrong on the same items, or in each group as
    often. McNemar's exact, or with groups the sign-flip test of the groups' differences, which is
    the same where each item is its own group.
    """
    difference: float | None
    """Accuracy of the first less that of the second."""
    interval: tuple[float, float] | None
    """95%, of the difference (Agresti & Min 2005); with groups of their sums, by Student's t."""
    reason: str
    n_groups: int | None = None
    """Groups of the items that count; None where each stands alone."""
    n_examples: int = 0
    """Labelled items that a judge was shown with their answer; they are in no number."""


def compare_judges(first: Alignment, second: Alignment, label: Any = None) -> JudgeComparison:
    """Test two alignments with the same labels item by item, or group by group where `align` was
    given groups; with `label`, on the items that people called so: of failures it is the TNR that
    is compared.

    Raises ValueError where the labels differ, or the groups do.
    """
    rows = first.pairs.join(second.pairs.add_suffix("_2"), how="outer")
    if not rows["human"].equals(rows["human_2"]):
        mend = "align both judges with the same"
        raise ValueError(f"the two alignments are with different labels: {mend}")
    is_example = rows["status"].eq("example") | rows["status_2"].eq("example")
    labelled = rows["human"].ne("defer") & ~is_example
    if label is not None:
        labelled &= rows["human"].eq(label)
    used = rows[labelled].dropna(subset=["counted", "counted_2"])
    first_right = used["counted"].eq(used["human"])
    second_right = used["counted_2"].eq(used["human"])
    differences = first_right.astype(int) - second_right.astype(int)
    groups = _groups_of_both(used)
    n = len(used)
    p = paired_p(differences.to_numpy(), groups) if differences.any() else None
    return JudgeComparison(
        n=n,
        n_unscored=int(labelled.sum()) - n,
        first_only=int((differences == 1).sum()),
        second_only=int((differences == -1).sum()),
        p=p,
        difference=float(differences.mean()) if n else None,
        interval=difference_interval(differences.to_numpy(), groups),
        reason=_reason(differences, p),
        n_groups=None if groups is None else len(set(groups.tolist())),
        n_examples=int(is_example.sum()),
        **origin_of(first, second),
    )


def _reason(differences: "pd.Series", p: float | None) -> str:
    """Why there is no p, or no difference; blank where there are both."""
    if differences.empty:
        return "no item counts for both"
    if p is not None:
        return ""
    if differences.any():
        return "p: the differences of each group cancel out"
    return "p: the two are right and wrong on the same items"


def _groups_of_both(rows: "pd.DataFrame") -> np.ndarray | None:
    """The number of each row's group. Raises ValueError where the two alignments have different
    groups.
    """
    groups = group_numbers(rows.get("group"))
    groups_of_second = group_numbers(rows.get("group_2"))
    if groups is None:
        return groups_of_second
    if groups_of_second is None:
        return groups
    n_pairs = len(set(zip(groups.tolist(), groups_of_second.tolist(), strict=True)))
    if not n_pairs == len(set(groups.tolist())) == len(set(groups_of_second.tolist())):
        mend = "align both judges with the same"
        raise ValueError(f"the two alignments have different groups: {mend}")
    return groups


def mcnemar_p(differences: np.ndarray) -> float:
    """McNemar's exact test of differences that are 1, 0 or -1, and not all 0."""
    from scipy.stats import binomtest

    first_only = int((differences == 1).sum())
    either_only = int(np.abs(differences).sum())
    return float(binomtest(first_only, either_only).pvalue)


def paired_p(differences: np.ndarray, groups: np.ndarray | None) -> float | None:
    """McNemar's exact test; of groups, whether flipping the sign of their differences makes as
    large a sum.

    None where the differences of each group cancel out.
    """
    from scipy.stats import permutation_test

    if groups is None:
        return mcnemar_p(differences)
    sums = np.bincount(groups, differences)
    sums = sums[sums != 0]
    if not len(sums):
        return None
    if len(sums) == 1:
        return 1.0
    rng = np.random.default_rng(0)
    flipped = permutation_test(
        (sums,), np.sum, permutation_type="samples", n_resamples=SIGN_FLIPS, rng=rng
    )
    return float(flipped.pvalue)


def retest(
    *runs: Sequence[SourcedVerdict],
    groups: "Values | None" = None,
    trace_source: Mixture = None,
) -> Agreement:
    """Agreement of one judge with itself: each run is its verdicts on the same traces. ``disputed``
    names the flips.

    `groups` and `trace_source` are as in `agreement`; the verdicts tell the source of their traces
    too. Raises ValueError for verdicts of several judges, since a changed judge is another judge,
    and no retest; and for a trace that is in one run twice.
    """
    import pandas as pd

    verdicts = [verdict for run in runs for verdict in run]
    hashes = {verdict.judge for verdict in verdicts}
    if len(hashes) > 1:
        mend = "for two judges there is compare_judges"
        raise ValueError(f"the runs are of {len(hashes)} judges; {mend}")
    columns = {}
    for number, run in enumerate(runs, 1):
        times = Counter(verdict.trace_id for verdict in run)
        repeated = [trace_id for trace_id, count in times.items() if count > 1]
        if repeated:
            raise ValueError(f"run {number} has traces more than once: {first_few(repeated)}")
        by_id = {verdict.trace_id: verdict.verdict for verdict in run}
        columns[f"run {number}"] = pd.Series(by_id, dtype=object)
    sources = {verdict.source for verdict in verdicts}
    return agreement(
        pd.DataFrame(columns),
        groups=groups,
        judge_source=sources,
        human_kind="simulated" if "simulated" in sources else "model",
        trace_source=least_live((verdict.trace_source for verdict in verdicts), trace_source),
    )
