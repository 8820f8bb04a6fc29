"""Composition: scorers joined into one by `all_of`, `any_of`, `not_` and `between`.

A joined scorer takes a trace and a case, and hands both on. It is plain where its parts are, and
returns an awaitable where one of them does.
"""

import inspect
import math
from collections.abc import Awaitable, Callable
from typing import Any

from toolkit.evals.scorers.scorers import (
    NOT_APPLICABLE,
    Score,
    Scorer,
    Value,
    as_scores,
    call,
    name_of,
    settle,
)
from toolkit.traces import Trace

Decide = Callable[[list[Score]], tuple[Value, str]]


def all_of(*parts: Scorer) -> Scorer:
    """Whether each part is True. One False decides; else one that is unscored, or no bool, leaves
    it unscored.

    >>> long = all_of(lambda trace: len(trace.steps) > 1, lambda trace: None)
    >>> long(Trace("t", ())).value
    False
    """
    return _joined("all_of", parts, lambda scores: _decide(scores, decisive=False))


def any_of(*parts: Scorer) -> Scorer:
    """Whether some part is True. One True decides; else one that is unscored, or no bool, leaves it
    unscored.
    """
    return _joined("any_of", parts, lambda scores: _decide(scores, decisive=True))


def not_(part: Scorer) -> Scorer:
    """The opposite of `part`; unscored where that is unscored, or no bool."""

    def opposite(scores: list[Score]) -> tuple[Value, str]:
        value, why = _decide(scores, decisive=True)
        if not isinstance(value, bool):
            return value, why
        return not value, why

    return _joined("not_", (part,), opposite)


def between(part: Scorer, low: float = 0, high: float = math.inf) -> Scorer:
    """Whether the number of `part` is from `low` to `high`; unscored where it gives none."""

    def is_within(scores: list[Score]) -> tuple[Value, str]:
        if len(scores) != 1:
            return None, f"it gives {len(scores)} scores, and not one number"
        (score,) = scores
        value = score.value
        if value == NOT_APPLICABLE:
            return value, score.why
        if isinstance(value, bool | str | None):
            return None, f"{score.name} is {value!r}, which is no number: {score.why}"
        return low <= value <= high, f"{score.name} is {value:g}"

    return _joined(f"between[{low:g}, {high:g}]", (part,), is_within)


def _decide(scores: list[Score], decisive: bool) -> tuple[Value, str]:
    """Kleene's three-valued "or" (where True is decisive) and "and" (where False is), 1952.

    The reasons are those of the scores that led to the value. A part that does not apply is left
    out; where none applies, neither does the whole.
    """
    applicable = [score for score in scores if score.value != NOT_APPLICABLE]
    if scores and not applicable:
        return NOT_APPLICABLE, "; ".join(f"{score.name}: {score.why}" for score in scores)
    reasons: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for score in applicable:
        reason = f"{score.name} is {score.value!r}: {score.why}"
        if isinstance(score.value, bool):
            reasons[score.value].append(reason)
        else:
            reasons[None].append(reason)
    for value in (decisive, None, not decisive):
        if reasons[value]:
            return value, "; ".join(reasons[value])
    return None, "there are no scores"


def _joined(kind: str, parts: tuple[Scorer, ...], decide: Decide) -> Scorer:
    """A scorer that decides by the scores of its `parts`."""
    if not parts:
        raise ValueError(f"{kind} needs at least one scorer: of nothing, everything is true")
    names = [name_of(part) for part in parts]
    name = f"{kind}({', '.join(names)})"

    def decided(scores: list[Score]) -> Score:
        value, why = decide(scores)
        versions = [score.version for score in scores]
        return Score(name, value, why, "+".join(versions))

    def joined(trace: Trace, case: Any = None) -> Score | Awaitable[Score]:
        returned = [call(part, trace, case) for part in parts]
        if any(inspect.isawaitable(value) for value in returned):
            return awaited(returned)
        scores: list[Score] = []
        for part, value in zip(parts, returned, strict=True):
            scores += as_scores(part, value).values()
        return decided(scores)

    async def awaited(returned: list[Any]) -> Score:
        scores: list[Score] = []
        for part, value in zip(parts, returned, strict=True):
            by_name = await settle(part, value)
            scores += by_name.values()
        return decided(scores)

    joined.__name__ = name
    return joined
