"""The judged items behind a corrected rate, sorted by what is known of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.evals.alignment import intervals
from toolkit.evals.alignment.alignment import Alignment
from toolkit.evals.alignment.categories import (
    NO_VERDICT,
    Policy,
    counted_as,
    refuse_other_codes,
)
from toolkit.evals.alignment.pairing import (
    by_trace,
    group_numbers,
    refuse_no_group,
    side_by_side,
)
from toolkit.evals.text import first_few
from toolkit.traces.sources import least_live

if TYPE_CHECKING:
    import pandas as pd

PSEUDO_VERDICTS = 1.0
"""A judged rate of 0 or 1 is never certain: half a verdict more of either kind, before resampling.
The labelled items have more, `intervals.PSEUDO_ITEMS`.
"""


@dataclass(frozen=True)
class JudgedItems:
    """The judged items, sorted by what is known of them."""

    positive: np.ndarray
    """``(n,) bool``: whether the judge's verdict is the positive label, of the items that only the
    judge has seen.
    """
    groups: np.ndarray | None
    """``(n,) int``: the number of each one's group."""
    known: np.ndarray
    """``(n_known,) bool``: whether people say the positive label, of the items that they have seen
    as well.
    """
    n_unscored: int
    n_examples: int
    judge_source: str | None
    trace_source: str | None

    @property
    def n(self) -> int:
        """Items that only the judge has seen."""
        return len(self.positive)

    @property
    def n_units(self) -> int:
        """How many independent draws these are."""
        return self.n if self.groups is None else len(set(self.groups.tolist()))

    @property
    def rate(self) -> float | None:
        """The share of the positive verdict; None of nothing."""
        return float(self.positive.mean()) if self.n else None

    def drawn_shares(self, resamples: int, seed: int) -> np.ndarray:
        """``(resamples,)`` bootstrapped shares of the positive verdict."""
        # The labelled sample is drawn by the seed alone: the two must not move together.
        rng = np.random.default_rng([seed, 1])
        cells = np.column_stack([self.positive, ~self.positive]).astype(float)
        counts = intervals.resampled(cells, self.groups, resamples, rng, PSEUDO_VERDICTS)
        shares: np.ndarray = counts[:, 0] / counts.sum(axis=1)
        return shares


def judged_items(alignment: Alignment, judged: Any, groups: Any) -> JudgedItems:
    """The judged items, without examples, and those that people labelled set apart.

    Raises ValueError for other codes, verdicts of another judge than was aligned, an id that is
    there twice, a missing group, or unscored verdicts under a policy that takes them for a pass, or
    for agreeing with nobody.
    """
    if isinstance(judged, Mapping):
        values = list(judged.values())
        if all(hasattr(value, "trace_id") for value in values):
            judged = values
    verdicts, about = by_trace(judged)
    _refuse_other_judges(alignment, about)
    optional = {"group": groups, "example": about.get("example")}
    given = {name: values for name, values in optional.items() if values is not None}
    rows = side_by_side(verdict=verdicts, **given)
    refuse_no_group(rows)
    labels = tuple(alignment.confusion.index)
    refuse_other_codes(rows["verdict"], labels)

    rows["label"] = _labels_by_id(alignment, rows)
    is_known = rows["label"].notna()
    known = rows.loc[is_known, "label"].eq(alignment.positive)
    is_example = ~is_known & _is_example(rows)
    judged_only = rows[~is_known & ~is_example]
    is_scored = judged_only["verdict"].isin(labels)
    n_unscored = int((~is_scored).sum())
    in_place_of_none = counted_as(alignment.policy, labels, alignment.positive)
    if n_unscored or alignment.n_unparsed:
        _refuse_guesses(alignment.policy, in_place_of_none)
    counted = judged_only["verdict"].where(is_scored, in_place_of_none)
    used = judged_only[counted.notna()]
    return JudgedItems(
        positive=counted.dropna().eq(alignment.positive).to_numpy(dtype=bool),
        groups=group_numbers(used.get("group")),
        known=known.to_numpy(dtype=bool),
        n_unscored=n_unscored,
        n_examples=int(is_example.sum()),
        judge_source=least_live(alignment.judge_source, about.get("source")),
        trace_source=least_live(alignment.trace_source, about.get("trace_source")),
    )


def _refuse_other_judges(alignment: Alignment, about: Mapping[str, Any]) -> None:
    others = set(about.get("judge", ())) - {alignment.judge_hash}
    if others and alignment.judge_hash:
        hashes = f"judged by {first_few(others)}, aligned was {alignment.judge_hash}"
        raise ValueError(f"{hashes}: errors of another judge")


def _refuse_guesses(policy: Policy, in_place_of_none: Any) -> None:
    if policy == "pass":
        raise ValueError("what is unscored is never a pass: align with unparsed='report' or 'fail'")
    if in_place_of_none == NO_VERDICT:
        raise ValueError("what agrees with nobody tells no rate: align with unparsed='report'")


def _labels_by_id(alignment: Alignment, rows: "pd.DataFrame") -> "pd.Series":
    """What people say of each judged item; None where they have not seen it, or without ids."""
    import pandas as pd

    labels = alignment.pairs.loc[alignment.pairs["human"].ne("defer"), "human"]
    for index in (rows.index, alignment.pairs.index):
        if isinstance(index, pd.RangeIndex):  # a position is no id
            return pd.Series(None, rows.index, dtype=object)
    return labels.reindex(rows.index)


def _is_example(rows: "pd.DataFrame") -> "pd.Series":
    import pandas as pd

    if "example" not in rows:
        return pd.Series(False, rows.index)
    return rows["example"].eq(1)
