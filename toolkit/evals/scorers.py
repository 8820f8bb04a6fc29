"""Scorers: plain functions of a trace. A score that cannot be given is data, with the reason, and no crash."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.records import canonical
from toolkit.traces import Step, Trace

if TYPE_CHECKING:
    import pandas as pd

SIGN_OFF = "###STOP###"  # how tau-bench's simulated user hangs up: nothing that needs an answer


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer found.

    Raises
    ------
    ValueError
        For None without a reason, and for NaN.
    """

    name: str
    """The scorer's name."""
    value: bool | float | str | None
    """A bool is an assertion, a number a score, a str a category; None is unscored, which is no pass."""
    why: str = ""
    """What it rests on. Of an unscored trace: why, and then it is required."""
    version: str = "1"
    """Of the scorer: scores of different versions are not compared."""

    def __post_init__(self) -> None:
        if self.value != self.value:
            raise ValueError(f"score {self.name} is NaN: give None, and say why")
        if self.value is None and not self.why.strip():
            raise ValueError(f"score {self.name} is unscored without a reason: say why")


Scorer = Callable[[Trace], Score]


def no_repeated_calls(trace: Trace) -> Score:
    """Whether no tool is called twice in a row with the same arguments.

    A repeat after an error is a retry, after another call or after the user's words a new question: neither
    counts. Unscored where no tool was called.
    """
    if not trace.calls:
        return Score("no_repeated_calls", None, "no tool was called")
    last = None
    for step in trace.steps:
        if (step.kind == "message" and step.actor != "assistant") or _failed(step):
            last = None
        elif step.kind == "tool.call":
            this = canonical([step.data.get("name", step.content), step.data.get("arguments")])
            if this == last:
                return Score("no_repeated_calls", False, f"{step.content} is called again in step {step.id}")
            last = this
    return Score("no_repeated_calls", True, f"{len(trace.calls)} calls, none repeated")


def tools_succeeded(trace: Trace) -> Score:
    """Whether no tool answered with an error: one that the source marks, or text that begins with "Error".

    Unscored where no tool was called, and where a call has no result.
    """
    results = [step for step in trace.steps if step.kind == "tool.result"]
    failed = [step for step in results if _failed(step)]
    if failed:
        return Score("tools_succeeded", False, f"step {failed[0].id}: {failed[0].content[:80]}")
    if not trace.calls:
        return Score("tools_succeeded", None, "no tool was called")
    if len(results) < len(trace.calls):
        return Score("tools_succeeded", None, f"{len(trace.calls) - len(results)} calls have no result")
    return Score("tools_succeeded", True, f"{len(results)} results, no error")


def answered(trace: Trace) -> Score:
    """Whether the trace ends with words from the assistant, not with a tool, the user, or nothing.

    Unscored where the trace has neither messages nor tools.
    """
    kinds = {"message", "tool.call", "tool.result"}
    steps = [s for s in trace.steps if s.kind in kinds and not (s.actor == "user" and SIGN_OFF in s.content)]
    if not steps:
        return Score("answered", None, "the trace has no messages")
    last = steps[-1]
    if last.kind != "message" or last.actor != "assistant":
        return Score("answered", False, f"it ends with a {last.kind} of {last.actor}")
    said = bool(last.content.strip())
    return Score("answered", said, f"it ends with {'words' if said else 'an empty message'} of {last.actor}")


def _failed(step: Step) -> bool:
    marked = bool(step.data.get("error")) or step.content.lstrip().startswith("Error")
    return step.kind == "tool.result" and marked


SCORERS: tuple[Scorer, ...] = (answered, no_repeated_calls, tools_succeeded)
"""The ones that mean something on any trace."""


def score_traces(traces: Iterable[Trace], scorers: Iterable[Scorer] = SCORERS) -> "pd.DataFrame":
    """Score each trace with each scorer.

    Returns
    -------
    DataFrame
        A row a trace and scorer: ``trace_id, scorer, value, why, version``. ``value`` holds None where the
        trace is unscored; a scorer that raises leaves such a row, which names the exception.
    """
    import pandas as pd

    chosen = tuple(scorers)
    rows = [(trace.id, score) for trace in traces for score in (_score(trace, s) for s in chosen)]
    columns = ["trace_id", "scorer", "value", "why", "version"]
    table = [(trace_id, s.name, s.value, s.why, s.version) for trace_id, s in rows]
    return pd.DataFrame(table, columns=columns, dtype=object)


def _score(trace: Trace, scorer: Scorer) -> Score:
    name = getattr(scorer, "__name__", type(scorer).__name__)
    try:
        score = scorer(trace)
    except Exception as error:
        return Score(name, None, f"{type(error).__name__}: {error}")
    if not isinstance(score, Score):
        return Score(name, None, f"the scorer returned {type(score).__name__}, not a Score")
    return score
