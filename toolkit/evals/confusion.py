"""What a table of labels against verdicts says: each measure of one table, or of thousands at once."""

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
    """Each of `MEASURES` of ``tables (..., c, c)``: labels down, verdicts across, NaN where undefined.

    The first `n_labels` of the c categories are people's. Precision, recall and f1 are of the category `positive`
    where people have two, else macro means. Kappa: Cohen 1960; AC1: Gwet 2008; PABAK: Byrt et al. 1993, for c
    categories that of Brennan and Prediger 1981; alpha: Krippendorff, nominal, two raters.
    """
    if not tables.shape[-1]:
        return dict.fromkeys(MEASURES, np.array(np.nan))
    hit, down, across = np.diagonal(tables, axis1=-2, axis2=-1), tables.sum(-1), tables.sum(-2)
    n, c, both = down.sum(-1), np.float64(tables.shape[-1]), down + across
    of = [positive] if n_labels == 2 and positive is not None else list(range(n_labels))
    with np.errstate(invalid="ignore", divide="ignore"):
        same, share = hit.sum(-1) / n, both / (2 * n[..., None])
        found = {"accuracy": same, "kappa": _beyond(same, (down * across).sum(-1) / n**2)}
        found |= {"precision": hit / across, "recall": hit / down, "f1": 2 * hit / both}
        found |= {name: found[name][..., of].sum(-1) / len(of) for name in ("precision", "recall", "f1")}
        found["alpha"] = _beyond(same, (both * (both - 1)).sum(-1) / (2 * n * (2 * n - 1)))
        found["ac1"] = _beyond(same, (share * (1 - share)).sum(-1) / (c - 1))
        found["pabak"] = _beyond(same, 1 / c)
        at = 0 if positive is None else positive
        right, people, judge = (values[..., at] for values in (hit, down, across))
        rates = right / people, (n - people - judge + right) / (n - people), (judge - people) / n
        for name, values in zip(("tpr", "tnr", "generosity"), rates, strict=True):
            found[name] = values if positive is not None else values * np.nan
    return {name: found[name] for name in MEASURES}


def _beyond(same: Any, by_chance: Any) -> Any:
    return (same - by_chance) / (1 - by_chance)
