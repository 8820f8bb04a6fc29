"""Measures of agreement between two columns of categories. What is undefined is None, with the reason."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

UNPARSED = "unparsed"
"""The column of the confusion for verdicts that are counted as agreeing with nobody."""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What two columns of categories amount to."""

    n: int
    """Items that the numbers rest on: the effective n."""
    confusion: "pd.DataFrame"
    """Counts: a row for each human label, a column for each of the judge's."""
    accuracy: float | None
    """Share of equal verdicts."""
    kappa: float | None
    """Cohen's kappa (Cohen 1960), unweighted."""
    tpr: float | None
    """Share of the human positives that the judge calls positive."""
    tnr: float | None
    """Share of the others that the judge calls anything else."""
    tpr_interval: tuple[float, float] | None
    """Wilson's 95% interval (Brown et al. 2001)."""
    tnr_interval: tuple[float, float] | None
    """Wilson's 95% interval."""
    precision: float | None
    """Of the positive label where there are two categories, else the macro mean; so are the next two."""
    recall: float | None
    """As precision."""
    f1: float | None
    """As precision."""
    reasons: dict[str, str]
    """Of each measure that is None: why."""

    @property
    def reason(self) -> str:
        """Why measures are None, in a line; blank where none is."""
        return "; ".join(f"{name}: {why}" for name, why in self.reasons.items())


def measure(human: Sequence[Any], judge: Sequence[Any], labels: Sequence[Any], positive: Any) -> Measures:
    """Measure agreement.

    Parameters
    ----------
    human, judge : (n,) sequences
        Members of `labels`; the judge's may be `UNPARSED`, which agrees with nobody.
    labels : sequence
        All categories, in the order of the confusion's rows and columns.
    positive : label
        For tpr and tnr, and for precision, recall and f1 of two categories.
    """
    import pandas as pd
    from sklearn.metrics import accuracy_score, cohen_kappa_score

    columns = [*labels, UNPARSED] if UNPARSED in judge and UNPARSED not in labels else [*labels]
    code = {label: i for i, label in enumerate(columns)}
    h, j = [code[x] for x in human], [code[x] for x in judge]
    counts = [[0] * len(columns) for _ in columns]
    for row, column in zip(h, j, strict=True):
        counts[row][column] += 1
    table = pd.DataFrame(counts, pd.Index(columns, name="human"), pd.Index(columns, name="judge"))
    reasons: dict[str, str] = {}
    if not h:
        reasons = dict.fromkeys(("accuracy", "kappa"), "no item has both a label and a verdict")
    elif len({*h, *j}) == 1:
        reasons["kappa"] = f"both say {human[0]!r} of every item, so chance alone agrees wholly"
    return Measures(
        n=len(h),
        confusion=table.loc[list(labels)],
        accuracy=None if "accuracy" in reasons else float(accuracy_score(h, j)),
        kappa=None if "kappa" in reasons else float(cohen_kappa_score(h, j)),
        **_rates(table, labels, positive, reasons),
        **_retrieval(h, j, labels, positive, reasons),
        reasons=reasons,
    )


def _rates(table: "pd.DataFrame", labels: Sequence[Any], positive: Any, reasons: dict[str, str]) -> dict[str, Any]:
    """The rates of `positive` against the rest, with their intervals."""
    from statsmodels.stats.proportion import proportion_confint

    found: dict[str, Any] = dict.fromkeys(("tpr", "tnr", "tpr_interval", "tnr_interval"))
    if positive not in labels:
        why = f"no label is {positive!r}: name the positive one of {list(labels)} with positive="
        reasons.update(tpr=why, tnr=why)
        return found
    others = [label for label in labels if label != positive]
    hits, positives = int(table.loc[positive, positive]), int(table.loc[positive].sum())
    alarms, negatives = int(table.loc[others, positive].sum()), int(table.loc[others].to_numpy().sum())
    for name, count, of in (("tpr", hits, positives), ("tnr", negatives - alarms, negatives)):
        if of:
            low, high = proportion_confint(count, of, method="wilson")
            found |= {name: count / of, f"{name}_interval": (float(low), float(high))}
        else:
            reasons[name] = f"no counted item is labelled {'' if name == 'tpr' else 'other than '}{positive!r}"
    return found


def _retrieval(
    h: list[int], j: list[int], labels: Sequence[Any], positive: Any, reasons: dict[str, str]
) -> dict[str, Any]:
    """Precision, recall and f1: of `positive`, or the macro mean over more than two labels."""
    from sklearn.metrics import precision_recall_fscore_support

    wanted = [labels.index(positive)] if len(labels) == 2 and positive in labels else range(len(labels))
    found: dict[str, Any] = {}
    table = precision_recall_fscore_support(h, j, labels=range(len(labels)), zero_division=math.nan) if h else None
    for place, name in enumerate(("precision", "recall", "f1")):
        values = [float(table[place][i]) if table else math.nan for i in wanted]
        missing = [labels[i] for i, value in zip(wanted, values, strict=True) if math.isnan(value)]
        found[name] = None if missing or not values else sum(values) / len(values)
        if found[name] is None:
            whom = {"precision": "the judge never says", "recall": "no counted item is labelled"}
            said = " or ".join(map(repr, missing)) or "anything"
            reasons[name] = f"{whom.get(name, 'neither the labels nor the judge say')} {said}"
    return found
