"""tau2-bench: its results, a file with the simulations of its tasks."""

from collections.abc import Iterator
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import object_in, objects_in, stated_only, without
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.scores import score
from toolkit.traces.formats.tau2_ticks import without_ticks
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace
from toolkit.traces.usage import number_of

LISTS = ("messages", "simulations", "tasks")
CONVERTED = frozenset(("tasks.id", "ticks.tick_id"))
SIMULATION = ("task_id", "termination_reason")
"""The fields that every simulation has, beside its messages or, where it was spoken, its ticks."""


def _parts(record: Record) -> Iterator[Record]:
    """Each simulation, with its task and with what the results say of all of them."""
    if "simulations" not in record:
        yield record
        return
    shared = without(record, *LISTS)
    tasks: dict[str | None, Any] = {}
    for task in objects_in(record, "tasks"):
        task_id = first_id(task, "id")
        tasks[task_id] = task
    for simulation in objects_in(record, "simulations"):
        task_id = first_id(simulation, "task_id")
        yield {**shared, "task": tasks.get(task_id), **simulation}


def _read(record: Record, id_: str) -> Trace:
    if "ticks" in record:
        record = without_ticks(record)
    messages = record.get("messages")
    if not isinstance(messages, list):
        raise RecordError("a simulation has a list of messages", field="messages")
    transcript = Transcript()
    transcript.read_all(map(_message, messages))
    info = object_in(record, "info")
    agent = object_in(info, "agent_info")
    meta = dict(record)
    meta["model"] = agent.get("llm")
    meta["outcome"] = record.get("termination_reason")
    meta["reward"] = _reward(record)
    meta["cost_usd"] = number_of(record.get("agent_cost"))
    meta["duration_s"] = number_of(record.get("duration"))
    meta["scores"] = _scores(record)
    return transcript.trace(id_, stated_only(meta), "messages")


def _message(message: Any) -> Any:
    """A message under the names of a chat; what the simulated user costs is not the agent's."""
    if not isinstance(message, dict):
        return message
    fields = dict(message)
    fields["duration_s"] = fields.pop("generation_time_seconds", None)
    usage = fields.pop("usage", None)
    if isinstance(usage, dict):
        usage = {**usage, "cost_usd": fields.get("cost")}
    if fields.get("role") == "assistant":
        fields["usage"] = usage
    else:
        fields["usage_of_user"] = usage
        fields["cost_of_user"] = fields.pop("cost", None)
    return fields


def _reward(record: Record) -> float | None:
    """The reward of a simulation, where it has one."""
    reward = object_in(record, "reward_info").get("reward")
    return reward if isinstance(reward, int | float) else None


def _scores(record: Record) -> list[dict[str, Any]]:
    """The reward, which code gives, and the assertions that a model judged."""
    scores: list[dict[str, Any]] = []
    reward = _reward(record)
    if reward is not None:
        scores.append(score("reward", reward, "code"))
    info = object_in(record, "reward_info")
    for assertion in objects_in(info, "nl_assertions"):
        name = assertion.get("nl_assertion")
        is_met = assertion.get("met")
        why = assertion.get("justification")
        scores.append(score(name, is_met, "model", why))
    return scores


def _knows(record: Record) -> bool:
    """Whether it is a simulation, or results with one."""
    if _is_simulation(record):
        return True
    simulations = objects_in(record, "simulations")
    return any(_is_simulation(simulation) for simulation in simulations)


def _is_simulation(record: Record) -> bool:
    is_run = all(name in record for name in SIMULATION)
    return is_run and ("messages" in record or "ticks" in record)


FORMAT = Format(
    "tau2", ("simulations", "termination_reason"), _read, _knows, parts=_parts, converted=CONVERTED
)
