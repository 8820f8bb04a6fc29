"""Two columns of labels: brought into one order, or an error that says why not, and measured."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Values: TypeAlias = "Sequence[Any] | np.ndarray | pd.Series"
UNDEFINED = {
    "accuracy": "no item has both a label and a verdict",
    "kappa": "both say the same of every item, so chance alone agrees wholly",
    "tpr": "no counted item has the positive label, {positive!r} (of {labels}; positive= names another)",
    "tnr": "no counted item has another label than {positive!r}, or none has it (of {labels})",
    "precision": "there is a label that the judge never says (of {labels})",
    "recall": "there is a label that no counted item has (of {labels})",
    "f1": "there is a label that nobody says (of {labels})",
}
MEASURES = tuple(UNDEFINED)


def paired(human: "Values", judge: "Values") -> "pd.DataFrame":
    """``human`` and ``judge`` by id (a dict is a Series), as plain Python values, None for what is missing."""
    import pandas as pd

    for values in (human, judge):
        if isinstance(values, str):
            raise TypeError(f"align takes a verdict for each item, not the word {values!r}")
    human, judge = (pd.Series(v, dtype=object) if isinstance(v, Mapping) else v for v in (human, judge))
    named = [values for values in (human, judge) if isinstance(values, pd.Series)]
    for values in named:
        if values.index.has_duplicates:
            raise ValueError(f"ids that are there more than once: {some(values.index[values.index.duplicated()])}")
    if isinstance(human, pd.Series) and isinstance(judge, pd.Series):
        if len(odd := human.index.symmetric_difference(judge.index)):
            raise ValueError(f"human and judge are not of the same items; only one has {some(odd)}")
        judge = judge.loc[human.index]
    if len(human) != len(judge):
        raise ValueError(f"human has {len(human)} items and judge {len(judge)}: they must be of the same items")
    columns = {name: [plain(value) for value in values] for name, values in (("human", human), ("judge", judge))}
    ids = named[0].index if named else range(len(human))
    return pd.DataFrame(columns, index=pd.Index(ids, name="id"), dtype=object)


def plain(value: Any) -> Any:
    """A hashable Python value, None for what is missing."""
    import pandas as pd

    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    if pd.api.types.is_scalar(value) and (pd.isna(value) or not str(value).strip()):
        return None
    return value if isinstance(value, str | int | float) else repr(value)


def refuse_other_codes(pairs: "pd.DataFrame", labels: tuple[Any, ...]) -> None:
    """Raise where the judge writes another word for a label: such a table measures the coding."""
    said = Counter(pairs["judge"][pairs["human"].ne("defer") & pairs["judge"].notna()])
    strange = {word: times for word, times in said.items() if word not in labels}
    unused = [label for label in labels if label not in said]
    hint = "Write the judge's values as the human ones, or None where there is no verdict"
    if strange and len(unused) == len(labels):
        raise ValueError(f"the judge says {some(strange)} and people {some(labels)}: no word in common. {hint}")
    for word, times in strange.items() if unused else ():
        if times >= (5 if isinstance(word, str) else 2):
            raise ValueError(f"the judge says {word!r} and never {some(unused)}. {hint}")


def some(ids: Iterable[Any]) -> str:
    """The first five, and how many more there are."""
    listed = [repr(one) for one in ids]
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def measure(human: Sequence[Any], judge: Sequence[Any], labels: Sequence[Any], positive: Any) -> dict[str, Any]:
    """The numbers of an `Alignment`, by the names of its fields.

    `labels` are all human categories; a verdict that is none of them agrees with nobody, and has its own column.
    """
    import pandas as pd
    from sklearn import metrics
    from statsmodels.stats.proportion import proportion_confint

    columns = list(dict.fromkeys([*labels, *judge]))
    pairs = list(zip(human, judge, strict=True))
    seen, code = Counter(pairs), {label: number for number, label in enumerate(columns)}
    counts = [[seen[row, column] for column in columns] for row in labels]
    table = pd.DataFrame(counts, pd.Index(labels, name="labels"), pd.Index(columns, name="judge"))
    found: dict[str, Any] = dict.fromkeys((*MEASURES, "tpr_interval", "tnr_interval"))
    h, j = [code[label] for label in human], [code[label] for label in judge]
    if pairs:
        found["accuracy"] = float(metrics.accuracy_score(h, j))
        found["kappa"] = float(metrics.cohen_kappa_score(h, j)) if len({*h, *j}) > 1 else None
        wanted = [code[positive]] if len(labels) == 2 and positive in labels else list(range(len(labels)))
        rates = metrics.precision_recall_fscore_support(h, j, labels=wanted, zero_division=math.nan)[:3]
        means = zip(("precision", "recall", "f1"), (float(values.mean()) for values in rates), strict=True)
        found |= {name: None if math.isnan(mean) else mean for name, mean in means}
    for name, wants in (("tpr", True), ("tnr", False)):
        right = [(said == positive) is wants for label, said in pairs if (label == positive) is wants]
        if right and positive in labels:
            low, high = proportion_confint(sum(right), len(right), method="wilson")
            found |= {name: sum(right) / len(right), f"{name}_interval": (float(low), float(high))}
    why = UNDEFINED if pairs else dict.fromkeys(MEASURES, UNDEFINED["accuracy"])
    gaps = [f"{name}: {why[name].format(positive=positive, labels=labels)}" for name in MEASURES if found[name] is None]
    return found | {"n": len(pairs), "confusion": table, "reason": "; ".join(gaps)}
