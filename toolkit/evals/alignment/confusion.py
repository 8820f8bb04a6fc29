"""The measures of a table of labels against verdicts: of one table, or of thousands at once."""

from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.evals.alignment import intervals
from toolkit.evals.alignment.chance import beyond_chance, gwet_ac1, pabak

if TYPE_CHECKING:
    import pandas as pd

UNDEFINED = {
    "accuracy": "no item has both a label and a verdict",
    "kappa": "both say the same of every item, so chance alone agrees wholly",
    "tpr": "no counted item has the positive label, {positive!r} "
    "(of {labels}; positive= names another)",
    "tnr": "no counted item has another label than {positive!r}, or none has it (of {labels})",
    "precision": "there is a label that the judge never says (of {labels})",
    "recall": "there is a label that no counted item has (of {labels})",
    "f1": "there is a label that nobody says (of {labels})",
    "alpha": "both say the same of every item, or there is one item",
    "ac1": "there is one category only (of {labels})",
    "pabak": "there is one category only (of {labels})",
    "generosity": "{positive!r} is none of the labels (of {labels})",
}
MEASURES = tuple(UNDEFINED)


def measures(tables: np.ndarray, n_labels: int, positive: int | None) -> dict[str, np.ndarray]:
    """Each of `MEASURES` of ``tables (..., c, c)``: labels down, verdicts across, NaN where
    undefined.

    The first `n_labels` of the c categories are people's. Precision, recall and f1 are of the
    category `positive` where people have two, else macro means. Kappa: Cohen 1960; AC1: Gwet 2008;
    PABAK: Byrt et al. 1993, for c categories that of Brennan and Prediger 1981; alpha:
    Krippendorff, nominal, two raters.
    """
    n_categories = tables.shape[-1]
    if not n_categories:
        return dict.fromkeys(MEASURES, np.array(np.nan))
    agreed = np.diagonal(tables, axis1=-2, axis2=-1)
    labelled = tables.sum(axis=-1)
    judged = tables.sum(axis=-2)
    silent = tables[..., n_labels:].sum(axis=-1)
    n = labelled.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        averaged = slice(0, n_labels)
        if n_labels == 2 and positive is not None:
            averaged = slice(positive, positive + 1)
        values = {
            **_agreement(agreed, labelled, judged, n),
            **_rates(agreed, labelled, judged, silent, n, positive),
            "precision": _mean(agreed / judged, averaged),
            "recall": _mean(agreed / labelled, averaged),
            "f1": _mean(2 * agreed / (labelled + judged), averaged),
        }
    return {name: values[name] for name in MEASURES}


def _mean(by_category: np.ndarray, averaged: slice) -> np.ndarray:
    chosen = by_category[..., averaged]
    mean: np.ndarray = chosen.sum(axis=-1) / chosen.shape[-1]
    return mean


def _agreement(
    agreed: np.ndarray,
    labelled: np.ndarray,
    judged: np.ndarray,
    n: np.ndarray,
) -> dict[str, np.ndarray]:
    """Accuracy, and the measures that take from it what chance would do."""
    accuracy = agreed.sum(axis=-1) / n
    ratings = labelled + judged
    cohen_chance = (labelled * judged).sum(axis=-1) / n**2
    krippendorff_chance = (ratings * (ratings - 1)).sum(axis=-1) / (2 * n * (2 * n - 1))
    return {
        "accuracy": accuracy,
        "kappa": beyond_chance(accuracy, cohen_chance),
        "alpha": beyond_chance(accuracy, krippendorff_chance),
        "ac1": gwet_ac1(accuracy, ratings / (2 * n[..., None])),
        "pabak": pabak(accuracy, agreed.shape[-1]),
    }


def _rates(
    agreed: np.ndarray,
    labelled: np.ndarray,
    judged: np.ndarray,
    silent: np.ndarray,
    n: np.ndarray,
    positive: int | None,
) -> dict[str, np.ndarray]:
    """TPR and TNR of the category `positive` against the rest, and by how much more often the judge
    says it. Where it says no label at all (`silent`, by people's label) it is right in neither.
    """
    if positive is None:
        undefined = n * np.nan
        return {"tpr": undefined, "tnr": undefined, "generosity": undefined}
    both = agreed[..., positive]
    people = labelled[..., positive]
    judge = judged[..., positive]
    silent_on_others = silent.sum(axis=-1) - silent[..., positive]
    neither = n - people - judge + both - silent_on_others
    return {
        "tpr": both / people,
        "tnr": neither / (n - people),
        "generosity": (judge - people) / n,
    }


def resampled_tables(
    used: "pd.DataFrame",
    categories: "pd.Index[Any]",
    groups: np.ndarray | None,
    resamples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """``(resamples, c, c)`` bootstrapped tables of ``human`` against ``counted``."""
    import pandas as pd

    n_categories = len(categories)
    labelled = categories.get_indexer(pd.Index(used["human"]))
    judged = categories.get_indexer(pd.Index(used["counted"]))
    cells = np.zeros((len(used), n_categories**2))
    cells[np.arange(len(used)), labelled * n_categories + judged] = 1
    counts = intervals.resampled(cells, groups, resamples, rng)
    return counts.reshape(resamples, n_categories, n_categories)
