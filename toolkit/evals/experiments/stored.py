"""Stored: the result of a trial as it comes back from a store, so that it is the same before and
after; and its JSON.
"""

import math
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from toolkit.evals.experiments.result import TrialResult
from toolkit.evals.scorers.scorers import Score
from toolkit.events import well_formed
from toolkit.records import RecordError, validate
from toolkit.traces import Trace

MOST_CHARS = 10_000
"""Of a reason, or of a score that is text: a store takes no event of any size."""
RESULTS = TypeAdapter(TrialResult)
TRACES = TypeAdapter(Trace)


def stored_score(score: Score, name: str) -> Score:
    """A score under its `name`. A number is a float; one that is not finite is no score."""
    value = score.value
    if isinstance(value, bool) and not score.why and name == score.name:
        return score
    why = stored_text(str(score.why))
    if isinstance(value, str):
        value = stored_text(value)
    elif value is not None and not isinstance(value, bool):
        value, why = _stored_number(value, why)
    return Score(stored_text(name), value, why, score.version, score.step)


def _stored_number(value: Any, why: str) -> tuple[float | None, str]:
    """A number, and why; what is none, is not finite or is too large for a float is no score."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        return None, f"the scorer returned no number that can be kept: {error}"
    if not math.isfinite(number):
        return None, f"the scorer returned {number}"
    return number, why


def stored_result(result: TrialResult) -> TrialResult:
    """A result with the texts that a task or a trace gave it as a store keeps them."""
    trace_id = result.trace_id
    if trace_id is not None:
        trace_id = stored_text(trace_id)
    why = stored_text(result.why)
    if (trace_id, why) == (result.trace_id, result.why):
        return result
    return replace(result, trace_id=trace_id, why=why)


def stored_text(text: str) -> str:
    """`text` in Unicode, and not too long."""
    if len(text) > MOST_CHARS:
        text = text[: MOST_CHARS - 1] + "…"
    return well_formed(text)


def json_of_result(result: TrialResult) -> Any:
    """A result as JSON; a score's value is one of several types, of which pydantic would warn."""
    return RESULTS.dump_python(result, mode="json", exclude_defaults=True, warnings=False)


def json_of_trace(trace: Trace) -> tuple[Any, str]:
    """A trace as JSON; else None, and why it cannot be written."""
    try:
        return TRACES.dump_python(trace, mode="json", exclude_defaults=True), ""
    except Exception as error:  # objects of the task's own are asked to be JSON here
        return None, stored_text(f"the trace is no JSON: {type(error).__name__}: {error}")


def trace_from(data: Any) -> Trace | None:
    """The trace that a store holds; None where it could not be kept, or cannot be read."""
    try:
        return validate(Trace, data)
    except RecordError:
        return None
