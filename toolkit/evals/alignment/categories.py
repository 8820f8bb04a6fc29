"""Categories: the labels there are, each in one spelling, and what a missing verdict counts as."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

from toolkit.evals.text import first_few, python_value, same_form, spelling

Policy = Literal["report", "exclude", "fail", "pass", "wrong"]
"""An item without a verdict is left out (``report`` and ``exclude`` are two words for that), or
counted as a fail, a pass, or as agreeing with nobody. A report states their number in any case.
"""
KNOWN_PAIRS = ({"pass", "fail"}, {0, 1})
"""Labels of which both are known where one is seen."""
NO_VERDICT = "unparsed"
"""The category of a missing verdict that agrees with nobody."""
HINT = "Write the judge's values as the human ones, or None where there is no verdict"
OTHER_WORDS_ALLOWED = 4
OTHER_NUMBERS_ALLOWED = 1


def comparable(value: Any) -> Any:
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


def categories(
    values: Iterable[Any], also: Iterable[Any] = (), grades: Iterable[Any] | None = None
) -> tuple[Any, ...]:
    """The labels there are, in order, without gaps and ``defer``; pass and fail are both known
    where one is seen.

    `grades` states the whole scale, in its order, whether each grade is used or not. Raises
    ValueError where a label is spelt in two ways, as ``pass`` and ``Pass``, or 1 and ``"1"``, or is
    no grade.
    """
    labels = set(values) - {"defer", None}
    if grades is not None:
        return _graded(labels, [comparable(grade) for grade in grades])
    _refuse_two_spellings(labels)
    for pair in KNOWN_PAIRS:
        if labels and labels <= pair:
            labels = set(pair)
    labels |= set(also)
    words = sorted(label for label in labels if isinstance(label, str))
    numbers = sorted(label for label in labels if not isinstance(label, str))
    return (*numbers, *words)


def _graded(labels: set[Any], scale: list[Any]) -> tuple[Any, ...]:
    _refuse_two_spellings(labels | set(scale))
    strangers = sorted(labels - set(scale), key=repr)
    if strangers:
        raise ValueError(f"{first_few(strangers)}: not among the grades {first_few(scale)}")
    return tuple(dict.fromkeys(scale))


def _refuse_two_spellings(labels: set[Any]) -> None:
    times = Counter(spelling(label) for label in labels)
    alike = [label for label in labels if times[spelling(label)] > 1]
    if alike:
        listed = first_few(sorted(alike, key=repr))
        raise ValueError(f"{listed}: one label in two spellings would count as two")


def ordered_grades(columns: Iterable[Any]) -> tuple[Any, ...] | None:
    """The categories of columns that are ordered Categoricals; None where one of them is not.

    Raises ValueError where two of them are ordered differently.
    """
    import pandas as pd

    scales = []
    for column in columns:
        dtype = getattr(column, "dtype", None)
        if not isinstance(dtype, pd.CategoricalDtype) or not dtype.ordered:
            return None
        scales.append(tuple(dtype.categories))
    for scale in scales:
        if scale != scales[0]:
            orders = f"{first_few(scales[0])} and {first_few(scale)}"
            raise ValueError(f"two orders of the grades: {orders}: state grades=")
    return scales[0] if scales else None


def counted_as(policy: Policy, labels: tuple[Any, ...], positive: Any) -> Any:
    """What an unparsed verdict counts as, None where it is left out; `NO_VERDICT` agrees with
    nobody.
    """
    if policy in ("report", "exclude"):
        return None
    if policy in labels:
        return policy
    if policy == "pass":
        return positive
    return NO_VERDICT


def refuse_other_codes(
    verdicts: Iterable[Any], labels: tuple[Any, ...], other_words: bool = False
) -> None:
    """Raise where the judge writes another word for a label, or spells it in another way: that
    measures the coding.

    `other_words` allows a judge that shares words with people to say others too, however often.
    """
    times = Counter(verdict for verdict in verdicts if verdict is not None)
    strangers = {word: count for word, count in times.items() if word not in labels}
    _refuse_other_spellings(strangers, labels)
    unused = [label for label in labels if label not in times]
    if strangers and labels and len(unused) == len(labels):
        words = f"the judge says {first_few(strangers)} and people {first_few(labels)}"
        raise ValueError(f"{words}: no word in common. {HINT}")
    if other_words or not unused:
        return
    for word, count in strangers.items():
        allowed = OTHER_WORDS_ALLOWED if isinstance(word, str) else OTHER_NUMBERS_ALLOWED
        if count > allowed:
            raise ValueError(f"the judge says {word!r} and never {first_few(unused)}. {HINT}")


def _refuse_other_spellings(words: Iterable[Any], labels: tuple[Any, ...]) -> None:
    labels_by_spelling = {}
    for label in labels:
        if isinstance(label, str):
            labels_by_spelling[spelling(label)] = label
    for word in words:
        label = labels_by_spelling.get(spelling(word))
        if label:
            words_of_both = f"the judge says {word!r} and people {label!r}"
            raise ValueError(f"{words_of_both}: one label in two spellings. {HINT}")
