"""ATIF, the interchange form of agents' trajectories (Harbor's RFC 0001), versions 1.0 to 1.7."""

from collections.abc import Mapping
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.extension import EXTENSION, restored
from toolkit.traces.fields import object_in, objects_in, others, without
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace
from toolkit.traces.usage import usage_of

SOURCES = {"agent": "assistant"}
"""The role of a step's source, where it has another name."""
HOMES = {
    "step_id",
    "source",
    "message",
    "reasoning_content",
    "tool_calls",
    "observation",
    "metrics",
    "model_name",
    "timestamp",
}
USED = {"steps", "session_id", "trajectory_id", "subagent_trajectories", "final_metrics"}
MOST_SUBAGENTS = 10_000
CONVERTED = frozenset(("**.steps.source", "**.steps.step_id", "**.final_metrics.total_steps"))


def _is_atif(record: Record) -> bool:
    return str(record.get("schema_version")).startswith("ATIF") and "steps" in record


def _id(record: Record) -> str | None:
    return first_id(record, "trajectory_id", "session_id")


def read_atif(record: Record, id_: str) -> Trace:
    """The trace of a trajectory, with those of its sub-agents where they were called."""
    if not isinstance(record.get("steps"), list):
        raise RecordError("it is no list", field="steps")
    transcript = Transcript()
    subagents: list[dict[str, Any]] = []
    _read_steps(record, transcript, None, None, subagents)
    meta = _meta(record)
    if subagents:
        meta["subagent_trajectories"] = subagents
    return restored(Trace(id_, tuple(transcript.steps), meta))


def _meta(record: Record) -> dict[str, Any]:
    agent = object_in(record, "agent")
    meta = without(record, *USED)
    extra = object_in(record, "extra")
    if EXTENSION in extra:
        meta["extra"] = without(extra, EXTENSION)
        meta[EXTENSION] = extra[EXTENSION]
    if not meta.get("extra"):
        meta.pop("extra", None)
    model = first_id(agent, "model_name")
    if model is not None:
        meta["model"] = model
    session = first_id(record, "session_id")
    if session is not None:
        meta["session"] = session
    metrics = object_in(record, "final_metrics")
    more = {name: value for name, value in metrics.items() if not usage_of({name: value})}
    if more:
        meta["final_metrics"] = more
    return meta | usage_of(metrics)


def _read_steps(
    record: Record,
    transcript: Transcript,
    agent: str | None,
    branch: str | None,
    subagents: list[dict[str, Any]],
) -> None:
    """Append the steps of a trajectory; those of a sub-agent follow the step that called it.

    What is said of a sub-agent beside its steps is added to `subagents`.
    """
    waiting = objects_in(record, "subagent_trajectories")
    for step in record["steps"]:
        if not isinstance(step, Mapping):
            continue
        transcript.read(_message(step), agent, branch)
        for result in objects_in(object_in(step, "observation"), "results"):
            transcript.read(_result(result, step), agent, branch)
            called = [inner for inner in waiting if _refers(result, inner)]
            waiting = [inner for inner in waiting if inner not in called]
            for inner in called:
                _read_subagent(inner, transcript, subagents)
    for inner in waiting:
        _read_subagent(inner, transcript, subagents)


def _read_subagent(record: Record, transcript: Transcript, subagents: list[dict[str, Any]]) -> None:
    subagents.append(others(record, ("steps", "subagent_trajectories")))
    if isinstance(record.get("steps"), list) and len(subagents) < MOST_SUBAGENTS:
        name = first_id(object_in(record, "agent"), "name")
        _read_steps(record, transcript, name, _id(record), subagents)


def _refers(result: Record, trajectory: Record) -> bool:
    """Whether a result names the trajectory of the sub-agent that gave it."""
    for reference in objects_in(result, "subagent_trajectory_ref"):
        if first_id(reference, "trajectory_id", "session_id") == _id(trajectory):
            return True
    return False


def _message(step: Record) -> dict[str, Any]:
    """A step as a message, without what was observed."""
    source = str(step.get("source", "agent"))
    message = {
        **others(step, HOMES),
        "role": SOURCES.get(source, source),
        "content": step.get("message"),
        "reasoning_content": step.get("reasoning_content"),
        "tool_calls": step.get("tool_calls"),
        "model": step.get("model_name"),
        "timestamp": step.get("timestamp"),
    }
    observed = others(object_in(step, "observation"), ("results",))
    if observed:
        message["observation"] = observed
    metrics = object_in(step, "metrics")
    usage = usage_of(metrics)
    more = {name: value for name, value in metrics.items() if not usage_of({name: value})}
    if usage:
        message["usage"] = usage
    if more:
        message["metrics"] = more
    return message


def _result(result: Record, step: Record) -> dict[str, Any]:
    return {"role": "tool", "timestamp": step.get("timestamp"), **result}


FORMAT = Format("atif", ("schema_version",), read_atif, _is_atif, _id, converted=CONVERTED)
