"""Correction: the rate that people would have found, from a judge's verdicts on many and people's
on a few.

The two methods are in `rogan_gladen` and `ppi`; for few labels see
`toolkit.evals.alignment.intervals`.
"""

from dataclasses import replace
from typing import get_args

from toolkit.evals.alignment import intervals
from toolkit.evals.alignment.alignment import Alignment
from toolkit.evals.alignment.estimate import Estimate, IntervalMethod, Method
from toolkit.evals.alignment.judged import JudgedItems, judged_items
from toolkit.evals.alignment.pairing import Values
from toolkit.evals.alignment.ppi import normal_ppi, resampled_ppi
from toolkit.evals.alignment.rogan_gladen import rogan_gladen


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

    Both methods resample both samples, the labelled with two items more, and the judged with one,
    spread over all cells, so that an error that was never seen is not taken for impossible; the
    measured coverage is in ``python -m tests.bench coverage``. Where ids are there (`Verdict`s, a
    dict, a Series, and labels likewise), judged items that people labelled are set apart: their
    rate is known, and only the rest is estimated. What is unscored is treated as
    `alignment.policy` says.

    Parameters
    ----------
    alignment : Alignment
        The judge against labels; its groups are honoured.
    judged : (n_judged,) values, or list of Verdict
        What the same judge says of many items.
    method : {"rogan-gladen", "ppi"}
        The first divides the judge's errors out by TPR and TNR; the labelled may be drawn by label.
        The second (PPI++) takes the labelled for a random sample of the judged population, and then
        needs no TPR and TNR.
    level, seed, resamples
        Of the interval.
    groups : (n_judged,) values, optional
        Judged items that are not independent, as four trials of one task, share a group: whole
        groups are drawn then.
    interval : {"resampled", "normal"}
        The second is the paper's own for ``ppi``: without groups it covers less than it says below
        some two hundred labels, and where it would have no width there is no value.

    Returns
    -------
    Estimate
        Its value is None, with a reason, where TPR + TNR <= 1 (Rogan-Gladen), or where there are
        fewer than two labels or groups.

    Raises
    ------
    ValueError
        For an unknown method, other codes, verdicts of another judge than was aligned, an id that
        is there twice, or unscored verdicts under a policy that takes them for a pass, or for
        agreeing with nobody.
    """
    _refuse_options(method, level, interval)
    items = judged_items(alignment, judged, groups)
    estimate = Estimate(
        value=None,
        low=None,
        high=None,
        n=items.n + len(items.known),
        n_labels=alignment.n,
        n_unscored=items.n_unscored,
        raw=items.rate,
        raw_interval=intervals.proportion(int(items.positive.sum()), items.n, level),
        method=method,
        level=level,
        degenerate=0.0,
        reason=_missing(alignment, items, method),
        n_known=len(items.known),
        n_examples=items.n_examples,
        n_groups=None if items.groups is None else items.n_units,
        interval=interval,
        positive=alignment.positive,
        human_kind=alignment.human_kind,
        judge_source=items.judge_source,
        trace_source=items.trace_source,
    )
    if estimate.reason:
        return estimate
    if not items.n:  # people have seen them all
        share = float(items.known.mean())
        return replace(estimate, value=share, low=share, high=share)
    if interval == "normal":
        estimate = normal_ppi(estimate, alignment, items)
    elif method == "ppi":
        estimate = resampled_ppi(estimate, alignment, items, seed, resamples)
    else:
        estimate = rogan_gladen(estimate, alignment, items, seed, resamples)
    return _with_known(estimate, items)


def _refuse_options(method: str, level: float, interval: str) -> None:
    if method not in get_args(Method):
        raise ValueError(f"method is one of {', '.join(get_args(Method))}, not {method!r}")
    if not 0 < level < 1:
        raise ValueError(f"level not between 0 and 1: {level}")
    if interval not in get_args(IntervalMethod):
        known = ", ".join(get_args(IntervalMethod))
        raise ValueError(f"interval is one of {known}, not {interval!r}")
    if interval == "normal" and method != "ppi":
        raise ValueError("interval='normal' is of method='ppi'")


def _missing(alignment: Alignment, items: JudgedItems, method: Method) -> str:
    """Why no rate can be given; blank where one can."""
    if len(items.known) and not items.n:
        return ""
    if not items.n or not alignment.n:
        return f"{items.n} judged items and {alignment.n} labelled ones count: both are needed"
    if method == "rogan-gladen":
        if alignment.tpr is None or alignment.tnr is None:
            return f"TPR and TNR are both needed: {alignment.reason}"
        if alignment.tpr + alignment.tnr <= 1:
            total = f"TPR + TNR = {alignment.tpr:.2f} + {alignment.tnr:.2f} <= 1"
            meaning = "the judge's pass says nothing of the item, so nothing can be corrected"
            return f"{total}: {meaning}"
    if alignment.n_units < 2:
        unit = "labelled item" if alignment.groups is None else "group of labelled items"
        return f"there is {alignment.n_units} {unit}: an interval needs two"
    if items.groups is not None and items.n_units < 2:
        return "the judged items are one group: an interval needs two"
    return ""


def _with_known(estimate: Estimate, items: JudgedItems) -> Estimate:
    """The rate of all judged items: of those that people have seen as they say, of the rest as
    estimated.
    """
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return estimate
    if not len(items.known):
        return estimate
    rest = items.n / (items.n + len(items.known))
    known = float(items.known.mean()) * (1 - rest)
    return replace(
        estimate,
        value=known + rest * estimate.value,
        low=known + rest * estimate.low,
        high=known + rest * estimate.high,
    )
