"""Words: shares, bounds and points as the reports of experiments write them."""

from toolkit.evals import Rate


def share_in_words(rate: Rate) -> str:
    """A share with its interval.

    >>> share_in_words(Rate("false passes", 0.25, 0.1, 0.5, n_trials=20))
    '25% (95% interval 10% to 50%, n = 20)'
    >>> share_in_words(Rate("false passes", None, reason="no trial has a verdict"))
    'undefined: no trial has a verdict'
    """
    if rate.value is None:
        return f"undefined: {rate.reason}"
    n = f"n = {rate.n_trials:,}"
    if rate.low is None or rate.high is None:
        return f"{rate.value:.0%} ({n})"
    return f"{rate.value:.0%} (95% interval {rate.low:.0%} to {rate.high:.0%}, {n})"


def in_points(share: float) -> str:
    """A difference of shares, in percentage points.

    >>> in_points(-0.124)
    '-12'
    """
    return f"{100 * share:+.0f}"


def bounds_in_points(low: float, high: float) -> str:
    """An interval of a difference of shares.

    >>> bounds_in_points(-0.2, 0.05)
    '-20 to +5'
    """
    return f"{in_points(low)} to {in_points(high)}"
