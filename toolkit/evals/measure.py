"""Measures of agreement between two columns of categories. What is undefined is None, with the reason."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

MEASURES = ("accuracy", "kappa", "tpr", "tnr", "precision", "recall", "f1")


def measure(human: Sequence[Any], judge: Sequence[Any], labels: Sequence[Any], positive: Any) -> dict[str, Any]:
    """The numbers of an `Alignment`, by the names of its fields.

    `labels` are all human categories; a verdict that is none of them agrees with nobody, and has its own column.
    """
    import pandas as pd
    from sklearn.metrics import accuracy_score, cohen_kappa_score

    columns = list(dict.fromkeys([*labels, *judge]))
    seen = Counter(zip(human, judge, strict=True))
    counts = [[seen[row, column] for column in columns] for row in labels]
    table = pd.DataFrame(counts, pd.Index(labels, name="human"), pd.Index(columns, name="judge"))
    found: dict[str, Any] = {"n": len(human), "confusion": table}
    found |= dict.fromkeys((*MEASURES, "tpr_interval", "tnr_interval"))
    if not len(human):
        return found | {"reason": f"{', '.join(MEASURES)}: no item has both a label and a verdict"}
    code = {label: number for number, label in enumerate(columns)}
    h, j = [code[label] for label in human], [code[label] for label in judge]
    found["accuracy"] = float(accuracy_score(h, j))
    reasons = {}
    if len({*h, *j}) > 1:
        found["kappa"] = float(cohen_kappa_score(h, j))
    else:
        reasons["kappa"] = f"both say {human[0]!r} of every item, so chance alone agrees wholly"
    if positive in labels:
        _add_rates(found, reasons, [(a == positive, b == positive) for a, b in zip(human, judge, strict=True)])
    else:
        why = f"no label is {positive!r}: name the positive one of {list(labels)} with positive="
        reasons |= {"tpr": why, "tnr": why}
    wanted = [labels.index(positive)] if len(labels) == 2 and positive in labels else list(range(len(labels)))
    _add_retrieval(found, reasons, h, j, {number: labels[number] for number in wanted})
    return found | {"reason": "; ".join(f"{name}: {why}" for name, why in reasons.items())}


def _add_rates(found: dict[str, Any], reasons: dict[str, str], pairs: list[tuple[bool, bool]]) -> None:
    """TPR and TNR of pairs of (is positive, is called positive), with Wilson's intervals."""
    from statsmodels.stats.proportion import proportion_confint

    for name, wanted in (("tpr", True), ("tnr", False)):
        right = [said is wanted for is_positive, said in pairs if is_positive is wanted]
        if right:
            low, high = proportion_confint(sum(right), len(right), method="wilson")
            found |= {name: sum(right) / len(right), f"{name}_interval": (float(low), float(high))}
        else:
            reasons[name] = f"no counted item is labelled {'positive' if wanted else 'other than positive'}"


def _add_retrieval(
    found: dict[str, Any], reasons: dict[str, str], h: list[int], j: list[int], wanted: dict[int, Any]
) -> None:
    """Precision, recall and f1: their mean over the `wanted` labels, undefined where one of them is."""
    from sklearn.metrics import precision_recall_fscore_support

    table = precision_recall_fscore_support(h, j, labels=list(wanted), zero_division=math.nan)
    for name, values in zip(("precision", "recall", "f1"), table, strict=False):
        missing = [label for label, value in zip(wanted.values(), values, strict=True) if math.isnan(value)]
        if missing:
            who = {"precision": "the judge never says", "recall": "no counted item is labelled"}
            reasons[name] = f"{who.get(name, 'nobody says')} {' or '.join(map(repr, missing))}"
        else:
            found[name] = float(values.mean())
