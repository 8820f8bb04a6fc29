"""Columns of labels and verdicts: aligned by id, in plain values, with what they count and where
they come from.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from toolkit.evals.text import python_value, same_form, spelling

if TYPE_CHECKING:
    import pandas as pd

Policy = Literal["report", "exclude", "fail", "pass", "wrong"]
"""An item without a verdict is left out (by the first two), or counted as a fail, a pass, or as
agreeing with nobody. It is always counted where it is seen.
"""
Values: TypeAlias = "Sequence[Any] | np.ndarray | pd.Series"
SOURCES = ("simulated", "tape", "imported", "live")
RATERS = {
    "simulated": "simulated labels",
    "model": "a model's labels",
    "human": "people's labels",
    None: "labels of unstated origin",
}
BOTH_KNOWN = ({"pass", "fail"}, {0, 1})
NO_VERDICT = "unparsed"
"""The category of a missing verdict that agrees with nobody."""
TEXTS = ("why", "critique")
"""Columns that are read by people, and compared with nothing: they keep each letter."""
HINT = "Write the judge's values as the human ones, or None where there is no verdict"
OTHER_WORDS_ALLOWED = 4
OTHER_NUMBERS_ALLOWED = 1


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who labelled (a `RaterKind`), and where verdicts and traces come from (a `Source`); None
    where nobody said.
    """

    human_kind: str | None = None
    judge_source: str | None = None
    trace_source: str | None = None

    @property
    def origin(self) -> dict[str, str | None]:
        """The three, to be handed on to whatever is made of this."""
        return {
            "human_kind": self.human_kind,
            "judge_source": self.judge_source,
            "trace_source": self.trace_source,
        }

    @property
    def labels_are(self) -> str:
        """In words, whose labels these are."""
        return RATERS[self.human_kind]

    @property
    def rest_is(self) -> str:
        """In words, to end a title with: that the judge is simulated, and the traces are, where
        they are.
        """
        sentences = ""
        if self.judge_source == "simulated":
            sentences += ". The judge is simulated"
        if self.trace_source == "simulated":
            sentences += ". The traces are simulated"
        return sentences

    @property
    def simulated(self) -> bool:
        """Whether labels, verdicts or traces are simulated."""
        return "simulated" in (self.human_kind, self.judge_source, self.trace_source)


def origin_of(*results: Origin) -> dict[str, str | None]:
    """What holds of all `results` taken together: the least human label, the least live judge and
    traces.
    """
    return {
        "human_kind": least(RATERS, *(result.human_kind for result in results)),
        "judge_source": least(SOURCES, *(result.judge_source for result in results)),
        "trace_source": least(SOURCES, *(result.trace_source for result in results)),
    }


def said_by(source: str | None, computed: bool) -> str:
    """In words, where verdicts come from: ``live`` alone would read as a live model."""
    return "computed here" if computed and source == "live" else str(source)


def least(order: Iterable[Any], *kinds: str | Iterable[str | None] | None) -> str | None:
    """The one of `kinds` that stands first in `order`: a mixture is called by its least human,
    least live part.
    """
    known = [kind for kind in order if kind]
    given: list[str] = []
    for kind in kinds:
        if isinstance(kind, str):
            given.append(kind)
        elif kind is not None:
            given.extend(part for part in kind if part is not None)
    if unknown := set(given) - set(known):
        raise ValueError(f"{some(unknown)}: known are {', '.join(known)}")
    return min(given, key=known.index, default=None)


def joined(**columns: "Values") -> "pd.DataFrame":
    """The columns by id (a dict is a Series), as plain Python values, None for what is missing."""
    import pandas as pd

    given: dict[str, Any] = {}
    for name, values in columns.items():
        _refuse_no_column(name, values)
        given[name] = pd.Series(values, dtype=object) if isinstance(values, Mapping) else values
    index = _index_of(given)
    first = next(iter(given))
    rows: dict[str, list[Any]] = {}
    for name, values in given.items():
        if len(values) != len(index):
            counts = f"{first} has {len(given[first])} items and {name} {len(values)}"
            raise ValueError(f"{counts}: not of the same items")
        ordered = values.loc[index] if isinstance(values, pd.Series) else values
        rows[name] = [_readable(value) if name in TEXTS else plain(value) for value in ordered]
    return pd.DataFrame(rows, index=pd.Index(index, name="id"), dtype=object)


def _refuse_no_column(name: str, values: Any) -> None:
    import pandas as pd

    if isinstance(values, str):
        raise TypeError(f"{name}: a verdict is wanted for each item, not the word {values!r}")
    if isinstance(values, pd.DataFrame):
        raise TypeError(
            f"{name}: a verdict is wanted for each item, not a whole table: name its column"
        )


def _index_of(columns: dict[str, Any]) -> "pd.Index[Any]":
    """The ids of the first Series, which all others must share; a range where there is no Series."""
    import pandas as pd

    named = {name: values for name, values in columns.items() if isinstance(values, pd.Series)}
    if not named:
        return pd.RangeIndex(len(next(iter(columns.values()))))
    first, base = next((name, values.index) for name, values in named.items())
    for name, values in named.items():
        if values.index.has_duplicates:
            repeated = values.index[values.index.duplicated()]
            raise ValueError(f"ids that are there more than once: {some(repeated)}")
        if len(odd := base.symmetric_difference(values.index)):
            raise ValueError(
                f"{first} and {name} are not of the same items; only one has {some(odd)}"
            )
    return base


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


def plain(value: Any) -> Any:
    """A hashable Python value that equals all that look like it; None for what is missing; a bool
    is 1 or 0.
    """
    value = python_value(value)
    if isinstance(value, str):
        return same_form(value) if value.strip() else None
    if isinstance(value, bool):
        return int(value)  # pandas tells True from the 1 that it equals
    if value is None or isinstance(value, int | float):
        return value
    return repr(value)


def _readable(value: Any) -> Any:
    value = python_value(value)
    return None if isinstance(value, str) and not value.strip() else value


def grades_of(ratings: Iterable[Any]) -> tuple[Any, ...] | None:
    """The categories of columns that are ordered Categoricals; None where one of them is not.

    Raises ValueError where two of them are ordered differently.
    """
    import pandas as pd

    scales = []
    for column in ratings:
        dtype = getattr(column, "dtype", None)
        if not isinstance(dtype, pd.CategoricalDtype) or not dtype.ordered:
            return None
        scales.append(tuple(dtype.categories))
    for scale in scales:
        if scale != scales[0]:
            raise ValueError(
                f"two orders of the grades: {some(scales[0])} and {some(scale)}: state grades="
            )
    return scales[0] if scales else None


def categories(
    values: Iterable[Any], also: Iterable[Any] = (), grades: Iterable[Any] | None = None
) -> tuple[Any, ...]:
    """The labels there are, in order, without gaps and ``defer``; pass and fail are both known
    where one is seen.

    `grades` states the whole scale, in its order, whether each grade is used or not. Raises
    ValueError where a label is spelt in two ways, as ``pass`` and ``Pass``, or 1 and ``"1"``, or is
    no grade.
    """
    known = set(values) - {"defer", None}
    scale = () if grades is None else tuple(plain(grade) for grade in grades)
    _refuse_two_spellings(known | set(scale))
    if grades is not None:
        if strange := known - set(scale):
            raise ValueError(
                f"{some(sorted(strange, key=repr))}: not among the grades {some(scale)}"
            )
        return tuple(dict.fromkeys(scale))
    for pair in BOTH_KNOWN:
        if known and known <= pair:
            known = set(pair)
    return tuple(sorted(known | set(also), key=lambda label: (isinstance(label, str), label)))


def _refuse_two_spellings(labels: set[Any]) -> None:
    times = Counter(spelling(label) for label in labels)
    alike = [label for label in labels if times[spelling(label)] > 1]
    if alike:
        listed = some(sorted(alike, key=repr))
        raise ValueError(f"{listed}: one label in two spellings would count as two")


def counted_as(policy: Policy, labels: tuple[Any, ...], positive: Any) -> Any:
    """What an unparsed verdict counts as, None where it is left out; `NO_VERDICT` agrees with
    nobody.
    """
    if policy in ("report", "exclude"):
        return None
    if policy in labels:
        return policy
    return positive if policy == "pass" else NO_VERDICT


def refuse_other_codes(
    verdicts: Iterable[Any], labels: tuple[Any, ...], other_words: bool = False
) -> None:
    """Raise where the judge writes another word for a label, or spells it in another way: that
    measures the coding.

    `other_words` allows a judge that shares words with people to say others too, however often.
    """
    times = Counter(verdict for verdict in verdicts if verdict is not None)
    strange = {word: count for word, count in times.items() if word not in labels}
    known = {spelling(label): label for label in labels if isinstance(label, str)}
    for word in strange:
        if alike := known.get(spelling(word)):
            raise ValueError(
                f"the judge says {word!r} and people {alike!r}: one label in two spellings. {HINT}"
            )
    unused = [label for label in labels if label not in times]
    if strange and labels and len(unused) == len(labels):
        raise ValueError(
            f"the judge says {some(strange)} and people {some(labels)}: no word in common. {HINT}"
        )
    if other_words or not unused:
        return
    for word, count in strange.items():
        if count > (OTHER_WORDS_ALLOWED if isinstance(word, str) else OTHER_NUMBERS_ALLOWED):
            raise ValueError(f"the judge says {word!r} and never {some(unused)}. {HINT}")


def some(ids: Iterable[Any]) -> str:
    """The first five, and how many more there are."""
    listed = [repr(one) for one in ids]
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def group_numbers(groups: "pd.Series | None") -> np.ndarray | None:
    """The number of its group for each row, from 0; None where no groups were given."""
    if groups is None:
        return None
    names = np.array([repr(group) for group in groups], dtype=str)
    return np.unique(names, return_inverse=True)[1]
