"""Words: a number with its noun, names in a row, as panels and plots write them."""

from collections.abc import Sequence

from toolkit.traces.amounts import quantity

__all__ = ["listed", "quantity", "upper_first"]


def listed(names: Sequence[str]) -> str:
    """Names one after the other.

    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def upper_first(sentence: str) -> str:
    """The sentence, begun as one.

    >>> upper_first("direct SSE")
    'Direct SSE'
    """
    return sentence[:1].upper() + sentence[1:]
