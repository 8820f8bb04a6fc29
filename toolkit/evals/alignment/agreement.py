"""Agreement: how far raters say the same of the same items, whoever is right; gaps are allowed."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from toolkit.evals.alignment import intervals
from toolkit.evals.alignment.columns import (
    RATERS,
    SOURCES,
    Origin,
    Values,
    categories,
    grades_of,
    group_numbers,
    joined,
    least,
    plain,
    some,
)
from toolkit.evals.alignment.confusion import beyond_chance

if TYPE_CHECKING:
    import pandas as pd

Scale = Literal["nominal", "ordinal", "interval"]
FEW = 5  # raters of fewer items may well have seen different things
GAP = -1
"""The code of a rating that is missing."""
UNDEFINED = {
    "percent": "no item has two ratings",
    "alpha": "no item has two ratings, or all of them are the same",
    "kappa": "no two raters share an item, or both say the same of every item that they share",
    "ac1": "no item has two ratings, or there is one category only",
    "pabak": "no item has two ratings, or there is one category only",
}
MEASURES = tuple(UNDEFINED)


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
    ``kappa``, and
    ``left_out``: why the pair is not in the mean, blank where it is.
    """
    by_category: "pd.DataFrame" = field(repr=False)
    """By category: ``n`` ratings, ``agreement`` (of those who rate an item that one called so, how
    many do), and its interval ``low``, ``high``.
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
        used = self.pairs[self.pairs["left_out"].eq("")]
        words = f"kappa rests on {len(used)} of {len(self.pairs)} pairs of raters"
        for why, pairs in self.pairs[self.pairs["left_out"].ne("")].groupby("left_out", sort=True):
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
    human_kind: Any = None,
    judge_source: Any = None,
    trace_source: Any = None,
    grades: Iterable[Any] | None = None,
) -> Agreement:
    """Compare raters: a row an item, a column a rater, None, NaN or ``defer`` a gap.

    Two runs of one judge are two raters: then this is test and retest. `scale` sets alpha's
    distance and kappa's weights (``nominal`` none, ``ordinal`` linear in the rank, ``interval`` the
    squared difference). `grades` states the whole scale in its order, as words too, whether each
    grade was given or not: kappa's weights, AC1 and PABAK go by it. Columns that are ordered
    Categoricals state it themselves. Raises ValueError for another scale, words on one that needs
    numbers, a rating that is no grade, a missing group, or raters who use different codes for the
    same thing: that would measure the coding.
    """
    if grades is None:
        grades = grades_of(ratings[name] for name in ratings)
    cells = [[plain(value) for value in row] for row in ratings.itertuples(index=False)]
    labels = _labels(cells, ratings.columns, scale, None if grades is None else list(grades))
    codes = np.array(
        [[labels.index(v) if v in labels else GAP for v in row] for row in cells], dtype=int
    )
    codes = codes.reshape(ratings.shape)
    places = (
        np.array(labels, dtype=float)
        if scale == "interval"
        else np.arange(len(labels), dtype=float)
    )
    numbers = _group_numbers(ratings, groups)
    values = _measures(codes, places, scale)
    drawn = np.array(
        [
            _measures(codes[rows], places, scale)
            for rows in _drawn_rows(len(codes), numbers, resamples, seed)
        ]
    ).reshape(-1, len(values))
    n_units = len(codes) if numbers is None else len(set(numbers.tolist()))
    bounds = [
        None if np.isnan(value) else intervals.percentile(column, level, n_units)
        for value, column in zip(values, drawn.T, strict=True)
    ]
    measures = {name: _none_if_nan(value) for name, value in zip(MEASURES, values, strict=False)}
    rated = codes != GAP
    missing = [name for name in MEASURES if measures[name] is None]
    return Agreement(
        **measures,
        n_items=int((rated.sum(axis=1) > 1).sum()),
        n_raters=codes.shape[1],
        n_gaps=int((~rated).sum()),
        reason="; ".join(f"{name}: {UNDEFINED[name]}" for name in missing),
        pairs=_pairs_frame(codes, ratings.columns, places, scale),
        by_category=_categories_frame(
            codes, labels, values[len(MEASURES) :], bounds[len(MEASURES) :]
        ),
        intervals=dict(zip(MEASURES, bounds, strict=False)),
        disputed=ratings[[len(set(row) - {GAP}) > 1 for row in codes.tolist()]],
        human_kind=least(RATERS, human_kind),
        judge_source=least(SOURCES, judge_source),
        trace_source=least(SOURCES, trace_source),
    )


def _labels(
    cells: list[list[Any]], raters: "pd.Index[Any]", scale: Scale, grades: list[Any] | None
) -> tuple[Any, ...]:
    """The categories of all raters; see `agreement` for what is refused."""
    labels = categories((value for row in cells for value in row), grades=grades)
    _refuse_scale(scale, labels, grades)
    ratings = [
        [value for value in column if value in labels] for column in zip(*cells, strict=True)
    ]
    for at, rater in enumerate(raters):
        others = categories(
            value for other, column in enumerate(ratings) if other != at for value in column
        )
        if others and len(ratings[at]) >= FEW and not set(ratings[at]) & set(others):
            words = some(sorted(set(ratings[at]), key=repr))
            raise ValueError(f"{rater} says {words}, and nobody else does: other codes?")
    return labels


def _refuse_scale(scale: str, labels: tuple[Any, ...], grades: list[Any] | None) -> None:
    if scale not in get_args(Scale):
        raise ValueError(f"scale is one of {', '.join(get_args(Scale))}, not {scale!r}")
    words = [label for label in labels if isinstance(label, str)]
    if not words or scale == "nominal":
        return
    if scale == "interval":
        raise ValueError(f"interval ratings want numbers; they are {some(words)}")
    if grades is None:
        raise ValueError(
            f"ordinal ratings want numbers, or grades= in their order; they are {some(words)}"
        )


def _group_numbers(ratings: "pd.DataFrame", groups: "Values | None") -> np.ndarray | None:
    if groups is None:
        return None
    names = joined(ratings=ratings.iloc[:, 0], group=groups)["group"]
    if missing := [id_ for id_, name in zip(ratings.index, names, strict=True) if name is None]:
        raise ValueError(
            f"no group for {some(missing)}: leave such items out, or give each a group of its own"
        )
    return group_numbers(names)


def _drawn_rows(
    n: int, numbers: np.ndarray | None, resamples: int, seed: int
) -> Iterable[np.ndarray]:
    """The rows of each bootstrap resample: items, or whole groups."""
    if not n:
        return
    numbers = np.arange(n) if numbers is None else numbers
    blocks = [np.flatnonzero(numbers == number) for number in range(int(numbers.max()) + 1)]
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.concatenate([blocks[at] for at in rng.integers(0, len(blocks), len(blocks))])


def _pairs_frame(
    codes: np.ndarray, raters: "pd.Index[Any]", places: np.ndarray, scale: Scale
) -> "pd.DataFrame":
    rows = []
    for first, second in _couples(codes):
        n, percent, kappa = _pair(codes[:, [first, second]], places, scale)
        left_out = ""
        if not n:
            left_out = "share no item"
        elif np.isnan(kappa):
            left_out = "say the same of every item that they share"
        rows.append((raters[first], raters[second], n, percent, kappa, left_out))
    return _frame(rows, ["first", "second", "n", "percent", "kappa", "left_out"])


def _categories_frame(
    codes: np.ndarray,
    labels: tuple[Any, ...],
    values: list[float],
    bounds: list[tuple[float, float] | None],
) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for at, (value, ends) in enumerate(zip(values, bounds, strict=True)):
        rows.append((int((codes == at).sum()), value, *(ends or (None, None))))
    return _frame(rows, ["n", "agreement", "low", "high"]).set_axis(
        pd.Index(labels, name="category")
    )


def _frame(rows: list[Any], columns: list[str]) -> "pd.DataFrame":
    """A table with None for what is undefined."""
    import pandas as pd

    cells = [[_none_if_nan(value) for value in row] for row in rows]
    return pd.DataFrame(cells, columns=columns, dtype=object)


def _none_if_nan(value: Any) -> Any:
    if isinstance(value, np.floating):
        value = float(value)
    return None if isinstance(value, float) and np.isnan(value) else value


def _couples(codes: np.ndarray) -> list[tuple[int, int]]:
    return list(combinations(range(codes.shape[1]), 2))


def _measures(codes: np.ndarray, places: np.ndarray, scale: Scale) -> list[float]:
    """The measures in the order of `MEASURES`, then the agreement on each category; NaN where
    undefined.

    `codes` is ``(n, raters) int``. Percent and AC1 with gaps: Gwet 2008.
    """
    n_categories = np.float64(len(places))
    counts = (codes[:, :, None] == np.arange(len(places))).sum(
        axis=1
    )  # ratings of each category, an item a row
    n_ratings = counts.sum(axis=1)
    paired = counts[n_ratings > 1]
    n_paired = n_ratings[n_ratings > 1][:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        percent = (paired * (paired - 1) / (n_paired * (n_paired - 1))).sum() / np.float64(
            len(paired)
        )
        shares = (counts / n_ratings[:, None])[n_ratings > 0].sum(axis=0) / np.count_nonzero(
            n_ratings
        )
        gwet_chance = (shares * (1 - shares)).sum() / (n_categories - 1)
        ac1 = beyond_chance(percent, gwet_chance)
        pabak = beyond_chance(percent, 1 / n_categories)
        by_category = (paired * (paired - 1)).sum(axis=0) / (paired * (n_paired - 1)).sum(axis=0)
    return [
        percent,
        _alpha(paired, places, scale),
        _light(codes, places, scale),
        ac1,
        pabak,
        *by_category,
    ]


def _alpha(paired: np.ndarray, places: np.ndarray, scale: Scale) -> float:
    """Krippendorff's alpha of the items with two ratings or more."""
    import krippendorff

    if np.count_nonzero(paired.sum(axis=0)) < 2:
        return np.nan
    alpha = krippendorff.alpha(value_counts=paired, value_domain=places, level_of_measurement=scale)
    return float(alpha)


def _light(codes: np.ndarray, places: np.ndarray, scale: Scale) -> float:
    """The mean kappa of all pairs of raters of whom it is defined (Light 1971)."""
    kappas = [_pair(codes[:, list(couple)], places, scale)[2] for couple in _couples(codes)]
    defined = [kappa for kappa in kappas if not np.isnan(kappa)]
    return float(np.mean(defined)) if defined else np.nan


def _pair(codes: np.ndarray, places: np.ndarray, scale: Scale) -> tuple[int, float, float]:
    """Of two raters: items that both rated, the share on which they agree, Cohen's kappa (1960;
    weighted 1968).
    """
    both = codes[(codes != GAP).all(axis=1)]
    n = np.float64(len(both))
    size = len(places)
    table = (
        np.bincount(both[:, 0] * size + both[:, 1], minlength=size * size)
        .reshape(size, size)
        .astype(float)
    )
    distance = np.abs(places[:, None] - places)
    if scale == "nominal":
        distance = (distance > 0).astype(float)
    elif scale == "interval":
        distance = distance**2
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
        kappa = 1 - (distance * table).sum() / (distance * expected).sum()
        return len(both), float(np.trace(table) / n), float(kappa)
