"""The alternative annotator test: may a judge stand in for one of the people?

References
----------
Calderon et al., arXiv 2501.10970: the test, its winning rate, and epsilon.
Benjamini & Yekutieli 2001: the false discovery rate over raters.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolkit.evals.alignment.categories import categories, refuse_other_codes
from toolkit.evals.alignment.origin import Origin, least_human
from toolkit.evals.alignment.pairing import Values, by_trace, side_by_side
from toolkit.evals.text import first_few
from toolkit.traces.sources import Mixture, least_live

if TYPE_CHECKING:
    import pandas as pd

COMPARED_RATERS = 3
"""Raters to leave out in turn, without whom a winning rate says little."""
RATERS_OF_AN_ITEM = 3
"""How many must have rated an item for it to count."""
FEWEST_RATERS_OF_AN_ITEM = 2
"""The paper's own number of these: with one rater left out, one is still there to agree with."""


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
    min_raters: int = RATERS_OF_AN_ITEM
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
            n_other = sum(self.other_words.values())
            words = first_few(self.other_words)
            counts += f", {n_other} verdicts that no person gave ({words})"
        raters = f"one of the raters who gave {self.labels_are}"
        return f"The judge {decision} {raters}, {counts}{self.rest_is}"


def annotator_test(
    ratings: "pd.DataFrame",
    judge: Values,
    epsilon: float = 0.2,
    q: float = 0.05,
    min_items: int = 30,
    human_kind: Mixture = None,
    judge_source: Mixture = None,
    trace_source: Mixture = None,
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
    rows = side_by_side(the_judge=judge, **columns).replace("defer", None)
    people = rows.drop(columns="the_judge")
    verdicts = rows["the_judge"]
    labels = categories(people.to_numpy().ravel())
    refuse_other_codes(verdicts, labels, other_words=True)

    wanted = min_raters or RATERS_OF_AN_ITEM
    compared = _left_out_in_turn(people, verdicts, wanted, min_items)
    if min_raters is None and len(compared) < COMPARED_RATERS:
        wanted = FEWEST_RATERS_OF_AN_ITEM
        compared = _left_out_in_turn(people, verdicts, wanted, min_items)
    frame = _frame(compared, epsilon, q)
    reason = _missing(people, len(frame), wanted, min_items)
    winning_rate = None if reason else float(frame["won"].mean())
    counted = set().union(*(rows.index for rows in compared.values()))
    is_rated = people.notna().sum(axis=1) >= wanted
    other_words = Counter(word for word in verdicts.dropna() if word not in labels)
    return AnnotatorTest(
        winning_rate=winning_rate,
        advantage=None if reason else float(frame["judge"].mean()),
        passes=None if winning_rate is None else winning_rate >= 0.5,
        epsilon=epsilon,
        n=len(counted),
        n_unscored=int((verdicts.isna() & is_rated).sum()),
        frame=frame,
        reason=reason,
        min_raters=wanted,
        other_words=dict(other_words),
        human_kind=least_human(human_kind),
        judge_source=least_live(about.get("source"), judge_source),
        trace_source=least_live(about.get("trace_source"), trace_source),
    )


def _left_out_in_turn(
    people: "pd.DataFrame", verdicts: "pd.Series", min_raters: int, min_items: int
) -> "dict[Any, pd.DataFrame]":
    """For each rater with enough items, whether the judge agrees with the others at least as well
    (``judge``), and whether the rater does (``rater``): a row an item.
    """
    import pandas as pd

    compared = {}
    for rater in people:
        others = people.drop(columns=rater)
        rated_by_others = others.notna().sum(axis=1) >= min_raters - 1
        used = verdicts.notna() & people[rater].notna() & rated_by_others
        if used.sum() < min_items:
            continue
        with_judge = others[used].eq(verdicts[used], axis=0).sum(axis=1)
        with_rater = others[used].eq(people[rater][used], axis=0).sum(axis=1)
        columns = {"judge": with_judge >= with_rater, "rater": with_rater >= with_judge}
        compared[rater] = pd.DataFrame(columns)
    return compared


def _frame(compared: "Mapping[Any, pd.DataFrame]", epsilon: float, q: float) -> "pd.DataFrame":
    """A row a rater: ``n``, ``judge``, ``rater``, ``p``, and whether the judge ``won``."""
    import pandas as pd
    from scipy.stats import false_discovery_control

    rows = []
    for rater, items in compared.items():
        gap = items["rater"].astype(float) - items["judge"].astype(float)
        p = _p_of_gap(gap, epsilon)
        rows.append((rater, len(items), items["judge"].mean(), items["rater"].mean(), p))
    columns = ["rater_name", "n", "judge", "rater", "p"]
    frame = pd.DataFrame(rows, columns=columns).set_index("rater_name")
    frame["won"] = False
    if len(frame):
        frame["won"] = false_discovery_control(frame["p"], method="by") <= q
    return frame


def _p_of_gap(gap: "pd.Series", epsilon: float) -> float:
    """Of the t-test that the rater is better by less than `epsilon`."""
    from scipy.stats import ttest_1samp

    if gap.nunique() == 1:  # there is no t
        return float(gap.iloc[0] >= epsilon)
    return float(ttest_1samp(gap, epsilon, alternative="less").pvalue)


def _missing(people: "pd.DataFrame", n_raters: int, min_raters: int, min_items: int) -> str:
    """What is missing for a winning rate; blank where nothing is."""
    if n_raters >= COMPARED_RATERS:
        return ""
    items = f"items with a verdict that {min_raters} people rated"
    have = f"{n_raters} of {people.shape[1]} raters have {min_items} {items}"
    times = Counter(people.notna().sum(axis=1).tolist())
    counts = [f"{count} items have {n}" for n, count in sorted(times.items())]
    listed = ", ".join(counts) or "there are no items"
    return f"{have}: {COMPARED_RATERS} are needed. Ratings an item: {listed}"
