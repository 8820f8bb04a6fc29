"""Agreement: how far raters say the same of the same items, whoever is right; gaps are allowed."""

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from toolkit.evals.columns import RATERS, SOURCES, Origin, Values, categories, joined, least, percentile, plain, some

if TYPE_CHECKING:
    import pandas as pd

Scale = Literal["nominal", "ordinal", "interval"]
FEW = 5  # raters of fewer items may well have seen different things
WHY = {
    "percent": "no item has two ratings",
    "alpha": "no item has two ratings, or all of them are the same",
    "kappa": "two raters share no item, or both say the same of every item that they share",
    "ac1": "no item has two ratings, or there is one category only",
    "pabak": "no item has two ratings, or there is one category only",
}


@dataclass(frozen=True)
class Agreement(Origin):
    """Raters against each other. A measure that is undefined is None."""

    percent: float | None
    """Share of the pairs of ratings of one item that are equal, averaged over items."""
    alpha: float | None
    """Krippendorff's."""
    kappa: float | None
    """Cohen's of two raters; of more, the mean over all pairs (Light 1971), which `pairs` holds."""
    ac1: float | None
    """Gwet's AC1 (2008), unweighted like the next: where nearly all is one category, kappa falls and these do not."""
    pabak: float | None
    """Prevalence and bias adjusted kappa (Byrt et al. 1993), for several categories Brennan and Prediger's."""
    n_items: int
    """Items with at least two ratings: the effective n."""
    n_raters: int
    n_gaps: int
    """Ratings that are missing or ``defer``."""
    reason: str
    """Why measures are None; blank where none is."""
    pairs: "pd.DataFrame" = field(repr=False)
    """A row for two raters: ``first``, ``second``, ``n``, ``percent``, ``kappa``."""
    by_category: "pd.DataFrame" = field(repr=False)
    """By category: ``n`` ratings, ``agreement`` (of those who rate an item that one called so, how many do), and its
    interval ``low``, ``high``."""
    intervals: dict[str, tuple[float, float] | None] = field(repr=False)
    """Percentile bootstrap of items, or of whole groups."""
    disputed: "pd.DataFrame" = field(repr=False)
    """The items on which raters differ, with all ratings: what to adjudicate."""

    @property
    def title(self) -> str:
        """Who agrees."""
        return f"Agreement of {self.labels_are}"


def agreement(
    ratings: "pd.DataFrame",
    scale: Scale = "nominal",
    groups: "Values | None" = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    human_kind: Any = None,
    judge_source: Any = None,
) -> Agreement:
    """Compare raters: a row an item, a column a rater, None, NaN or ``defer`` a gap.

    Two runs of one judge are two raters: then this is test and retest. `scale` sets alpha's distance and kappa's
    weights (``nominal`` none, ``ordinal`` linear in the rank, ``interval`` the squared difference).
    Raises ValueError for another scale, words on one that needs numbers, a missing group, or raters who use different
    codes for the same thing: that would measure the coding.
    """
    import pandas as pd

    cells = [[plain(value) for value in row] for row in ratings.itertuples(index=False)]
    labels = _labels(cells, ratings.columns, scale)
    code = np.array([[labels.index(v) if v in labels else -1 for v in row] for row in cells], dtype=int)
    code, names = code.reshape(ratings.shape), [*WHY, *(("category", label) for label in labels)]
    values = np.array(labels, dtype=float) if scale == "interval" else np.arange(len(labels), dtype=float)
    found = dict(zip(names, _measures(code, values, scale), strict=True))
    group = range(len(code)) if groups is None else joined(ratings=ratings.iloc[:, 0], group=groups)["group"]
    if groups is not None and (missing := [i for i, one in zip(ratings.index, group, strict=True) if one is None]):
        raise ValueError(f"no group for {some(missing)}: leave such items out, or give each a group of its own")
    blocks = list(pd.Series(range(len(code))).groupby(np.array([repr(one) for one in group])).groups.values())
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(resamples if len(code) else 0):
        rows = np.concatenate([blocks[at] for at in rng.integers(0, len(blocks), len(blocks))])
        drawn.append(_measures(code[rows], values, scale))
    columns = zip(names, np.array(drawn).reshape(-1, len(names)).T, strict=True)
    bounds = {name: None if np.isnan(found[name]) else percentile(one, level) for name, one in columns}
    pairs = [(*ratings.columns[[a, b]], *_pair(code[:, [a, b]], values, scale)) for a, b in _couples(code)]
    ends = [((code == at).sum(), ("category", label)) for at, label in enumerate(labels)]
    by = [(count, found[name], *(bounds[name] or (None, None))) for count, name in ends]
    told: dict[str, Any] = {name: None if np.isnan(found[name]) else float(found[name]) for name in WHY}
    told |= {"n_items": int(((code >= 0).sum(1) > 1).sum()), "n_raters": code.shape[1], "n_gaps": int((code < 0).sum())}
    return Agreement(
        **told,
        reason="; ".join(f"{name}: {why}" for name, why in WHY.items() if told[name] is None),
        pairs=_frame(pairs, ["first", "second", "n", "percent", "kappa"]),
        by_category=_frame(by, ["n", "agreement", "low", "high"]).set_axis(pd.Index(labels, name="category")),
        intervals={name: bounds[name] for name in WHY},
        disputed=ratings[[len({*row} - {-1}) > 1 for row in code.tolist()]],
        human_kind=least(RATERS, human_kind),
        judge_source=least(SOURCES, judge_source),
    )


def _labels(cells: list[list[Any]], raters: "pd.Index[Any]", scale: Scale) -> tuple[Any, ...]:
    """The categories of all raters; see `agreement` for what is refused."""
    labels = categories(value for row in cells for value in row)
    if scale not in get_args(Scale) or (scale != "nominal" and any(isinstance(one, str) for one in labels)):
        raise ValueError(f"scale is one of {', '.join(get_args(Scale))}, and all but the first want numbers: {scale!r}")
    said = [[value for value in column if value in labels] for column in zip(*cells, strict=True)]
    for at, rater in enumerate(raters):
        others = categories(value for other, column in enumerate(said) if other != at for value in column)
        if others and len(said[at]) >= FEW and not set(said[at]) & set(others):
            raise ValueError(f"{rater} says {some(sorted({*said[at]}, key=repr))}, and nobody else does: other codes?")
    return labels


def _frame(rows: list[Any], columns: list[str]) -> "pd.DataFrame":
    """A table with None for what is undefined."""
    import pandas as pd

    return pd.DataFrame([[None if v != v else v for v in row] for row in rows], columns=columns, dtype=object)


def _couples(code: np.ndarray) -> list[tuple[int, int]]:
    return list(combinations(range(code.shape[1]), 2))


def _measures(code: np.ndarray, values: np.ndarray, scale: Scale) -> list[float]:
    """The measures in the order of `WHY`, then the agreement on each category; NaN where undefined.

    `code` is ``(n, raters) int``, -1 for a gap.
    """
    import krippendorff

    counts = (code[:, :, None] == np.arange(len(values))).sum(1)
    of = counts.sum(1, keepdims=True)
    two, r, q = counts[of[:, 0] > 1], of[of > 1][:, None], np.float64(len(values))
    alpha, kappas = np.nan, [_pair(code[:, [a, b]], values, scale)[2] for a, b in _couples(code)]
    if np.count_nonzero(two.sum(0)) > 1:
        alpha = krippendorff.alpha(value_counts=two, value_domain=values, level_of_measurement=scale)
    with np.errstate(invalid="ignore", divide="ignore"):
        same = (two * (two - 1) / (r * (r - 1))).sum() / np.float64(len(two))
        share = (counts / of)[of[:, 0] > 0].sum(0) / np.count_nonzero(of)
        by_chance = (share * (1 - share)).sum() / (q - 1)
        ac1, pabak = ((same - chance) / (1 - chance) for chance in (by_chance, 1 / q))
        by_category = (two * (two - 1)).sum(0) / (two * (r - 1)).sum(0)
    return [same, alpha, np.sum(kappas) / len(kappas) if kappas else np.nan, ac1, pabak, *by_category]


def _pair(code: np.ndarray, values: np.ndarray, scale: Scale) -> tuple[int, float, float]:
    """Of two raters: items that both rated, the share on which they agree, Cohen's kappa (1960; weighted 1968)."""
    both, q = code[(code >= 0).all(1)], len(values)
    table = np.bincount(both[:, 0] * q + both[:, 1], minlength=q * q).reshape(q, q).astype(float)
    apart = np.abs(values[:, None] - values) ** (1 if scale == "ordinal" else 2)
    apart = apart if scale != "nominal" else np.asarray(apart > 0, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.outer(table.sum(1), table.sum(0)) / np.float64(len(both))
        return len(both), np.trace(table) / np.float64(len(both)), 1 - (apart * table).sum() / (apart * expected).sum()
