"""Scorers that mean something on any trace, and the table of several scorers on many traces."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from toolkit.evals.scorers.scorers import Score, Scorer, score
from toolkit.evals.text import same_form
from toolkit.records import canonical
from toolkit.traces import Step, Trace

if TYPE_CHECKING:
    import pandas as pd

SIGN_OFF = "###STOP###"  # how tau-bench's simulated user hangs up: nothing that needs an answer
KINDS_READ = ("message", "tool.call", "tool.result")
COLUMNS = ["trace_id", "scorer", "value", "why", "version"]


def no_repeated_calls(trace: Trace) -> Score:
    """Whether no tool is called twice in a row with the same arguments. Unscored where none was
    called.

    A repeat after an error is a retry, after another call or after the user's words a new question:
    neither counts.
    """
    name = "no_repeated_calls"
    last_call = None
    for step in trace.steps:
        if step.kind == "tool.call":
            tool = step.data.get("name", step.content)
            call = same_form(canonical([tool, step.data.get("arguments")]))
            if call == last_call:
                return Score(name, False, f"{step.content} is called again in step {step.id}")
            last_call = call
        elif _is_new_question(step) or is_error(step):
            last_call = None
    if not trace.calls:
        return Score(name, None, "no tool was called")
    return Score(name, True, f"{len(trace.calls)} calls, none repeated")


def tools_succeeded(trace: Trace) -> Score:
    """Whether no tool answered with an error (marked so, or text that begins so). Unscored unless
    all results say.
    """
    name = "tools_succeeded"
    results = [step for step in trace.steps if step.kind == "tool.result"]
    for step in results:
        if is_error(step):
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
    last = None
    for step in trace.steps:
        if step.kind in KINDS_READ and not _is_sign_off(step):
            last = step
    if last is None:
        return Score("answered", None, "the trace has no messages")
    is_answer = last.kind == "message" and last.actor == "assistant" and bool(last.content.strip())
    why = f"it ends with a {last.kind} of {last.actor}: {last.content[:40]!r}"
    return Score("answered", is_answer, why)


def _is_sign_off(step: Step) -> bool:
    return step.actor == "user" and SIGN_OFF in step.content


def _is_new_question(step: Step) -> bool:
    return step.kind == "message" and step.actor != "assistant"


def is_error(step: Step) -> bool:
    """Whether a tool answered with an error."""
    if step.kind != "tool.result":
        return False
    return bool(step.data.get("error")) or step.content.lstrip().startswith("Error")


SCORERS: tuple[Scorer, ...] = (answered, no_repeated_calls, tools_succeeded)
"""The ones that mean something on any trace."""


async def score_traces(
    traces: Iterable[Trace],
    scorers: Iterable[Scorer] = SCORERS,
    cases: Mapping[str, Any] | None = None,
) -> "pd.DataFrame":
    """Score each trace with each scorer: a row each of ``trace_id, scorer, value, why, version``.

    `cases` holds the case of a trace by its id, for scorers that take one. ``value`` is None where
    the trace is unscored; a scorer that raises leaves such a row, which names the exception.
    """
    import pandas as pd

    chosen = tuple(scorers)
    rows = []
    for trace in traces:
        case = cases.get(trace.id) if cases else None
        for scorer in chosen:
            scores = await score(scorer, trace, case)
            for each in scores.values():
                rows.append((trace.id, each.name, each.value, each.why, each.version))
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)
