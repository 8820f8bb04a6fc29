"""Columns of labels and verdicts: brought into one order, or an error that says why not, and what they count."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Policy = Literal["report", "exclude", "fail", "pass"]
"""An item without a verdict is left out (by the first two), or counted as a fail or a pass; it is always told of."""
Values: TypeAlias = "Sequence[Any] | np.ndarray | pd.Series"
SOURCES = ("simulated", "tape", "imported", "live")
RATERS = {
    "simulated": "simulated labels",
    "model": "a model's labels",
    "human": "people's labels",
    None: "labels of unstated origin",
}
BOTH_KNOWN = ({"pass", "fail"}, {0, 1})
HINT = "Write the judge's values as the human ones, or None where there is no verdict"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who labelled (a `RaterKind`), and where verdicts and traces come from (a `Source`); None where nobody said."""

    human_kind: str | None = None
    judge_source: str | None = None
    trace_source: str | None = None

    @property
    def labels_are(self) -> str:
        """In words, whose labels these are."""
        return RATERS[self.human_kind]

    @property
    def rest_is(self) -> str:
        """In words, to end a title with: that the judge is simulated, and the traces are, where they are."""
        judge, traces = (one == "simulated" for one in (self.judge_source, self.trace_source))
        return ". The judge is simulated" * judge + ". The traces are simulated" * traces

    @property
    def simulated(self) -> bool:
        """Whether labels, verdicts or traces are simulated."""
        return "simulated" in (self.human_kind, self.judge_source, self.trace_source)


def said_by(source: str | None, computed: bool) -> str:
    """In words, where verdicts come from: ``live`` alone would read as a live model."""
    return "computed here" if computed and source == "live" else str(source)


def least(order: Iterable[Any], *kinds: str | Iterable[str] | None) -> str | None:
    """The one of `kinds` that stands first in `order`: a mixture is called by its least human, least live part."""
    known = [one for one in order if one]
    given = [one for kind in kinds if kind is not None for one in ([kind] if isinstance(kind, str) else kind)]
    if unknown := set(given) - set(known):
        raise ValueError(f"{some(unknown)}: known are {', '.join(known)}")
    return min(given, key=known.index, default=None)


def joined(**columns: "Values") -> "pd.DataFrame":
    """The columns by id (a dict is a Series), as plain Python values, None for what is missing."""
    import pandas as pd

    for name, values in columns.items():
        if isinstance(values, str | pd.DataFrame):
            told = f"the word {values!r}" if isinstance(values, str) else "a whole table: name its column"
            raise TypeError(f"{name}: a verdict is wanted for each item, not {told}")
    given = {name: pd.Series(v, dtype=object) if isinstance(v, Mapping) else v for name, v in columns.items()}
    named = {name: values for name, values in given.items() if isinstance(values, pd.Series)}
    first = next(iter(given))
    base: pd.Index[Any] = next(iter(named.values())).index if named else pd.RangeIndex(len(given[first]))
    for name, values in named.items():
        if values.index.has_duplicates:
            raise ValueError(f"ids that are there more than once: {some(values.index[values.index.duplicated()])}")
        if len(odd := base.symmetric_difference(values.index)):
            raise ValueError(f"{next(iter(named))} and {name} are not of the same items; only one has {some(odd)}")
        given[name] = values.loc[base]
    for name, values in given.items():
        if len(values) != len(base):
            raise ValueError(f"{first} has {len(given[first])} items and {name} {len(values)}: not of the same items")
    found = {name: [plain(value) for value in values] for name, values in given.items()}
    return pd.DataFrame(found, index=pd.Index(base, name="id"), dtype=object)


def by_trace(values: Any) -> tuple[Any, dict[str, Any]]:
    """`Label`s or `Verdict`s as a Series by trace, with all else that they tell; other values as they are."""
    import pandas as pd

    if not isinstance(values, list | tuple) or not values or not all(hasattr(one, "trace_id") for one in values):
        return values, {}
    rows = pd.DataFrame([asdict(one) for one in values], [one.trace_id for one in values], dtype=object)
    return rows["verdict"], {str(name): rows[name] for name in rows}


def plain(value: Any) -> Any:
    """A hashable Python value, None for what is missing; a bool is 1 or 0, for pandas tells it from its equal."""
    import pandas as pd

    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    if pd.api.types.is_scalar(value) and (pd.isna(value) or not str(value).strip()):
        return None
    value = int(value) if isinstance(value, bool) else value
    return value if isinstance(value, str | int | float) else repr(value)


def categories(said: Iterable[Any], also: Iterable[Any] = ()) -> tuple[Any, ...]:
    """The labels there are, in order, without gaps and ``defer``; pass and fail are both known where one is seen.

    Raises ValueError where one is spelt in two ways, as ``pass`` and ``Pass``, or 1 and ``"1"``.
    """
    known = set(said) - {"defer", None}
    spelt = {one: str(one).strip().casefold() for one in known}
    if alike := [one for one, word in spelt.items() if [*spelt.values()].count(word) > 1]:
        raise ValueError(f"{some(sorted(alike, key=repr))}: one label in two spellings would count as two")
    known = next((pair for pair in BOTH_KNOWN if known and known <= pair), known) | set(also)
    return tuple(sorted(known, key=lambda label: (isinstance(label, str), label)))


def counted_as(policy: Policy, labels: tuple[Any, ...], positive: Any) -> Any:
    """What an unparsed verdict counts as, None where it is left out; no label where it agrees with nobody."""
    if policy in ("report", "exclude"):
        return None
    if policy in labels or policy == "pass":
        return policy if policy in labels else positive
    rest = [label for label in labels if label != positive]
    return rest[0] if len(labels) == 2 and len(rest) == 1 else "unparsed"


def refuse_other_codes(verdicts: Iterable[Any], labels: tuple[Any, ...]) -> None:
    """Raise where the judge writes another word for a label, or spells it in another way: that measures the coding."""
    said = Counter(verdict for verdict in verdicts if verdict is not None)
    strange = {word: times for word, times in said.items() if word not in labels}
    known = {one.strip().casefold(): one for one in labels if isinstance(one, str)}
    for word in strange:
        if alike := known.get(str(word).strip().casefold()):
            raise ValueError(f"the judge says {word!r} and people {alike!r}: one label in two spellings. {HINT}")
    unused = [label for label in labels if label not in said]
    if strange and labels and len(unused) == len(labels):
        raise ValueError(f"the judge says {some(strange)} and people {some(labels)}: no word in common. {HINT}")
    for word, times in strange.items() if unused else ():
        if times >= (5 if isinstance(word, str) else 2):
            raise ValueError(f"the judge says {word!r} and never {some(unused)}. {HINT}")


def some(ids: Iterable[Any]) -> str:
    """The first five, and how many more there are."""
    listed = [repr(one) for one in ids]
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def resampled(tables: np.ndarray, groups: np.ndarray | None, resamples: int, seed: int) -> np.ndarray:
    """Bootstrapped sums ``(resamples, c, c)`` of the items' ``tables (n, c, c)``, whole groups drawn where given.

    Two more items (or groups of mean size) are spread over the cells beforehand: without them, an error that was
    never seen is taken for impossible, and the interval of a perfect judge has no width.
    """
    size = tables.shape[1] ** 2
    flat, rng = tables.reshape(len(tables), size), np.random.default_rng(seed)
    blocks, weights, draws = np.eye(size), flat.sum(axis=0) + 2 / size, len(flat)
    if groups is not None:
        draws = groups.max(initial=-1) + 1
        sums = np.zeros((draws, size))
        np.add.at(sums, groups, flat)
        blocks = np.vstack([sums, np.eye(size) * len(flat) / max(draws, 1)])
        weights = np.r_[np.ones(draws), np.full(size, 2 / size)]
    drawn = rng.multinomial(draws, weights / weights.sum(), resamples) @ blocks
    return drawn.reshape(resamples, *tables.shape[1:])


def percentile(values: np.ndarray, level: float) -> tuple[float, float] | None:
    """The middle `level` of `values`; None where more than one in twenty is undefined."""
    if not len(values) or np.isnan(values).mean() > 0.05:
        return None
    low, high = np.nanpercentile(values, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def proportion(count: float, of: float, level: float = 0.95, method: str = "wilson") -> tuple[float, float] | None:
    """The interval of a share, ``wilson`` or ``exact`` (Clopper-Pearson; Brown et al. 2001); None of nothing."""
    from statsmodels.stats.proportion import proportion_confint

    if not of:
        return None
    low, high = proportion_confint(count, of, 1 - level, {"exact": "beta"}.get(method, method))
    return float(low), float(high)
