"""Correction: the rate that people would have found, from a judge's verdicts on many and people's
on a few.

References
----------
Rogan & Gladen 1978, Estimating prevalence from the results of a screening test.
Lee et al., arXiv 2511.21140: both samples are resampled, the labelled and the judged.
Angelopoulos, Duchi & Zrnic, arXiv 2311.01453: PPI++, and its power tuning (section 6).
For few labels: see `toolkit.evals.alignment.intervals` (Agresti & Coull 1998, Hesterberg 2015).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from toolkit.evals.alignment import columns, intervals
from toolkit.evals.alignment.alignment import Alignment
from toolkit.evals.alignment.columns import SOURCES, Origin, Values, least, refuse_other_codes, some

if TYPE_CHECKING:
    import pandas as pd

Method = Literal["rogan-gladen", "ppi"]
IntervalMethod = Literal["resampled", "normal"]
JUDGED_PSEUDO_ITEMS = 1.0
"""A judged rate of 0 or 1 is never certain: half a verdict more of either kind, before resampling.
"""


@dataclass(frozen=True)
class Estimate(Origin):
    """A rate with its interval. All three are None where they are undefined."""

    value: float | None
    """The corrected share of the positive label."""
    low: float | None
    high: float | None
    n: int
    """Judged items that count, by their verdict or by their label: the effective n."""
    n_labels: int
    """Labelled items behind the correction."""
    n_unscored: int
    """Judged items with neither; none of them is a pass."""
    raw: float | None
    """The judge's own share, uncorrected, on the items that are not labelled."""
    raw_interval: tuple[float, float] | None
    """Wilson's, as if the judge never erred: too narrow, and in the wrong place."""
    method: Method
    level: float
    degenerate: float
    """Share of the resamples in which the judge was no better than a coin; they widen the interval
    to both sides.
    """
    reason: str
    """Why there is no value; blank where there is."""
    n_known: int = 0
    """Judged items that are labelled too: they count as people say, and have no error."""
    n_examples: int = 0
    """Judged items that the judge was shown with their answer, and nobody labelled; they are in no
    number.
    """
    n_groups: int | None = None
    """Groups of the judged items; None where each stands alone."""
    interval: IntervalMethod = "resampled"

    @property
    def title(self) -> str:
        """The value and what it rests on, in words."""
        found = (
            "undefined"
            if self.value is None
            else f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"
        )
        parts = [f"corrected rate {found}", f"n = {self.n}"]
        if self.n_groups is not None:
            parts.append(f"{self.n_groups} groups")
        if self.n_known:
            parts.append(f"{self.n_known} known from their labels")
        if self.n_unscored:
            parts.append(f"{self.n_unscored} unscored")
        if self.n_examples:
            parts.append(f"{self.n_examples} examples of the judge's prompt")
        parts.append(f"by {self.n_labels} of {self.labels_are}{self.rest_is}")
        return ", ".join(parts)


@dataclass(frozen=True)
class _Judged:
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

    @property
    def n(self) -> int:
        return len(self.positive)

    @property
    def n_units(self) -> int:
        """How many independent draws these are."""
        return self.n if self.groups is None else len(set(self.groups.tolist()))

    def drawn_shares(self, resamples: int, rng: np.random.Generator) -> np.ndarray:
        """``(resamples,)`` bootstrapped shares of the positive verdict."""
        cells = np.column_stack([self.positive, ~self.positive]).astype(float)
        counts = intervals.resampled(cells, self.groups, resamples, rng, JUDGED_PSEUDO_ITEMS)
        shares: np.ndarray = counts[:, 0] / counts.sum(axis=1)
        return shares


def corrected_rate(
    alignment: Alignment,
    judged: Values,
    method: Method = "rogan-gladen",
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 10_000,
    groups: "Values | None" = None,
    interval: IntervalMethod = "resampled",
) -> Estimate:
    """Estimate the share of `alignment.positive` among `judged` items.

    ``rogan-gladen`` divides the judge's errors out by TPR and TNR; the labelled may be drawn by label. ``ppi`` (PPI++)
    takes the labelled for a random sample of the judged population, and then needs no TPR and TNR.
    Both resample both samples, the labelled and the judged, each with two items more, spread over
    all cells, so that an error that was never seen is not taken for impossible; the measured
    coverage is in ``python -m tests.bench coverage``. `groups` says which judged items are not
    independent, as four trials of one task: whole groups are drawn then. Groups of the alignment
    are honoured as well. ``interval="normal"`` is the paper's own for ``ppi``: without groups it
    covers less than it says below some two hundred labels, and where it would have no width there
    is no value.

    Where ids are there (`Verdict`s, a dict, a Series, and labels likewise), judged items that
    people labelled are set apart: their rate is known, and only the rest is estimated. What is
    unscored in `judged` is treated as `alignment.policy` says. The value is None, with a reason,
    where TPR + TNR <= 1 (Rogan-Gladen), or where there are fewer than two labels or groups. Raises
    ValueError for an unknown method, other codes, `Verdict`s of another judge than was aligned, an
    id that is there twice, or unscored verdicts under a policy that takes them for a pass, or for
    agreeing with nobody.
    """
    _refuse_options(method, level, interval)
    rows, about = _rows(alignment, judged, groups)
    seen = _sorted_out(alignment, rows)
    refused = _refused(alignment, seen, method)
    found = Estimate(
        value=None,
        low=None,
        high=None,
        n=seen.n + len(seen.known),
        n_labels=alignment.n,
        n_unscored=seen.n_unscored,
        raw=float(seen.positive.mean()) if seen.n else None,
        raw_interval=intervals.proportion(int(seen.positive.sum()), seen.n, level),
        method=method,
        level=level,
        degenerate=0.0,
        reason=refused,
        n_known=len(seen.known),
        n_examples=seen.n_examples,
        n_groups=None if seen.groups is None else seen.n_units,
        interval=interval,
        human_kind=alignment.human_kind,
        judge_source=least(SOURCES, alignment.judge_source, about.get("source")),
        trace_source=least(SOURCES, alignment.trace_source, about.get("trace_source")),
    )
    if refused:
        return found
    if not seen.n:  # people have seen them all
        share = float(seen.known.mean())
        return replace(found, value=share, low=share, high=share)
    if interval == "normal":
        return _with_known(_normal_ppi(found, alignment, seen), seen)
    if method == "ppi":
        return _with_known(_resampled_ppi(found, alignment, seen, seed, resamples), seen)
    return _with_known(_rogan_gladen(found, alignment, seen, seed, resamples), seen)


def _refuse_options(method: str, level: float, interval: str) -> None:
    if method not in get_args(Method):
        raise ValueError(f"method is one of {', '.join(get_args(Method))}, not {method!r}")
    if not 0 < level < 1:
        raise ValueError(f"level not between 0 and 1: {level}")
    if interval not in get_args(IntervalMethod):
        raise ValueError(
            f"interval is one of {', '.join(get_args(IntervalMethod))}, not {interval!r}"
        )
    if interval == "normal" and method != "ppi":
        raise ValueError("interval='normal' is of method='ppi'")


def _rows(
    alignment: Alignment, judged: Any, groups: Any
) -> tuple["pd.DataFrame", Mapping[str, Any]]:
    """A row a judged item, by id: ``verdict``, and ``group`` and ``example`` where known; what else
    verdicts tell.
    """
    import pandas as pd

    if isinstance(judged, Mapping) and all(
        hasattr(verdict, "trace_id") for verdict in judged.values()
    ):
        judged = list(judged.values())
    verdicts, about = columns.by_trace(list(judged) if isinstance(judged, tuple) else judged)
    strangers = set(about.get("judge", ())) - {alignment.judge_hash}
    if strangers and alignment.judge_hash:
        raise ValueError(
            f"judged by {some(strangers)}, aligned was {alignment.judge_hash}: errors of another judge"
        )
    optional = {"group": groups, "example": about.get("example")}
    given = {name: values for name, values in optional.items() if values is not None}
    rows = columns.joined(verdict=verdicts, **given)
    if "group" in rows and (missing := list(rows.index[rows["group"].isna()])):
        raise ValueError(
            f"no group for {some(missing)}: leave such items out, or give each a group of its own"
        )
    if isinstance(rows.index, pd.RangeIndex) or isinstance(alignment.pairs.index, pd.RangeIndex):
        return rows, about  # a position is no id
    labels = alignment.pairs.loc[alignment.pairs["human"].ne("defer"), "human"]
    return rows.assign(label=labels.reindex(rows.index)), about


def _sorted_out(alignment: Alignment, rows: "pd.DataFrame") -> _Judged:
    labels = tuple(alignment.confusion.index)
    refuse_other_codes(rows["verdict"], labels)
    is_known = rows["label"].notna() if "label" in rows else rows["verdict"].isna() & False
    known = rows.loc[is_known, "label"].tolist() if is_known.any() else []
    rest = rows[~is_known]
    is_example = rest["example"].eq(1) if "example" in rest else rest["verdict"].isna() & False
    rest = rest[~is_example]
    scored = rest["verdict"].isin(labels)
    n_unscored = int((~scored).sum())
    if alignment.policy == "pass" and (n_unscored or alignment.n_unparsed):
        raise ValueError("what is unscored is never a pass: align with unparsed='report' or 'fail'")
    instead = columns.counted_as(alignment.policy, labels, alignment.positive)
    if instead == columns.NO_VERDICT and (n_unscored or alignment.n_unparsed):
        raise ValueError("what agrees with nobody tells no rate: align with unparsed='report'")
    counted = rest["verdict"].where(scored, instead)
    used = rest.assign(counted=counted)[counted.notna()]
    return _Judged(
        positive=used["counted"].eq(alignment.positive).to_numpy(dtype=bool),
        groups=columns.group_numbers(used.get("group")),
        known=np.array([label == alignment.positive for label in known], dtype=bool),
        n_unscored=n_unscored,
        n_examples=int(is_example.sum()),
    )


def _refused(alignment: Alignment, seen: _Judged, method: Method) -> str:
    """Why no rate can be given; blank where one can."""
    if len(seen.known) and not seen.n:
        return ""
    if not seen.n or not alignment.n:
        return f"{seen.n} judged items and {alignment.n} labelled ones count: both are needed"
    if method == "rogan-gladen":
        if alignment.tpr is None or alignment.tnr is None:
            return f"TPR and TNR are both needed: {alignment.reason}"
        if alignment.tpr + alignment.tnr <= 1:
            total = f"TPR + TNR = {alignment.tpr:.2f} + {alignment.tnr:.2f} <= 1"
            return (
                f"{total}: the judge's pass says nothing of the item, so nothing can be corrected"
            )
    if alignment.n_units < 2:
        what = "labelled item" if alignment.groups is None else "group of labelled items"
        return f"there is {alignment.n_units} {what}: an interval needs two"
    if seen.groups is not None and seen.n_units < 2:
        return "the judged items are one group: an interval needs two"
    return ""


def _units(alignment: Alignment, seen: _Judged) -> int:
    """The independent draws of the smaller sample; a single judged item is a sample by its
    pseudo-items.
    """
    return min(alignment.n_units, max(2, seen.n_units))


def _rogan_gladen(
    found: Estimate, alignment: Alignment, seen: _Judged, seed: int, resamples: int
) -> Estimate:
    drawn = alignment.drawn(resamples, seed)
    shares = seen.drawn_shares(resamples, np.random.default_rng([seed, 1]))
    rates = _without_errors(shares, drawn["tpr"], drawn["tnr"])
    lost = ~(drawn["tpr"] + drawn["tnr"] > 1)
    rates[lost] = (
        np.arange(lost.sum()) % 2
    )  # any rate would fit such a draw: it stands at either end
    value = _without_errors(seen.positive.mean(), alignment.tpr, alignment.tnr)
    low, high = intervals.expanded_ends(rates, found.level, _units(alignment, seen))
    return replace(found, value=float(value), low=low, high=high, degenerate=float(lost.mean()))


def _without_errors(share: Any, tpr: Any, tnr: Any) -> Any:
    """The rate of which a judge with these rates passes `share` (Rogan & Gladen)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip((share + tnr - 1) / (tpr + tnr - 1), 0, 1)


def _resampled_ppi(
    found: Estimate, alignment: Alignment, seen: _Judged, seed: int, resamples: int
) -> Estimate:
    labels, verdicts = _positives(alignment)
    power = _power(labels, verdicts, seen.positive.astype(float))
    value = power * seen.positive.mean() + (labels - power * verdicts).mean()
    tables = alignment.drawn_tables(resamples, seed)
    n_drawn = tables.sum(axis=(1, 2))
    labelled_share = np.zeros(resamples)
    judged_share = np.zeros(resamples)
    if alignment.positive_at is not None:
        labelled_share = tables[:, alignment.positive_at, :].sum(axis=1) / n_drawn
        judged_share = tables[:, :, alignment.positive_at].sum(axis=1) / n_drawn
    shares = seen.drawn_shares(resamples, np.random.default_rng([seed, 1]))
    rates = np.clip(labelled_share + power * (shares - judged_share), 0, 1)
    low, high = intervals.expanded_ends(rates, found.level, _units(alignment, seen))
    return replace(found, value=float(np.clip(value, 0, 1)), low=low, high=high)


def _normal_ppi(found: Estimate, alignment: Alignment, seen: _Judged) -> Estimate:
    """The paper's interval, clipped to 0 and 1; variances of group sums where there are groups."""
    from scipy.stats import norm

    labels, verdicts = _positives(alignment)
    judged = seen.positive.astype(float)
    power = _power(labels, verdicts, judged)
    rectifier = labels - power * verdicts
    variance = _variance_of_mean(rectifier, alignment.groups)
    variance += power**2 * _variance_of_mean(judged, seen.groups)
    if not variance:
        return replace(
            found, reason="the normal interval has no width here: use interval='resampled'"
        )
    value = power * judged.mean() + rectifier.mean()
    reach = norm.ppf((1 + found.level) / 2) * np.sqrt(variance)
    value, low, high = (float(np.clip(end, 0, 1)) for end in (value, value - reach, value + reach))
    return replace(found, value=value, low=low, high=high)


def _positives(alignment: Alignment) -> tuple[np.ndarray, np.ndarray]:
    """``(n,) float``: 1 where people say the positive label, and 1 where the judge does."""
    used = alignment.used
    labels = used["human"].eq(alignment.positive).to_numpy(dtype=float)
    verdicts = used["counted"].eq(alignment.positive).to_numpy(dtype=float)
    return labels, verdicts


def _power(labels: np.ndarray, verdicts: np.ndarray, judged: np.ndarray) -> float:
    """How far to rely on the judge, from 0 to 1 (PPI++, section 6)."""
    spread = np.var(np.concatenate([verdicts, judged]), ddof=1)
    if not spread:
        return 0.0
    covariance = np.mean((labels - labels.mean()) * (verdicts - verdicts.mean()))
    return float(np.clip(covariance / ((1 + len(labels) / len(judged)) * spread), 0, 1))


def _variance_of_mean(values: np.ndarray, groups: np.ndarray | None) -> float:
    numbers = np.arange(len(values)) if groups is None else groups
    sums = np.bincount(numbers, values - values.mean())
    return float(np.sum(sums**2) / len(values) ** 2)


def _with_known(found: Estimate, seen: _Judged) -> Estimate:
    """The rate of all judged items: of those that people have seen as they say, of the rest as
    estimated.
    """
    if found.value is None or found.low is None or found.high is None or not len(seen.known):
        return found
    rest = seen.n / (seen.n + len(seen.known))
    known = float(seen.known.mean()) * (1 - rest)
    return replace(
        found,
        value=known + rest * found.value,
        low=known + rest * found.low,
        high=known + rest * found.high,
    )
