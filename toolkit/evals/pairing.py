"""Pairing: two columns of labels brought into one order, or an error that says why they cannot be compared."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Values: TypeAlias = "Sequence[Any] | np.ndarray | pd.Series"


def paired(human: "Values", judge: "Values") -> tuple[Sequence[Any], list[Any], list[Any]]:
    """Ids and the two columns in one order, with plain Python values."""
    import pandas as pd

    for name, values in (("human", human), ("judge", judge)):
        if isinstance(values, pd.Series) and values.index.has_duplicates:
            raise ValueError(f"{name} has ids more than once: {some(values.index[values.index.duplicated()])}")
    if isinstance(human, pd.Series) and isinstance(judge, pd.Series):
        odd = human.index.symmetric_difference(judge.index)
        if len(odd):
            raise ValueError(f"human and judge are not of the same items; only one has {some(odd)}")
        judge = judge.loc[human.index]
    if len(human) != len(judge):
        raise ValueError(f"human has {len(human)} items and judge {len(judge)}: they must be of the same items")
    named = next((values for values in (human, judge) if isinstance(values, pd.Series)), None)
    ids = list(range(len(human))) if named is None else list(named.index)
    return ids, [_plain(value) for value in human], [_plain(value) for value in judge]


def _plain(value: Any) -> Any:
    """A hashable Python value, None for what is missing."""
    import pandas as pd

    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    if not isinstance(value, str | int | float):
        return None if value is None or value is pd.NA else repr(value)
    return None if value != value or value == "" or (isinstance(value, str) and not value.strip()) else value


def refuse_other_codes(human: list[Any], judge: list[Any], labels: tuple[Any, ...]) -> None:
    """Raise where the judge writes another word for a label: such a table measures the coding."""
    compared = [(h, j) for h, j in zip(human, judge, strict=True) if h != "defer" and j is not None]
    used = {j for _, j in compared}
    strange = Counter(j for _, j in compared if j not in labels)
    hint = "Write the judge's values as the human ones, or None where there is no verdict"
    if strange and not used & set(labels):
        raise ValueError(f"the judge says {some(strange)} and people {some(labels)}: no word in common. {hint}")
    for word, times in strange.most_common() if set(labels) - used else ():
        if times >= (5 if isinstance(word, str) else 2):
            raise ValueError(f"the judge says {word!r} and never {some(set(labels) - used)}. {hint}")


def sorted_labels(labels: Iterable[Any]) -> tuple[Any, ...]:
    """Labels in their own order, or by type and text where they have none in common."""
    try:
        return tuple(sorted(labels))
    except TypeError:
        return tuple(sorted(labels, key=lambda label: (type(label).__name__, str(label))))


def some(ids: Iterable[Any]) -> str:
    """The first five, and how many more there are."""
    listed = [repr(one) for one in ids]
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
