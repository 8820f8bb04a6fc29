"""Tests on the same items: two judges, one judge twice, or a judge in the place of each person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.evals.alignment.agreement import Agreement, agreement
from toolkit.evals.alignment.alignment import Alignment
from toolkit.evals.alignment.columns import (
    RATERS,
    SOURCES,
    Origin,
    Values,
    by_trace,
    categories,
    group_numbers,
    joined,
    least,
    origin_of,
    refuse_other_codes,
    some,
)

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.evals.judges.judge import Verdict

LEVEL = 0.95
SIGN_FLIPS = 99_999
"""Above this many ways to flip the signs of groups, so many are drawn."""
WANTED_RATERS = 3
"""Raters to leave out in turn, without whom a winning rate says little."""


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
    """Two-sided; None where the two are right and wrong on the same items, or in each group as often.
    McNemar's exact, or with groups the sign-flip test of the groups' differences, which is the same
    where each item is its own group.
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


def compare_judges(first: Alignment, second: Alignment) -> JudgeComparison:
    """Test two alignments with the same labels item by item, or group by group where `align` was
    given groups.

    Raises ValueError where the labels differ, or the groups do.
    """
    rows = first.pairs.join(second.pairs.add_suffix("_2"), how="outer")
    if not rows["human"].equals(rows["human_2"]):
        raise ValueError(
            "the two alignments are with different labels: align both judges with the same"
        )
    is_example = rows["status"].eq("example") | rows["status_2"].eq("example")
    labelled = rows["human"].ne("defer") & ~is_example
    used = rows[labelled].dropna(subset=["counted", "counted_2"])
    first_right = used["counted"].eq(used["human"])
    second_right = used["counted_2"].eq(used["human"])
    differences = first_right.astype(int) - second_right.astype(int)
    groups = _groups_of_both(used)
    n = len(used)
    p = _p_value(differences.to_numpy(), groups) if differences.any() else None
    reason = ""
    if not n:
        reason = "no item counts for both"
    elif p is None:
        same = (
            "the differences of each group cancel out"
            if differences.any()
            else "the two are right and wrong on the same items"
        )
        reason = f"p: {same}"
    return JudgeComparison(
        n=n,
        n_unscored=int(labelled.sum()) - n,
        first_only=int((differences == 1).sum()),
        second_only=int((differences == -1).sum()),
        p=p,
        difference=float(differences.mean()) if n else None,
        interval=difference_interval(differences.to_numpy(), groups),
        reason=reason,
        n_groups=None if groups is None else len(set(groups.tolist())),
        n_examples=int(is_example.sum()),
        **origin_of(first, second),
    )


def _groups_of_both(rows: "pd.DataFrame") -> np.ndarray | None:
    """The number of each row's group. Raises ValueError where the two alignments have different
    groups.
    """
    if "group" in rows and "group_2" in rows:
        numbers = group_numbers(rows["group"])
        others = group_numbers(rows["group_2"])
        pairs = set(zip(numbers.tolist(), others.tolist(), strict=True))  # type: ignore[union-attr]
        if not len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}):
            raise ValueError(
                "the two alignments have different groups: align both judges with the same"
            )
        return numbers
    if "group" in rows:
        return group_numbers(rows["group"])
    return group_numbers(rows.get("group_2"))


def _p_value(differences: np.ndarray, groups: np.ndarray | None) -> float | None:
    """McNemar's exact test; of groups, whether flipping the sign of their differences makes as
    large a sum.

    None where the differences of each group cancel out.
    """
    from scipy.stats import binomtest, permutation_test

    if groups is None:
        return float(
            binomtest(int((differences == 1).sum()), int(np.abs(differences).sum())).pvalue
        )
    sums = np.bincount(groups, differences)
    sums = sums[sums != 0]
    if not len(sums):
        return None
    if len(sums) == 1:
        return 1.0
    flipped = permutation_test(
        (sums,),
        np.sum,
        permutation_type="samples",
        n_resamples=SIGN_FLIPS,
        rng=np.random.default_rng(0),
    )
    return float(flipped.pvalue)


def difference_interval(
    differences: np.ndarray, groups: np.ndarray | None
) -> tuple[float, float] | None:
    """The 95% interval of a mean of differences from -1 to 1; None of nothing, or of one group.

    Two items more are spread as Agresti & Min (2005) do it: half an item at either end, and one at
    0. A group counts by its sum, such an item as a group of mean size, and Student's t takes the
    place of z.
    """
    from scipy.stats import norm, t

    n = len(differences)
    if not n:
        return None
    numbers = np.arange(n) if groups is None else groups
    n_groups = len(set(numbers.tolist()))
    if groups is not None and n_groups < 2:
        return None
    sums = np.bincount(numbers, differences)
    sizes = np.bincount(numbers)
    extra = n / n_groups  # the size of one of the two items more
    total = n + 2 * extra
    middle = differences.sum() / total
    squares = np.sum((sums - sizes * middle) ** 2)
    squares += extra**2 * ((1 - middle) ** 2 / 2 + (1 + middle) ** 2 / 2 + middle**2)
    tail = (1 + LEVEL) / 2
    quantile = norm.ppf(tail) if groups is None else t.ppf(tail, n_groups - 1)
    reach = quantile * np.sqrt(squares) / total
    return max(-1.0, float(middle - reach)), min(1.0, float(middle + reach))


def retest(
    *runs: "Sequence[Verdict]", groups: "Values | None" = None, trace_source: Any = None
) -> Agreement:
    """Agreement of one judge with itself: each run is its verdicts on the same traces. ``disputed``
    names the flips.

    `groups` and `trace_source` are as in `agreement`; the verdicts tell the source of their traces
    too. Raises ValueError for verdicts of several judges, since a changed judge is another judge,
    and no retest; and for a trace that is in one run twice.
    """
    import pandas as pd

    verdicts = [verdict for run in runs for verdict in run]
    if len(hashes := {verdict.judge for verdict in verdicts}) > 1:
        raise ValueError(
            f"the runs are of {len(hashes)} judges; for two judges there is compare_judges"
        )
    columns = {}
    for number, run in enumerate(runs, 1):
        times = Counter(verdict.trace_id for verdict in run)
        if repeated := [trace_id for trace_id, count in times.items() if count > 1]:
            raise ValueError(f"run {number} has traces more than once: {some(repeated)}")
        columns[f"run {number}"] = pd.Series(
            {one.trace_id: one.verdict for one in run}, dtype=object
        )
    sources = {verdict.source for verdict in verdicts}
    return agreement(
        pd.DataFrame(columns),
        groups=groups,
        judge_source=sources,
        human_kind="simulated" if "simulated" in sources else "model",
        trace_source=least(SOURCES, {verdict.trace_source for verdict in verdicts}, trace_source),
    )


@dataclass(frozen=True)
class AnnotatorTest(Origin):
    """May the judge stand in for one of the people? (Calderon et al., arXiv 2501.10970)"""

    winning_rate: float | None
    """Share of the raters against whom the judge is at least as good, at the cost-benefit
    `epsilon`.
    """
    advantage: float | None
    """Chance that the judge agrees with the other raters at least as well as the rater left out
    does.
    """
    passes: bool | None
    """Whether the winning rate is at least one half. Only with people's labels is this about
    people.
    """
    epsilon: float
    n: int
    """Items that count for at least one rater: rated by `min_raters` or more, with a verdict."""
    n_unscored: int
    """Such items without one: a judge that is silent where it is hard looks better than it is."""
    frame: "pd.DataFrame" = field(repr=False)
    """A row a rater: ``n``, ``judge`` and ``rater`` (how often each is at least as good), ``p``,
    ``won``.
    """
    reason: str
    """Why there is no winning rate; blank where there is."""
    min_raters: int = WANTED_RATERS
    """How many must have rated an item for it to count."""
    other_words: Mapping[Any, int] = field(default_factory=dict)
    """Verdicts that no person gave, and how often the judge did: each is a disagreement."""

    @property
    def title(self) -> str:
        """What was found, and with whose labels."""
        decision = "is not compared with"
        if self.passes is not None:
            decision = "may stand in for" if self.passes else "may not stand in for"
        counts = f"n = {self.n}"
        if self.n_unscored:
            counts += f", {self.n_unscored} unscored"
        if self.other_words:
            words = some(self.other_words)
            counts += f", {sum(self.other_words.values())} verdicts that no person gave ({words})"
        return f"The judge {decision} one of the raters who gave {self.labels_are}, {counts}{self.rest_is}"


def annotator_test(
    ratings: "pd.DataFrame",
    judge: Values,
    epsilon: float = 0.2,
    q: float = 0.05,
    min_items: int = 30,
    human_kind: Any = None,
    judge_source: Any = None,
    trace_source: Any = None,
    min_raters: int | None = None,
) -> AnnotatorTest:
    """The alternative annotator test: leave each rater out, and ask who agrees better with the
    rest.

    `ratings` has a row an item and a column a rater, gaps as in `agreement`; `judge` a verdict for
    each item, or `Verdict`s. A verdict that no person ever gave is a disagreement; None is no
    verdict. `epsilon` is what a person's label costs more (0.2 where raters are experts, 0.15
    skilled, 0.1 crowd workers), `q` the false discovery rate over raters (Benjamini & Yekutieli
    2001). A rater with fewer than `min_items` items is left out: the t-test wants 30. `min_raters`
    is how many must have rated an item; None is 3, or 2 (the paper's) where no three raters have
    `min_items` items with 3. `human_kind`, `judge_source` and `trace_source` are as in `align`.
    Raises ValueError where the judge and people have no word in common, or spell one in two ways.
    """
    judge, about = by_trace(judge)
    columns = {str(name): ratings[name] for name in ratings}
    rows = joined(the_judge=judge, **columns).replace("defer", None)
    people = rows.drop(columns="the_judge")
    verdicts = rows["the_judge"]
    labels = categories(people.to_numpy().ravel())
    refuse_other_codes(verdicts, labels, other_words=True)
    choices = (WANTED_RATERS, 2) if min_raters is None else (min_raters,)
    frame, counted = _left_out_in_turn(people, verdicts, choices[0], min_items)
    wanted = choices[0]
    if len(frame) < WANTED_RATERS and len(choices) > 1:
        wanted = choices[1]
        frame, counted = _left_out_in_turn(people, verdicts, wanted, min_items)
    return _decided(
        frame,
        q,
        epsilon=epsilon,
        n=len(counted),
        n_unscored=int((verdicts.isna() & (people.notna().sum(axis=1) >= wanted)).sum()),
        reason=_missing(people, frame, wanted, min_items),
        min_raters=wanted,
        other_words=dict(Counter(word for word in verdicts.dropna() if word not in labels)),
        human_kind=least(RATERS, human_kind),
        judge_source=least(SOURCES, about.get("source"), judge_source),
        trace_source=least(SOURCES, about.get("trace_source"), trace_source),
    )


def _left_out_in_turn(
    people: "pd.DataFrame", verdicts: "pd.Series", min_raters: int, min_items: int
) -> tuple["pd.DataFrame", set[Any]]:
    """A row for each rater with enough items, who is left out and compared; and the items that
    count.
    """
    import pandas as pd

    rows = []
    counted: set[Any] = set()
    for rater in people:
        others = people.drop(columns=rater)
        used = (
            verdicts.notna()
            & people[rater].notna()
            & (others.notna().sum(axis=1) >= min_raters - 1)
        )
        if used.sum() < min_items:
            continue
        with_judge = others[used].eq(verdicts[used], axis=0).sum(axis=1)
        with_rater = others[used].eq(people[rater][used], axis=0).sum(axis=1)
        counted |= set(people.index[used])
        rows.append((rater, with_judge >= with_rater, with_rater >= with_judge))
    frame = pd.DataFrame(
        [(rater, len(judge), judge.mean(), person.mean()) for rater, judge, person in rows],
        columns=["rater_name", "n", "judge", "rater"],
    ).set_index("rater_name")
    frame.attrs["gaps"] = [person.astype(float) - judge.astype(float) for _, judge, person in rows]
    return frame, counted


def _decided(
    frame: "pd.DataFrame", q: float, epsilon: float, reason: str, **about: Any
) -> AnnotatorTest:
    from scipy.stats import false_discovery_control

    frame["p"] = [_p_of_gap(gap, epsilon) for gap in frame.attrs.pop("gaps")]
    frame["won"] = false_discovery_control(frame["p"], method="by") <= q if len(frame) else []
    if reason:
        return AnnotatorTest(None, None, None, epsilon, frame=frame, reason=reason, **about)
    rate = float(frame["won"].mean())
    advantage = float(frame["judge"].mean())
    return AnnotatorTest(rate, advantage, rate >= 0.5, epsilon, frame=frame, reason="", **about)


def _p_of_gap(gap: "pd.Series", epsilon: float) -> float:
    """Of the t-test that the rater is better by less than `epsilon`."""
    from scipy.stats import ttest_1samp

    if gap.nunique() == 1:  # there is no t
        return float(gap.iloc[0] >= epsilon)
    return float(ttest_1samp(gap, epsilon, alternative="less").pvalue)


def _missing(people: "pd.DataFrame", frame: "pd.DataFrame", min_raters: int, min_items: int) -> str:
    """What is missing for a winning rate; blank where nothing is."""
    if len(frame) >= WANTED_RATERS:
        return ""
    rated = people.notna().sum(axis=1)
    items = f"items with a verdict that {min_raters} people rated"
    found = f"{len(frame)} of {people.shape[1]} raters have {min_items} {items}: {WANTED_RATERS} are needed"
    counts = ", ".join(
        f"{count} items have {n}" for n, count in sorted(Counter(rated.tolist()).items())
    )
    return f"{found}. Ratings an item: {counts or 'there are no items'}"
