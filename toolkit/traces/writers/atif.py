"""ATIF 1.7, the interchange form of agents' trajectories."""

from datetime import UTC, datetime
from typing import Any

from toolkit.traces.extension import EXTENSION, difference
from toolkit.traces.formats.atif import read_atif
from toolkit.traces.trace import Step, Trace
from toolkit.traces.writers.turns import Turn, turns_of

VERSION = "ATIF-v1.7"
SOURCES = {
    "system": "system",
    "user": "user",
    "tool": "system",
}
"""The source of a step by the role of its turn; all else is the agent's."""
METRICS = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "cached_tokens": "cached_tokens",
    "cost_usd": "cost_usd",
}
"""ATIF's name of each count."""


def atif_record(trace: Trace) -> dict[str, Any]:
    """The trajectory of a trace."""
    model = trace.meta.get("model")
    agent = trace.meta.get("agent")
    about = {"name": agent if isinstance(agent, str) else "agent", "version": "unknown"}
    if isinstance(model, str):
        about["model_name"] = model
    turns = turns_of(trace.steps)
    steps = [_step(turn, number) for number, turn in enumerate(turns, 1)]
    record: dict[str, Any] = {
        "schema_version": VERSION,
        "session_id": str(trace.meta.get("session") or trace.id),
        "trajectory_id": trace.id,
        "agent": about,
        "steps": steps,
        "final_metrics": {**_totals(turns), "total_steps": len(steps)},
    }
    extension = difference(trace, read_atif(record, trace.id))
    return record | {"extra": {EXTENSION: extension}}


def _step(turn: Turn, number: int) -> dict[str, Any]:
    step: dict[str, Any] = {
        "step_id": number,
        "source": SOURCES.get(turn.role, "agent"),
    }
    if turn.first.time is not None:
        step["timestamp"] = _iso(turn.first.time)
    step["message"] = turn.words()
    if turn.thoughts:
        step["reasoning_content"] = turn.thought()
    if turn.model:
        step["model_name"] = turn.model
    if turn.calls:
        step["tool_calls"] = [_call(call) for call in turn.calls]
    if turn.results:
        step["observation"] = {"results": [_result(result) for result in turn.results]}
    metrics: dict[str, Any] = {}
    for own_name, name in METRICS.items():
        if own_name in turn.usage:
            metrics[name] = turn.usage[own_name]
    if metrics:
        step["metrics"] = metrics
    return step


def _iso(time: float) -> str | None:
    try:
        return datetime.fromtimestamp(time, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _call(step: Step) -> dict[str, Any]:
    arguments = step.data.get("arguments")
    if not isinstance(arguments, dict):
        arguments = {"input": arguments}  # the form has no other arguments than an object
    return {
        "tool_call_id": step.data.get("call_id"),
        "function_name": step.data.get("name") or step.content,
        "arguments": arguments,
    }


def _result(step: Step) -> dict[str, Any]:
    return {
        "source_call_id": step.data.get("call_id"),
        "content": step.content,
    }


def _totals(turns: list[Turn]) -> dict[str, float]:
    """The sums of what the turns state."""
    totals: dict[str, float] = {}
    for turn in turns:
        for own_name, name in METRICS.items():
            if own_name in turn.usage:
                total = totals.get(f"total_{name}", 0)
                totals[f"total_{name}"] = total + turn.usage[own_name]
    return totals
