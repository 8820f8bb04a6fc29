"""The measures of a table of labels against verdicts: of one table, or of thousands at once."""

from typing import Any

import numpy as np

UNDEFINED = {
    "accuracy": "no item has both a label and a verdict",
    "kappa": "both say the same of every item, so chance alone agrees wholly",
    "tpr": "no counted item has the positive label, {positive!r} (of {labels}; positive= names another)",
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
    n = labelled.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = _agreement(agreed, labelled, judged, n, np.float64(n_categories))
        averaged = [positive] if n_labels == 2 and positive is not None else list(range(n_labels))
        for name, values in (
            ("precision", agreed / judged),
            ("recall", agreed / labelled),
            ("f1", 2 * agreed / (labelled + judged)),
        ):
            found[name] = values[..., averaged].sum(axis=-1) / len(averaged)
        silent = tables[..., n_labels:].sum(axis=-1)
        found |= _rates(agreed, labelled, judged, silent, n, positive)
    return {name: found[name] for name in MEASURES}


def _agreement(
    agreed: np.ndarray,
    labelled: np.ndarray,
    judged: np.ndarray,
    n: np.ndarray,
    n_categories: np.float64,
) -> dict[str, np.ndarray]:
    """Accuracy, and the measures that take from it what chance would do."""
    accuracy = agreed.sum(axis=-1) / n
    ratings = labelled + judged
    share = ratings / (2 * n[..., None])
    cohen_chance = (labelled * judged).sum(axis=-1) / n**2
    krippendorff_chance = (ratings * (ratings - 1)).sum(axis=-1) / (2 * n * (2 * n - 1))
    gwet_chance = (share * (1 - share)).sum(axis=-1) / (n_categories - 1)
    return {
        "accuracy": accuracy,
        "kappa": beyond_chance(accuracy, cohen_chance),
        "alpha": beyond_chance(accuracy, krippendorff_chance),
        "ac1": beyond_chance(accuracy, gwet_chance),
        "pabak": beyond_chance(accuracy, 1 / n_categories),
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
    neither = n - people - judge + both - (silent.sum(axis=-1) - silent[..., positive])
    return {"tpr": both / people, "tnr": neither / (n - people), "generosity": (judge - people) / n}


def beyond_chance(same: Any, by_chance: Any) -> Any:
    """The share of the possible agreement beyond chance that was reached."""
    return (same - by_chance) / (1 - by_chance)
