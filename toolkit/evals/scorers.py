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
    """What a scorer found. Raises ValueError for NaN, and for None without a reason."""

    name: str
    value: bool | float | str | None
    """A bool is an assertion, a number a score, a str a category; None is unscored, which is no pass."""
    why: str = ""
    """What it rests on. Of an unscored trace: why, and then it is required."""
    version: str = "1"
    """Of the scorer: scores of different versions are not compared."""

    def __post_init__(self) -> None:
        if self.value != self.value or (self.value is None and not self.why.strip()):
            raise ValueError(f"score {self.name} is {self.value}: of what is unscored give None, and say why")


Scorer = Callable[[Trace], Score]


def no_repeated_calls(trace: Trace) -> Score:
    """Whether no tool is called twice in a row with the same arguments. Unscored where none was called.

    A repeat after an error is a retry, after another call or after the user's words a new question: neither counts.
    """
    name, last = "no_repeated_calls", None
    for step in trace.steps:
        if step.kind == "tool.call":
            this = canonical([step.data.get("name", step.content), step.data.get("arguments")])
            if this == last:
                return Score(name, False, f"{step.content} is called again in step {step.id}")
            last = this
        elif (step.kind == "message" and step.actor != "assistant") or _failed(step):
            last = None
    if not trace.calls:
        return Score(name, None, "no tool was called")
    return Score(name, True, f"{len(trace.calls)} calls, none repeated")


def tools_succeeded(trace: Trace) -> Score:
    """Whether no tool answered with an error (marked so, or text that begins so). Unscored unless all results say."""
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
    """Whether the trace ends with words from the assistant. Unscored where it has neither messages nor tools."""
    kinds = {"message", "tool.call", "tool.result"}
    steps = [s for s in trace.steps if s.kind in kinds and not (s.actor == "user" and SIGN_OFF in s.content)]
    if not steps:
        return Score("answered", None, "the trace has no messages")
    last = steps[-1]
    said = last.kind == "message" and last.actor == "assistant" and bool(last.content.strip())
    return Score("answered", said, f"it ends with a {last.kind} of {last.actor}: {last.content[:40]!r}")


def _failed(step: Step) -> bool:
    return step.kind == "tool.result" and (bool(step.data.get("error")) or step.content.lstrip().startswith("Error"))


SCORERS: tuple[Scorer, ...] = (answered, no_repeated_calls, tools_succeeded)
"""The ones that mean something on any trace."""


def score_traces(traces: Iterable[Trace], scorers: Iterable[Scorer] = SCORERS) -> "pd.DataFrame":
    """Score each trace with each scorer: a row each of ``trace_id, scorer, value, why, version``.

    ``value`` is None where the trace is unscored; a scorer that raises leaves such a row, which names the exception.
    """
    import pandas as pd

    chosen = tuple(scorers)
    found = [(trace.id, _score(trace, scorer)) for trace in traces for scorer in chosen]
    rows = [(trace_id, score.name, score.value, score.why, score.version) for trace_id, score in found]
    return pd.DataFrame(rows, columns=["trace_id", "scorer", "value", "why", "version"], dtype=object)


def _score(trace: Trace, scorer: Scorer) -> Score:
    name = getattr(scorer, "__name__", type(scorer).__name__)
    try:
        score = scorer(trace)
    except Exception as error:
        return Score(name, None, f"{type(error).__name__}: {error}")
    if not isinstance(score, Score):
        return Score(name, None, f"the scorer returned {type(score).__name__}, not a Score")
    return score
