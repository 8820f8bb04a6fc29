"""Ratings: what raters said of items, as numbers of categories on a scale; gaps are allowed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from toolkit.evals.alignment.categories import categories, comparable, ordered_grades
from toolkit.evals.text import first_few

if TYPE_CHECKING:
    import pandas as pd

Scale = Literal["nominal", "ordinal", "interval"]
GAP = -1
"""The code of a rating that is missing."""
FEW_ITEMS = 5
"""Raters of fewer items may well have seen different things."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """The ratings of items by raters."""

    codes: np.ndarray
    """``(n_items, n_raters) int``: the number of the category, or `GAP`."""
    labels: tuple[Any, ...]
    """The categories, in order."""
    scale: Scale

    @property
    def counts(self) -> np.ndarray:
        """``(n_items, n_categories) int``: how many raters said so."""
        counts: np.ndarray = self.in_category.sum(axis=1)
        return counts

    @property
    def in_category(self) -> np.ndarray:
        """``(n_items, n_raters, n_categories) bool``: whether the rating is the category."""
        return np.asarray(self.codes[:, :, None] == np.arange(len(self.labels)))

    @property
    def positions(self) -> np.ndarray:
        """``(n_categories,) float``: where each category stands on the scale."""
        if self.scale == "interval":
            return np.array(self.labels, dtype=float)
        return np.arange(len(self.labels), dtype=float)

    @property
    def distances(self) -> np.ndarray:
        """``(n_categories, n_categories) float``: how far two categories are apart, for kappa."""
        apart: np.ndarray = np.abs(self.positions[:, None] - self.positions)
        if self.scale == "nominal":
            apart = (apart > 0).astype(float)
        elif self.scale == "interval":
            apart = apart**2
        return apart


def read_ratings(
    table: "pd.DataFrame", scale: Scale = "nominal", grades: Iterable[Any] | None = None
) -> Ratings:
    """The ratings of a table with a row an item and a column a rater.

    Raises ValueError for another scale, words on one that needs numbers, a rating that is no grade,
    or raters who use different codes for the same thing.
    """
    if scale not in get_args(Scale):
        raise ValueError(f"scale is one of {', '.join(get_args(Scale))}, not {scale!r}")
    if grades is None:
        grades = ordered_grades(table[name] for name in table)
    grades = None if grades is None else list(grades)
    cells = [comparable(value) for value in table.to_numpy(dtype=object).ravel()]
    labels = categories(cells, grades=grades)
    _refuse_words(scale, labels, graded=grades is not None)
    code_of = {label: code for code, label in enumerate(labels)}
    codes = np.array([code_of.get(value, GAP) for value in cells], dtype=int)
    ratings = Ratings(codes.reshape(table.shape), labels, scale)
    _refuse_other_raters_codes(ratings, table.columns)
    return ratings


def _refuse_words(scale: Scale, labels: tuple[Any, ...], graded: bool) -> None:
    words = [label for label in labels if isinstance(label, str)]
    if not words or scale == "nominal":
        return
    if scale == "interval":
        raise ValueError(f"interval ratings want numbers; they are {first_few(words)}")
    if not graded:
        wanted = "ordinal ratings want numbers, or grades= in their order"
        raise ValueError(f"{wanted}; they are {first_few(words)}")


def _refuse_other_raters_codes(ratings: Ratings, raters: "pd.Index[Any]") -> None:
    """Raise where a rater says nothing that any other rater says."""
    times = ratings.in_category.sum(axis=0)  # a row a rater, a column a category
    times_of_all = times.sum(axis=0)
    for rater, own_times in zip(raters, times, strict=True):
        words = _labels_at(ratings, own_times > 0)
        others = categories(_labels_at(ratings, times_of_all > own_times))
        if others and own_times.sum() >= FEW_ITEMS and not set(words) & set(others):
            listed = first_few(sorted(words, key=repr))
            raise ValueError(f"{rater} says {listed}, and nobody else does: other codes?")


def _labels_at(ratings: Ratings, chosen: np.ndarray) -> list[Any]:
    return [ratings.labels[number] for number in np.flatnonzero(chosen)]
