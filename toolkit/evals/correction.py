"""Correction: the rate that people would have found, from a judge's verdicts on many and people's on a few."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from toolkit.evals import columns
from toolkit.evals.alignment import Alignment
from toolkit.evals.columns import SOURCES, Origin, Values, plain, refuse_other_codes, some

Method = Literal["rogan-gladen", "ppi"]


@dataclass(frozen=True)
class Estimate(Origin):
    """A rate with its interval. All three are None where they are undefined."""

    value: float | None
    """The corrected share of the positive label."""
    low: float | None
    high: float | None
    n: int
    """Judged items with a verdict that counts: the effective n."""
    n_labels: int
    """Labelled items behind the correction."""
    n_unscored: int
    """Judged items without a verdict; none of them is a pass."""
    raw: float | None
    """The judge's own share, uncorrected."""
    raw_interval: tuple[float, float] | None
    """Wilson's, as if the judge never erred: too narrow, and in the wrong place."""
    method: Method
    level: float
    degenerate: float
    """Share of the resamples in which the judge was no better than a coin; they widen the interval to both sides."""
    reason: str
    """Why there is no value; blank where there is."""

    @property
    def title(self) -> str:
        """The value and what it rests on, in words."""
        found = "undefined" if self.value is None else f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"
        unscored = f", {self.n_unscored} unscored" * bool(self.n_unscored)
        about = f"by {self.n_labels} of {self.labels_are}{self.rest_is}"
        return f"corrected rate {found}, n = {self.n}{unscored}, {about}"


def corrected_rate(
    alignment: Alignment,
    judged: Values,
    method: Method = "rogan-gladen",
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 10_000,
) -> Estimate:
    """Estimate the share of `alignment.positive` among `judged` items, of which people have seen none.

    ``rogan-gladen`` (Rogan & Gladen 1978) divides the judge's errors out, and resamples both samples, the labelled
    and the judged (Lee et al., arXiv 2511.21140); the labelled may be drawn by label. ``ppi`` (PPI++, arXiv
    2311.01453) takes the labelled for a random sample of the judged population, and then needs no TPR and TNR; its
    interval is normal, clipped to 0 and 1. Groups of the alignment are honoured by both. What is unscored in `judged`
    is treated as `alignment.policy` says. The value is None, with a reason, where TPR + TNR <= 1 (Rogan-Gladen).
    Raises ValueError for an unknown method, other codes, `Verdict`s of another judge than was aligned, or unscored
    verdicts under the policy ``pass``.
    """
    if method not in get_args(Method) or not 0 < level < 1:
        known = ", ".join(get_args(Method))
        raise ValueError(f"method is one of {known}, not {method!r}, or level not between 0 and 1: {level}")
    judged = list(judged.values() if isinstance(judged, Mapping) else judged)
    if strangers := {getattr(one, "judge", alignment.judge_hash) for one in judged} - {alignment.judge_hash}:
        raise ValueError(f"judged by {some(strangers)}, aligned was {alignment.judge_hash}: errors of another judge")
    listed = [plain(getattr(one, "verdict", one)) for one in judged]
    labels = tuple(alignment.confusion.index)
    refuse_other_codes(listed, labels)
    unscored = sum(one not in labels for one in listed)
    if alignment.policy == "pass" and (unscored or alignment.n_unparsed):
        raise ValueError("what is unscored is never a pass: align with unparsed='report' or 'fail'")
    instead = columns.counted_as(alignment.policy, labels, alignment.positive)
    counted = [one if one in labels else instead for one in listed if one in labels or instead is not None]
    said = np.array([one == alignment.positive for one in counted], bool)
    value, low, high, lost, reason = None, None, None, 0.0, _refused(alignment, said, method)
    if not reason and method == "ppi":
        value, low, high = _ppi(alignment, said, level)
    elif not reason:
        value, low, high, lost = _rogan_gladen(alignment, said, level, seed, resamples)
    raw, bounds = float(said.mean()) if len(said) else None, columns.proportion(int(said.sum()), len(said), level)
    numbers = (value, low, high, len(said), alignment.n, unscored, raw, bounds, method, level, lost, reason)
    told: dict[str, Any] = {"judge_source": alignment.judge_source, "trace_source": alignment.trace_source}
    for name, of in (("judge_source", "source"), ("trace_source", "trace_source")):
        told[name] = columns.least(SOURCES, told[name], filter(None, (getattr(one, of, None) for one in judged)))
    return Estimate(*numbers, human_kind=alignment.human_kind, **told)


def _refused(alignment: Alignment, said: np.ndarray, method: Method) -> str:
    if not len(said) or not alignment.n:
        return f"{len(said)} judged items and {alignment.n} labelled ones count: both are needed"
    if method == "ppi":
        return ""
    if alignment.tpr is None or alignment.tnr is None:
        return f"TPR and TNR are both needed: {alignment.reason}"
    if alignment.tpr + alignment.tnr <= 1:
        total = f"TPR + TNR = {alignment.tpr:.2f} + {alignment.tnr:.2f} <= 1"
        return f"{total}: the judge's pass says nothing of the item, so nothing can be corrected"
    return ""


def _rogan_gladen(
    alignment: Alignment, said: np.ndarray, level: float, seed: int, resamples: int
) -> tuple[float, float, float, float]:
    """Value, low, high, and the share of resamples in which TPR + TNR <= 1."""
    drawn, rng = alignment.drawn(resamples, seed), np.random.default_rng([seed, 1])
    tpr, tnr = (np.r_[getattr(alignment, name), drawn[name]] for name in ("tpr", "tnr"))
    share = (said.sum() + 0.5) / (len(said) + 1)  # a rate of 0 or 1 is never certain
    passed = np.r_[said.sum(), rng.binomial(len(said), share, resamples)] / len(said)
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = np.clip((passed + tnr - 1) / (tpr + tnr - 1), 0, 1)
    lost = ~(tpr + tnr > 1)
    rates[lost] = np.arange(lost.sum()) % 2  # any rate would fit such a draw: it stands at either end
    low, high = np.percentile(rates[1:], [50 * (1 - level), 50 * (1 + level)])
    return float(rates[0]), float(low), float(high), float(lost.mean())


def _ppi(alignment: Alignment, said: np.ndarray, level: float) -> tuple[float, float, float]:
    """PPI++ for a mean, with the power tuning of its section 6; variances of group sums where there are groups."""
    from scipy.stats import norm

    y, f = (alignment.used[name].eq(alignment.positive).to_numpy(dtype=float) for name in ("human", "counted"))
    g, groups = said.astype(float), alignment.groups
    n, spread = len(y), np.var(np.r_[f, g], ddof=1)
    power = np.clip(np.mean((y - y.mean()) * (f - f.mean())) / ((1 + n / len(g)) * spread), 0, 1) if spread else 0.0
    rest = y - power * f
    sums = np.bincount(np.arange(n) if groups is None else groups, rest - rest.mean())
    error = np.sum(sums**2) / n**2 + power**2 * g.var() / len(g)
    value, reach = power * g.mean() + rest.mean(), norm.ppf((1 + level) / 2) * np.sqrt(error)
    return (*(float(np.clip(one, 0, 1)) for one in (value, value - reach, value + reach)),)  # type: ignore[return-value]
