"""Pairing: two columns of labels brought into one order, or an error that says why they cannot be compared."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Values: TypeAlias = "Sequence[Any] | np.ndarray | pd.Series"


def paired(human: "Values", judge: "Values") -> "pd.DataFrame":
    """``human`` and ``judge`` by id, as plain Python values, None for what is missing."""
    import pandas as pd

    named = [values for values in (human, judge) if isinstance(values, pd.Series)]
    for values in named:
        if values.index.has_duplicates:
            raise ValueError(f"ids that are there more than once: {some(values.index[values.index.duplicated()])}")
    if isinstance(human, pd.Series) and isinstance(judge, pd.Series):
        odd = human.index.symmetric_difference(judge.index)
        if len(odd):
            raise ValueError(f"human and judge are not of the same items; only one has {some(odd)}")
        judge = judge.loc[human.index]
    if len(human) != len(judge):
        raise ValueError(f"human has {len(human)} items and judge {len(judge)}: they must be of the same items")
    columns = {name: [_plain(value) for value in values] for name, values in (("human", human), ("judge", judge))}
    ids = named[0].index if named else range(len(human))
    return pd.DataFrame(columns, index=pd.Index(ids, name="id"), dtype=object)


def _plain(value: Any) -> Any:
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
