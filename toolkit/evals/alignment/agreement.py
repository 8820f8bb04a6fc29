"""Agreement: how far raters say the same of the same items, whoever is right; gaps are allowed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.evals.alignment import intervals
from toolkit.evals.alignment.chance import gwet_ac1, pabak
from toolkit.evals.alignment.origin import Origin, least_human
from toolkit.evals.alignment.pairing import Values, group_numbers, refuse_no_group, side_by_side
from toolkit.evals.alignment.rater_kappas import kappas, mean_kappas
from toolkit.evals.alignment.ratings import GAP, Ratings, Scale, read_ratings
from toolkit.traces.sources import Mixture, least_live

if TYPE_CHECKING:
    import pandas as pd

UNDEFINED = {
    "percent": "no item has two ratings",
    "alpha": "no item has two ratings, or all of them are the same",
    "kappa": "no two raters share an item, or both say the same of every item that they share",
    "ac1": "no item has two ratings, or there is one category only",
    "pabak": "no item has two ratings, or there is one category only",
}
"""Why a measure has no value."""
MEASURES = tuple(UNDEFINED)
BY_CATEGORY = "by_category"


@dataclass(frozen=True)
class Agreement(Origin):
    """Raters against each other. A measure that is undefined is None."""

    percent: float | None
    """Share of the pairs of ratings of one item that are equal, averaged over items."""
    alpha: float | None
    """Krippendorff's."""
    kappa: float | None
    """Cohen's of two raters; of more, the mean over the pairs that it is defined of (Light 1971):
    `kappa_rests_on`.
    """
    ac1: float | None
    """Gwet's AC1 (2008), unweighted like the next: where nearly all is one category, kappa falls
    and these do not.
    """
    pabak: float | None
    """Prevalence and bias adjusted kappa (Byrt et al. 1993), for several categories Brennan and
    Prediger's.
    """
    n_items: int
    """Items with at least two ratings: the effective n."""
    n_raters: int
    n_gaps: int
    """Ratings that are missing or ``defer``."""
    reason: str
    """Why measures are None; blank where none is."""
    pairs: "pd.DataFrame" = field(repr=False)
    """A row for two raters: ``first``, ``second``, ``n`` (items that both rated), ``percent``,
    ``kappa``, and ``left_out``: why the pair is not in the mean, blank where it is.
    """
    by_category: "pd.DataFrame" = field(repr=False)
    """By category: ``n`` ratings, ``agreement``, and its interval ``low``, ``high``. This is the
    specific agreement: given that one rater chose this category, the share of the item's other
    raters who chose it too.
    """
    intervals: dict[str, tuple[float, float] | None] = field(repr=False)
    """Expanded percentile bootstrap of items, or of whole groups."""
    disputed: "pd.DataFrame" = field(repr=False)
    """The items on which raters differ, with all ratings: what to adjudicate."""

    @property
    def title(self) -> str:
        """Who agrees."""
        return f"Agreement of {self.labels_are}"

    @property
    def kappa_rests_on(self) -> str:
        """In words, on which pairs of raters kappa rests, and which were left out, and why."""
        left_out = self.pairs[self.pairs["left_out"].ne("")]
        n_used = len(self.pairs) - len(left_out)
        words = f"kappa rests on {n_used} of {len(self.pairs)} pairs of raters"
        for why, pairs in left_out.groupby("left_out", sort=True):
            names = [f"{row.first} and {row.second}" for row in pairs.itertuples()]
            words += f"; left out, since they {why}: {', '.join(names)}"
        return words


def agreement(
    ratings: "pd.DataFrame",
    scale: Scale = "nominal",
    groups: "Values | None" = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    human_kind: Mixture = None,
    judge_source: Mixture = None,
    trace_source: Mixture = None,
    grades: Iterable[Any] | None = None,
) -> Agreement:
    """Compare raters; two runs of one judge are two raters, which is test and retest.

    Parameters
    ----------
    ratings : (n_items, n_raters) DataFrame
        A row an item, a column a rater; None, NaN or ``defer`` is a gap.
    scale : {"nominal", "ordinal", "interval"}
        Sets alpha's distance and kappa's weights: none, linear in the rank, or the squared
        difference.
    groups : (n_items,) values, optional
        Items that are not independent share a group: whole groups are drawn then.
    level, resamples, seed
        Of the bootstrapped intervals.
    human_kind, judge_source, trace_source
        Whose labels these are, and where verdicts and traces come from, as in `align`.
    grades : iterable, optional
        The whole scale in its order, as words too, whether each grade was given or not: kappa's
        weights, AC1 and PABAK go by it. Columns that are ordered Categoricals state it themselves.

    Raises
    ------
    ValueError
        For another scale, words on one that needs numbers, a rating that is no grade, a missing
        group, or raters who use different codes for the same thing: that would measure the coding.
    """
    read = read_ratings(ratings, scale, grades)
    numbers = _group_numbers(ratings, groups)
    n_units = len(ratings) if numbers is None else len(set(numbers.tolist()))
    every_item = [np.arange(len(ratings))]
    values = {name: column[0] for name, column in measures(read, every_item).items()}
    drawn = measures(read, drawn_rows(len(ratings), numbers, resamples, seed))
    known = {name: _none_if_nan(values[name]) for name in MEASURES}
    bounds = {name: _interval(values[name], drawn[name], level, n_units) for name in MEASURES}
    n_ratings = read.counts.sum(axis=1)
    n_different = np.count_nonzero(read.counts, axis=1)
    return Agreement(
        **known,
        n_items=int(np.count_nonzero(n_ratings > 1)),
        n_raters=read.codes.shape[1],
        n_gaps=int(np.count_nonzero(read.codes == GAP)),
        reason="; ".join(f"{name}: {UNDEFINED[name]}" for name in MEASURES if known[name] is None),
        pairs=_pairs_frame(read, ratings.columns),
        by_category=_categories_frame(
            read, values[BY_CATEGORY], drawn[BY_CATEGORY], level, n_units
        ),
        intervals=bounds,
        disputed=ratings[n_different > 1],
        human_kind=least_human(human_kind),
        judge_source=least_live(judge_source),
        trace_source=least_live(trace_source),
    )


def _group_numbers(ratings: "pd.DataFrame", groups: "Values | None") -> np.ndarray | None:
    if groups is None:
        return None
    rows = side_by_side(ratings=ratings.iloc[:, 0], group=groups)
    refuse_no_group(rows)
    return group_numbers(rows["group"])


def drawn_rows(
    n_items: int, groups: np.ndarray | None, resamples: int, seed: int
) -> list[np.ndarray]:
    """The rows of each bootstrap sample: of items, or of whole groups."""
    if not n_items:
        return []
    numbers = np.arange(n_items) if groups is None else groups
    blocks = [np.flatnonzero(numbers == number) for number in range(int(numbers.max()) + 1)]
    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(resamples):
        drawn = rng.integers(0, len(blocks), len(blocks))
        samples.append(np.concatenate([blocks[number] for number in drawn]))
    return samples


def measures(ratings: Ratings, samples: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The measures in each sample of the items; NaN where undefined.

    Returns
    -------
    dict
        By name, ``(n_samples,) float``; and ``by_category``, ``(n_samples, n_categories) float``:
        the specific agreement, as in `Agreement`.
    """
    n_items = len(ratings.codes)
    counts = ratings.counts
    in_samples = [_measures_of_counts(counts[rows], ratings) for rows in samples]
    columns = {}
    for name in (*MEASURES, BY_CATEGORY):
        columns[name] = np.array([values[name] for values in in_samples if name in values])
    weights = [np.bincount(rows, minlength=n_items) for rows in samples]
    columns["kappa"] = mean_kappas(ratings, np.array(weights).reshape(len(samples), n_items))
    return columns


def _measures_of_counts(counts: np.ndarray, ratings: Ratings) -> dict[str, Any]:
    """All but kappa, of ``counts (n_items, n_categories)``; with gaps as in Gwet 2008."""
    n_ratings = counts.sum(axis=1, keepdims=True)
    several = n_ratings[:, 0] > 1
    paired = counts[several]
    n_paired = n_ratings[several]
    same = paired * (paired - 1)  # ordered pairs of ratings of an item that are equal
    with np.errstate(invalid="ignore", divide="ignore"):
        percent = (same / (n_paired * (n_paired - 1))).sum() / np.float64(len(paired))
        shares_of_items = (counts / n_ratings)[n_ratings[:, 0] > 0]
        shares = shares_of_items.sum(axis=0) / np.float64(len(shares_of_items))
        return {
            "percent": percent,
            "alpha": _alpha(paired, ratings),
            "ac1": gwet_ac1(percent, shares),
            "pabak": pabak(percent, len(ratings.labels)),
            BY_CATEGORY: same.sum(axis=0) / (paired * (n_paired - 1)).sum(axis=0),
        }


def _alpha(paired: np.ndarray, ratings: Ratings) -> float:
    """Krippendorff's alpha of the items with two ratings or more."""
    import krippendorff

    if np.count_nonzero(paired.sum(axis=0)) < 2:
        return np.nan
    alpha = krippendorff.alpha(
        value_counts=paired,
        value_domain=ratings.positions,
        level_of_measurement=ratings.scale,
    )
    return float(alpha)


def _interval(
    value: float, drawn: np.ndarray, level: float, n_units: int
) -> tuple[float, float] | None:
    return None if np.isnan(value) else intervals.percentile(drawn, level, n_units)


def _pairs_frame(ratings: Ratings, raters: "pd.Index[Any]") -> "pd.DataFrame":
    every_item = np.ones((1, len(ratings.codes)), dtype=int)
    rows = []
    for first, of_first in enumerate(kappas(ratings, every_item)):
        for second, kappa in enumerate(of_first[0], first + 1):
            n, percent = _equal_ratings(ratings.codes[:, first], ratings.codes[:, second])
            left_out = ""
            if not n:
                left_out = "share no item"
            elif np.isnan(kappa):
                left_out = "say the same of every item that they share"
            rows.append((raters[first], raters[second], n, percent, kappa, left_out))
    return _frame(rows, ["first", "second", "n", "percent", "kappa", "left_out"])


def _equal_ratings(first: np.ndarray, second: np.ndarray) -> tuple[int, float | None]:
    """How many items both have rated, and on what share of them they agree."""
    rated_by_both = (first != GAP) & (second != GAP)
    n = int(rated_by_both.sum())
    n_equal = int((rated_by_both & (first == second)).sum())
    return n, n_equal / n if n else None


def _categories_frame(
    ratings: Ratings, values: np.ndarray, drawn: np.ndarray, level: float, n_units: int
) -> "pd.DataFrame":
    import pandas as pd

    n_ratings = ratings.counts.sum(axis=0).tolist()
    rows = []
    for category, value in enumerate(values):
        ends = _interval(value, drawn[:, category], level, n_units) if len(drawn) else None
        low, high = ends or (None, None)
        rows.append((n_ratings[category], value, low, high))
    table = _frame(rows, ["n", "agreement", "low", "high"])
    return table.set_axis(pd.Index(ratings.labels, name="category"))


def _frame(rows: list[Any], columns: list[str]) -> "pd.DataFrame":
    """A table with None for what is undefined."""
    import pandas as pd

    cells = [[_none_if_nan(value) for value in row] for row in rows]
    return pd.DataFrame(cells, columns=columns, dtype=object)


def _none_if_nan(value: Any) -> Any:
    if isinstance(value, np.floating):
        value = float(value)
    return None if isinstance(value, float) and np.isnan(value) else value
