"""Planning: how many labels until the interval is this narrow?"""

from math import sqrt

from toolkit.evals.alignment.intervals import proportion


def interval_width(
    labels: float, rate: float = 0.9, share: float = 1.0, level: float = 0.95
) -> float:
    """The width of Wilson's interval of a `rate` that `share` of the labels tell: of a TPR, those
    that people pass.

    Raises ValueError for a rate, share or level that is no share of 1, as 95 is.
    """
    if not (labels >= 0 and 0 <= rate <= 1 and 0 < share <= 1 and 0 < level < 1):
        given = f"rate is {rate}, share {share}, level {level} (labels {labels})"
        raise ValueError(f"shares of 1, and no percent: {given}")
    n = labels * share
    interval = proportion(n * rate, n, level)
    if interval is None:  # of no labels: nothing is known
        return 1.0
    low, high = interval
    return high - low


def corrected_width(
    labels: float, judged: float, value: float, tpr: float, tnr: float, level: float = 0.95
) -> float:
    """The width of the interval of a corrected rate `value`, by the delta method (Lee et al., arXiv
    2511.21140).

    More labels narrow it no further than `judged` items allow. Raises ValueError where TPR + TNR <=
    1.
    """
    from scipy.stats import norm

    if tpr + tnr <= 1:
        total = f"TPR + TNR = {tpr + tnr:.2f} <= 1"
        raise ValueError(f"{total}: no number of labels corrects this judge")
    passed = value * tpr + (1 - value) * (1 - tnr)
    variance_of_judged = passed * (1 - passed) / judged
    variance_of_tpr = tpr * (1 - tpr)
    variance_of_tnr = tnr * (1 - tnr)
    variance_of_labels = (value * variance_of_tpr + (1 - value) * variance_of_tnr) / labels
    reach = norm.ppf((1 + level) / 2) * sqrt(variance_of_judged + variance_of_labels)
    return min(1.0, float(2 * reach / (tpr + tnr - 1)))


def labels_needed(width: float, rate: float = 0.9, share: float = 0.5, level: float = 0.95) -> int:
    """The fewest labels with which the interval of a TPR (or TNR) near `rate` is at most `width`
    wide.

    `share` is how many of the labels are the TPR's (or TNR's): where one trace in ten fails, a TNR
    wants ten labels for each that it can use, and drawing more failures is cheaper. Raises
    ValueError for a width that is not between 0 and 1, and as `interval_width` does.
    """
    if not 0 < width < 1:
        mend = "10 points of a percentage are 0.1"
        raise ValueError(f"width is between 0 and 1, not {width}: {mend}")
    enough = 1
    while interval_width(enough, rate, share, level) > width:
        enough *= 2
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if interval_width(middle, rate, share, level) <= width:
            enough = middle
        else:
            too_few = middle
    return enough
