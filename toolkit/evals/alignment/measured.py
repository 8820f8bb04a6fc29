"""What is measured of pairs of a label and a verdict: the numbers of an `Alignment`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.evals.alignment.categories import Policy, counted_as
from toolkit.evals.alignment.confusion import UNDEFINED, measures

if TYPE_CHECKING:
    import pandas as pd


def measured(
    pairs: "pd.DataFrame", labels: tuple[Any, ...], positive: Any, policy: Policy
) -> dict[str, Any]:
    """The fields of an `Alignment` that follow from its pairs.

    Parameters
    ----------
    pairs : DataFrame
        A row an item: ``human``, ``judge`` and ``status``.
    labels : tuple
        The categories that people know, in order.
    positive
        The category that tpr is of.
    policy : Policy
        What verdicts that are unparsed count as.
    """
    verdicts = pairs["judge"].where(pairs["status"].eq("compared"), None)
    in_place_of_none = counted_as(policy, labels, positive)
    counted = verdicts.mask(pairs["status"].eq("unparsed"), in_place_of_none)
    pairs = pairs.assign(counted=counted)
    used = pairs[counted.notna()]
    counts = _confusion_table(used, labels)
    values, reason = _measures_of_table(counts, labels, positive)
    status = pairs["status"].value_counts()
    return {
        "pairs": pairs,
        "n": len(used),
        "n_unparsed": int(status.get("unparsed", 0)),
        "n_deferred": int(status.get("deferred", 0)),
        "n_examples": int(status.get("example", 0)),
        "confusion": counts.loc[list(labels)].rename_axis(index="labels", columns="judge"),
        "reason": reason,
        **values,
    }


def _confusion_table(used: "pd.DataFrame", labels: tuple[Any, ...]) -> "pd.DataFrame":
    """Counts of ``human`` labels against ``counted`` verdicts.

    It is square, with `labels` first, and after them what else the judge says.
    """
    import pandas as pd

    names = list(dict.fromkeys([*labels, *used["counted"]]))
    counts = pd.crosstab(used["human"], used["counted"])
    return counts.reindex(index=names, columns=names, fill_value=0)


def _measures_of_table(
    counts: "pd.DataFrame", labels: tuple[Any, ...], positive: Any
) -> tuple[dict[str, Any], str]:
    """Each of the measures of one table, None where undefined; and in words, why it is."""
    positive_at = None
    if positive in labels:
        positive_at = labels.index(positive)
    table = counts.to_numpy(dtype=float)
    values: dict[str, Any] = {}
    reasons = []
    for name, value in measures(table, len(labels), positive_at).items():
        if not np.isnan(value):
            values[name] = float(value)
            continue
        values[name] = None
        why = UNDEFINED[name] if table.any() else UNDEFINED["accuracy"]
        why = why.format(positive=positive, labels=labels)
        reasons.append(f"{name}: {why}")
    return values, "; ".join(reasons)
