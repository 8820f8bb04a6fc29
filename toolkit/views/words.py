"""Words: a number with its noun, names in a row, as panels and plots write them."""

import re
from collections.abc import Sequence

from toolkit.traces import Trace
from toolkit.traces.amounts import quantity

__all__ = ["listed", "quantity", "upper_first", "with_step_numbers"]

NAMED_STEP = re.compile(r"\b(steps?|and) ([\w.:-]*\w)")
"""A step that a scorer's words name by its id."""


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


def with_step_numbers(words: str, trace: Trace | None) -> str:
    """The words of a scorer, with the number of each step that they name by its id.

    >>> from toolkit.traces import Step
    >>> trace = Trace("t", (Step("3363f", "message", "user", "Hello."),))
    >>> with_step_numbers("no answer to step 3363f: why?", trace)
    'no answer to step 1: why?'
    """
    if trace is None:
        return words
    numbers = {step.id: number for number, step in enumerate(trace.steps, 1)}

    def numbered(named: re.Match[str]) -> str:
        return f"{named[1]} {numbers.get(named[2], named[2])}"

    return NAMED_STEP.sub(numbered, words)
