"""Pairing: columns of labels and verdicts brought into one order, by the ids of their items."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from toolkit.evals.alignment.categories import comparable
from toolkit.evals.text import first_few, python_value

if TYPE_CHECKING:
    import pandas as pd

Values: TypeAlias = "Sequence[Any] | np.ndarray | pd.Series"
TEXTS = ("why", "step", "quote", "critique")
"""Columns that are read by people, and compared with nothing: they keep each letter."""


def side_by_side(**columns: Values) -> "pd.DataFrame":
    """The columns by id (a dict is a Series), as plain Python values, None for what is missing.

    Raises ValueError where they are of other items, or an id is there twice.
    """
    import pandas as pd

    given: dict[str, Any] = {}
    for name, values in columns.items():
        _refuse_no_column(name, values)
        if isinstance(values, Mapping):
            values = pd.Series(values, dtype=object)
        given[name] = values
    ids = _shared_ids(given)
    first = next(iter(given))
    cells: dict[str, list[Any]] = {}
    for name, values in given.items():
        if len(values) != len(ids):
            counts = f"{first} has {len(given[first])} items and {name} {len(values)}"
            raise ValueError(f"{counts}: not of the same items")
        if isinstance(values, pd.Series):
            values = values.loc[ids]
        as_kept = _readable if name in TEXTS else comparable
        cells[name] = [as_kept(value) for value in values]
    return pd.DataFrame(cells, index=pd.Index(ids, name="id"), dtype=object)


def _refuse_no_column(name: str, values: Any) -> None:
    import pandas as pd

    wanted = f"{name}: a verdict is wanted for each item"
    if isinstance(values, str):
        raise TypeError(f"{wanted}, not the word {values!r}")
    if isinstance(values, pd.DataFrame):
        raise TypeError(f"{wanted}, not a whole table: name its column")


def _shared_ids(columns: dict[str, Any]) -> "pd.Index[Any]":
    """The ids of the first Series, which all others must share; a range where there is none."""
    import pandas as pd

    named: dict[str, pd.Index[Any]] = {}
    for name, values in columns.items():
        if isinstance(values, pd.Series):
            named[name] = values.index
    if not named:
        first_values = next(iter(columns.values()))
        return pd.RangeIndex(len(first_values))
    first, ids = next(iter(named.items()))
    for name, index in named.items():
        if index.has_duplicates:
            repeated = index[index.duplicated()]
            raise ValueError(f"ids that are there more than once: {first_few(repeated)}")
        unshared = ids.symmetric_difference(index)
        if len(unshared):
            of_both = f"{first} and {name} are not of the same items"
            raise ValueError(f"{of_both}; only one has {first_few(unshared)}")
    return ids


def _readable(value: Any) -> Any:
    value = python_value(value)
    if isinstance(value, str) and not value.strip():
        return None
    return value


def by_trace(values: Any) -> tuple[Any, dict[str, Any]]:
    """`Label`s or `Verdict`s as a Series by trace, and their other fields by name; other values as
    they are.
    """
    import pandas as pd

    records = values if isinstance(values, list | tuple) else []
    if not records or not all(hasattr(record, "trace_id") for record in records):
        return values, {}
    ids = [record.trace_id for record in records]
    rows = pd.DataFrame([asdict(record) for record in records], ids, dtype=object)
    return rows["verdict"], {str(name): rows[name] for name in rows}


def group_numbers(groups: "pd.Series | None") -> np.ndarray | None:
    """The number of its group for each row, from 0; None where no groups were given."""
    if groups is None:
        return None
    names = np.array([repr(group) for group in groups], dtype=str)
    return np.unique(names, return_inverse=True)[1]


def refuse_no_group(rows: "pd.DataFrame") -> None:
    """Raise where an item has no group."""
    if "group" not in rows:
        return
    missing = list(rows.index[rows["group"].isna()])
    if missing:
        mend = "leave such items out, or give each a group of its own"
        raise ValueError(f"no group for {first_few(missing)}: {mend}")
