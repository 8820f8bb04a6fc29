"""Scorers: plain functions of a trace. A score that cannot be given is data, with the reason, and
no crash.

Others are made to order (`toolkit.evals.scorers.checks`), and go together by `all_of`, `any_of`,
`not_` and `between`.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.evals.text import python_value, same_form
from toolkit.records import canonical
from toolkit.traces import Step, Trace

if TYPE_CHECKING:
    import pandas as pd

Value = bool | float | str | None
SIGN_OFF = "###STOP###"  # how tau-bench's simulated user hangs up: nothing that needs an answer


@dataclass(frozen=True, slots=True)
class Score:
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

    def __post_init__(self) -> None:
        value = python_value(self.value)
        if value is None and (self.value is not None or not self.why.strip()):
            raise ValueError(
                f"score {self.name} is {self.value}: of what is unscored give None, and say why"
            )
        object.__setattr__(self, "value", value)


Scorer = Callable[[Trace], Score]
Found = tuple[Value, str] | tuple[Value, str, str]
"""Value, why, and the version where it is not 1."""


def named(name: str, find: Callable[[Trace], Found]) -> Scorer:
    """A scorer of this name that finds a value and the reason for it."""

    def scorer(trace: Trace) -> Score:
        return Score(name, *find(trace))

    scorer.__name__ = name
    return scorer


def no_repeated_calls(trace: Trace) -> Score:
    """Whether no tool is called twice in a row with the same arguments. Unscored where none was
    called.

    A repeat after an error is a retry, after another call or after the user's words a new question:
    neither counts.
    """
    name, last = "no_repeated_calls", None
    for step in trace.steps:
        if step.kind == "tool.call":
            call = [step.data.get("name", step.content), step.data.get("arguments")]
            this = same_form(canonical(call))
            if this == last:
                return Score(name, False, f"{step.content} is called again in step {step.id}")
            last = this
        elif (step.kind == "message" and step.actor != "assistant") or _failed(step):
            last = None
    if not trace.calls:
        return Score(name, None, "no tool was called")
    return Score(name, True, f"{len(trace.calls)} calls, none repeated")


def tools_succeeded(trace: Trace) -> Score:
    """Whether no tool answered with an error (marked so, or text that begins so). Unscored unless
    all results say.
    """
    name, results = "tools_succeeded", [step for step in trace.steps if step.kind == "tool.result"]
    for step in filter(_failed, results):
        return Score(name, False, f"step {step.id}: {step.content[:80]}")
    if not trace.calls or len(results) < len(trace.calls):
        return Score(name, None, f"{len(trace.calls)} tool calls and {len(results)} results")
    for step in results:
        if step.data.get("error") is None:
            return Score(name, None, f"step {step.id} does not say whether it is an error")
    return Score(name, True, f"{len(results)} results, no error")


def answered(trace: Trace) -> Score:
    """Whether the trace ends with words from the assistant. Unscored where it has neither messages
    nor tools.
    """
    kinds = {"message", "tool.call", "tool.result"}
    steps = [
        s
        for s in trace.steps
        if s.kind in kinds and not (s.actor == "user" and SIGN_OFF in s.content)
    ]
    if not steps:
        return Score("answered", None, "the trace has no messages")
    last = steps[-1]
    said = last.kind == "message" and last.actor == "assistant" and bool(last.content.strip())
    return Score(
        "answered", said, f"it ends with a {last.kind} of {last.actor}: {last.content[:40]!r}"
    )


def _failed(step: Step) -> bool:
    return step.kind == "tool.result" and (
        bool(step.data.get("error")) or step.content.lstrip().startswith("Error")
    )


SCORERS: tuple[Scorer, ...] = (answered, no_repeated_calls, tools_succeeded)
"""The ones that mean something on any trace."""


def score_traces(traces: Iterable[Trace], scorers: Iterable[Scorer] = SCORERS) -> "pd.DataFrame":
    """Score each trace with each scorer: a row each of ``trace_id, scorer, value, why, version``.

    ``value`` is None where the trace is unscored; a scorer that raises leaves such a row, which names the exception.
    """
    import pandas as pd

    chosen = tuple(scorers)
    found = [(trace.id, score(trace, scorer)) for trace in traces for scorer in chosen]
    rows = [
        (trace_id, score.name, score.value, score.why, score.version) for trace_id, score in found
    ]
    return pd.DataFrame(
        rows, columns=["trace_id", "scorer", "value", "why", "version"], dtype=object
    )


def score(trace: Trace, scorer: Scorer) -> Score:
    """What `scorer` finds; where it raises or returns no Score, an unscored one that says so."""
    name = _name(scorer)
    try:
        found = scorer(trace)
    except Exception as error:
        return Score(name, None, f"{type(error).__name__}: {error}")
    if not isinstance(found, Score):
        return Score(name, None, f"the scorer returned {type(found).__name__}, not a Score")
    return found


def _name(scorer: Scorer) -> str:
    """That of its type for a partial, or an object that can be called."""
    return getattr(scorer, "__name__", type(scorer).__name__)


def all_of(*parts: Scorer) -> Scorer:
    """Whether each part is True. One False decides; else one that is unscored, or no bool, leaves
    it unscored.
    """
    return _derived("all_of", parts, lambda found: _decided(found, decisive=False))


def any_of(*parts: Scorer) -> Scorer:
    """Whether some part is True. One True decides; else one that is unscored, or no bool, leaves it
    unscored.
    """
    return _derived("any_of", parts, lambda found: _decided(found, decisive=True))


def not_(part: Scorer) -> Scorer:
    """The opposite of `part`; unscored where that is unscored, or no bool."""

    def opposite(found: list[Score]) -> tuple[Value, str]:
        value, why = _decided(found, decisive=True)
        return None if value is None else not value, why

    return _derived("not_", (part,), opposite)


def between(part: Scorer, low: float = 0, high: float = math.inf) -> Scorer:
    """Whether the number that `part` gives is from `low` to `high`; unscored where it gives none."""

    def held(found: list[Score]) -> tuple[Value, str]:
        value = found[0].value
        if isinstance(value, bool | str | None):
            return None, f"{found[0].name} is {value!r}, which is no number: {found[0].why}"
        return low <= value <= high, f"{found[0].name} is {value:g}"

    return _derived(f"between[{low:g}, {high:g}]", (part,), held)


def _decided(found: list[Score], decisive: bool) -> tuple[Value, str]:
    """Kleene's three-valued "or" (where True decides) and "and" (1952)."""
    values = [one.value if isinstance(one.value, bool) else None for one in found]
    value = decisive if decisive in values else None if None in values else not decisive
    told = (
        f"{one.name} is {one.value!r}: {one.why}"
        for one, had in zip(found, values, strict=True)
        if had is value
    )
    return value, "; ".join(told)


def _derived(
    kind: str, parts: tuple[Scorer, ...], find: Callable[[list[Score]], tuple[Value, str]]
) -> Scorer:
    if not parts:
        raise ValueError(f"{kind} needs at least one scorer: of nothing, everything is true")

    def read(trace: Trace) -> Found:
        found = [score(trace, part) for part in parts]
        return *find(found), "+".join(one.version for one in found)

    return named(f"{kind}({', '.join(map(_name, parts))})", read)
