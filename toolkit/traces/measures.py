"""Measures: what a trace used, how long it took and how it ended, one meaning a name."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from toolkit.traces.totals import total_tokens, totals_of
from toolkit.traces.trace import Step, Trace, title
from toolkit.traces.usage import number_of

SUMS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cost_usd")
"""What is added up over the replies in a trace, where the source states no total."""
STEP_FIELDS = {
    "usage",
    "cost_usd",
    "input_tokens",
    "output_tokens",
    "prompt_tokens",
    "completion_tokens",
}
"""The fields of a step's data of which one is there where the step states what it used."""
OURS = {*SUMS, "cache_write_tokens"}
"""Our names of the counts."""
MOST = 2**62
"""A sum from here on is no count, and does not fit a column."""


def trace_row(trace: Trace) -> dict[str, Any]:
    """The row of a trace in `traces_frame`, with None where the trace does not say."""
    totals = totals_of(trace.meta)
    used = _used(trace, totals)
    kinds = [step.kind for step in trace.steps]
    times = _times(trace)
    return {
        "id": trace.id,
        "title": title(trace),
        "steps": len(trace.steps),
        "messages": kinds.count("message"),
        "tool_calls": kinds.count("tool.call"),
        "tool_errors": _tool_errors(trace.steps),
        "tokens": _tokens(trace.meta, used),
        "duration_s": _duration_s(totals, times),
        "outcome": _text(trace.meta.get("outcome")),
        "source": trace.source,
        "model": totals.get("model") or _models(trace.steps),
        "reward": finite_number(trace.meta.get("reward")),
        "started": min(times, default=None),
        **used,
    }


def figures_of(trace: Trace) -> dict[str, Any]:
    """What `trace_row` says of errors, tokens, cost and time, where the rest of it is not asked."""
    totals = totals_of(trace.meta)
    used = _used(trace, totals)
    times = _times(trace)
    return {
        "tool_errors": _tool_errors(trace.steps),
        "tokens": _tokens(trace.meta, used),
        "duration_s": _duration_s(totals, times),
        "started": min(times, default=None),
        "cost_usd": used["cost_usd"],
    }


def _times(trace: Trace) -> list[float]:
    """The times that its steps state."""
    return [step.time for step in trace.steps if step.time is not None]


def _duration_s(totals: Mapping[str, Any], times: list[float]) -> float | None:
    """How long it took, as it is stated; else from the first of its steps to the last."""
    stated: float | None = totals.get("duration_s")
    if stated is None and len(times) > 1:
        return number_of(max(times) - min(times))
    return stated


def _used(trace: Trace, totals: Mapping[str, Any]) -> dict[str, Any]:
    """What the trace states as a total; else the sum over the replies that state it."""
    used = {name: totals.get(name) for name in SUMS}
    missing = [name for name in SUMS if used[name] is None]
    replies = _replies(trace.steps) if missing else []
    for name in missing:
        used[name] = _sum(replies, name)
    return used


def _replies(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """What each step with a usage states."""
    replies: list[dict[str, Any]] = []
    for step in steps:
        if STEP_FIELDS.isdisjoint(step.data):
            continue
        usage: Any = step.data.get("usage")
        if STEP_FIELDS & step.data.keys() == {"usage"} and _is_ours(usage):
            replies.append(usage)  # as a transcript wrote it: there is nothing to convert
        else:
            replies.append(totals_of(step.data))
    return replies


def _is_ours(usage: Any) -> bool:
    """Whether a usage has our names alone, and numbers under them."""
    if not isinstance(usage, dict) or not usage.keys() <= OURS:
        return False
    return all(number_of(number) == number for number in usage.values())


def _sum(replies: Iterable[Mapping[str, Any]], name: str) -> float | None:
    """The sum of what several replies state under a name; None where none states it."""
    stated = [reply[name] for reply in replies if reply.get(name) is not None]
    total = sum(stated)
    return total if stated and total < MOST else None


def _tokens(meta: Mapping[str, Any], used: Mapping[str, Any]) -> int | None:
    """Input and output together; the total that the source states, where it states no more."""
    if used["input_tokens"] is None or used["output_tokens"] is None:
        return total_tokens(meta)
    return int(used["input_tokens"] + used["output_tokens"])


def _tool_errors(steps: Iterable[Step]) -> int | None:
    """How many results say that their call failed; None where no call is said to have or not."""
    n_errors = 0
    n_stated = 0
    n_unstated = 0
    for step in steps:
        error = step.data.get("error") if step.kind == "tool.result" else None
        if error is not None:
            n_stated += 1
            n_errors += bool(error)
        elif step.kind.startswith("tool."):
            n_unstated += 1
    return None if n_unstated and not n_stated else n_errors


def _models(steps: Iterable[Step]) -> str | None:
    """The models that replied, in the order in which they did."""
    models: dict[str, None] = {}
    for step in steps:
        model = step.data.get("model")
        if isinstance(model, str):
            models[model] = None
    return ", ".join(models) or None


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int | float) else None


def finite_number(value: object) -> float | None:
    """A number, which may be below 0, or the text of one."""
    if not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None
