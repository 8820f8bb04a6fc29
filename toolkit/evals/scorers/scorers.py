"""Scorers: what code says of a trace. A score that cannot be given is data, with the reason, and no
crash.

A scorer is a function of ``(trace)`` or ``(trace, case)``, plain or async. It returns a bool, a
number, a str, None, a `Score`, or a dict of those. `score` runs one, and whoever uses scorers goes
by it.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeAlias

from toolkit.evals.text import python_value
from toolkit.shown import Shown
from toolkit.tasks import cancelled_from_within
from toolkit.traces import Trace

Value = bool | float | str | None
NOT_APPLICABLE = "not applicable"
"""The value of a rule that says nothing about a trace, as "confirm before you change" where nothing
was changed. It is a category, and no None: nothing is missing, so the trial is not unscored, and
the rule counts neither as passed nor as failed.
"""
Scorer: TypeAlias = Callable[..., Any]
"""Of ``(trace)`` or ``(trace, case)``; see the head of this file for what it may return."""


@dataclass(frozen=True, slots=True)
class Score(Shown):
    """What a scorer found; a numpy or pandas value becomes Python's own.

    Raises ValueError for NaN, and for None without a reason.
    """

    name: str
    value: Value
    """A bool is an assertion, a number a score, a str a category; None is unscored, which is no
    pass.
    """
    why: str = ""
    """What it rests on. Of an unscored trace: why, and then it is required."""
    version: str = "1"
    """Of the scorer: scores of different versions are not compared."""
    step: str | None = field(default=None, repr=False)
    """The id of the step that decides it, where one does: of a rule that fails, the first that
    breaks it.
    """

    def __post_init__(self) -> None:
        value = python_value(self.value)
        if value is None:
            is_nan = self.value is not None
            if is_nan or not self.why.strip():
                raise ValueError(
                    f"score {self.name} is {self.value}: of what is unscored give None, and say why"
                )
        if value is not self.value:
            object.__setattr__(self, "value", value)


@dataclass(frozen=True, slots=True)
class NamedScorer:
    """A scorer under a name of its own, as `scorer` makes it."""

    function: Scorer
    __name__: str
    version: str = "1"

    def __call__(self, trace: Trace, case: Any = None) -> Any:
        """What the function returns: an awaitable, where it is async."""
        if _takes_case(self.function):
            return self.function(trace, case)
        return self.function(trace)


def scorer(name: str, version: str = "1") -> Callable[[Scorer], NamedScorer]:
    """A decorator that gives a function's scores a name and a version.

    >>> @scorer(name="is short", version="2")
    ... def short(trace):
    ...     return len(trace.steps) < 10
    >>> short.__name__
    'is short'
    """

    def decorate(function: Scorer) -> NamedScorer:
        return NamedScorer(function, name, version)

    return decorate


async def score(scorer: Scorer, trace: Trace, case: Any = None) -> dict[str, Score]:
    """What `scorer` says of `trace`, by the name of each score.

    A value that is no `Score` is named after the scorer; those of a dict after their keys. A scorer
    that raises, returns None or anything else, or needs a case where there is none, is unscored,
    and the score says why.

    >>> import asyncio
    >>> def polite(trace):
    ...     return "please" in trace.text("assistant")
    >>> asyncio.run(score(polite, Trace("t", ())))
    {'polite': Score(name='polite', value=False, why='', version='1')}
    """
    return await settle(scorer, call(scorer, trace, case))


async def settle(scorer: Scorer, returned: Any) -> dict[str, Score]:
    """The scores in what `scorer` `returned`, once it is there."""
    if inspect.isawaitable(returned):
        try:
            returned = await returned
        except (Exception, SystemExit) as error:
            returned = _failed(scorer, error)
        except asyncio.CancelledError as error:
            if not cancelled_from_within():
                raise
            returned = _failed(scorer, error)
    return as_scores(scorer, returned)


def call(scorer: Scorer, trace: Trace, case: Any = None) -> Any:
    """What `scorer` returns, which may be an awaitable; an unscored `Score` where it raises."""
    try:
        if not _takes_case(scorer):
            return scorer(trace)
        if case is None and _needs_case(scorer):
            return Score(name_of(scorer), None, "it needs a case, and none was given")
        return scorer(trace, case)
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        return _failed(scorer, error)


def as_scores(scorer: Scorer, returned: Any) -> dict[str, Score]:
    """What `scorer` `returned`, as scores by name."""
    name = name_of(scorer)
    if isinstance(returned, bool | int | float | str):  # most of them
        return {name: _as_score(name, returned, scorer)}
    if isinstance(returned, Mapping):
        scores = {}
        for key, value in returned.items():
            scores[str(key)] = _as_score(str(key), value, scorer)
        return scores
    if isinstance(returned, Score) and not isinstance(scorer, NamedScorer):
        return {returned.name: returned}
    return {name: _as_score(name, returned, scorer)}


def _as_score(name: str, value: Any, scorer: Scorer) -> Score:
    """One returned value under its `name`."""
    version = scorer.version if isinstance(scorer, NamedScorer) else None
    if isinstance(value, Score):
        return replace(value, name=name, version=version or value.version)
    version = version or "1"
    plain = python_value(value)
    if plain is None:
        return Score(name, None, f"the scorer returned {value}", version)
    if isinstance(plain, bool | int | float | str):
        return Score(name, plain, version=version)
    kind = type(value).__name__
    return Score(name, None, f"the scorer returned {kind}, which is no score", version)


def _failed(scorer: Scorer, error: BaseException) -> Score:
    return Score(name_of(scorer), None, f"{type(error).__name__}: {error}")


def name_of(scorer: Scorer) -> str:
    """The name of a function; that of its type for a partial, or an object that can be called."""
    return str(getattr(scorer, "__name__", type(scorer).__name__))


def _case_parameter(scorer: Scorer) -> inspect.Parameter | None:
    """The parameter that takes the case: the second that stands by place, where it has no default
    or is called ``case``.
    """
    if inspect.isfunction(scorer):
        return _case_parameter_of_function(scorer)
    return second_parameter(scorer, "case")


@lru_cache(maxsize=256)
def _case_parameter_of_function(function: Callable[..., Any]) -> inspect.Parameter | None:
    """As `_case_parameter`: to ask Python for a signature takes longer than most scorers do."""
    return second_parameter(function, "case")


def second_parameter(function: Callable[..., Any], name: str) -> inspect.Parameter | None:
    """The second parameter that stands by place, where it has no default or is called `name`."""
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some functions that are written in C state none
        return None
    positional = [parameter for parameter in parameters if parameter.kind in by_place]
    if len(positional) < 2:
        return None
    second = positional[1]
    if second.name == name or second.default is inspect.Parameter.empty:
        return second
    return None


def _takes_case(scorer: Scorer) -> bool:
    return _case_parameter(scorer) is not None


def _needs_case(scorer: Scorer) -> bool:
    """Whether there is no default for the case."""
    function = scorer.function if isinstance(scorer, NamedScorer) else scorer
    parameter = _case_parameter(function)
    return parameter is not None and parameter.default is inspect.Parameter.empty


def scorer_from(
    name: str, find: Callable[[Trace], tuple[Value, str]], version: str = "1"
) -> Scorer:
    """A plain function that scores under this name; `find` gives a value and the reason for it."""

    def scorer(trace: Trace) -> Score:
        value, why = find(trace)
        return Score(name, value, why, version)

    scorer.__name__ = name
    return scorer
