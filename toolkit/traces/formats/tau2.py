"""tau2-bench: its results, a file with the simulations of its tasks."""

from collections.abc import Iterable, Iterator
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace
from toolkit.traces.usage import number_of

USED = ("messages", "simulations", "tasks")


def _parts(record: Record) -> Iterator[Record]:
    """Each simulation, with its task and with what the results say of all of them."""
    if "simulations" not in record:
        yield record
        return
    shared = {name: value for name, value in record.items() if name not in USED}
    tasks: dict[str | None, Any] = {}
    for task in _objects(record.get("tasks")):
        tasks[first_id(task, "id")] = task
    for simulation in _objects(record["simulations"]):
        task_id = first_id(simulation, "task_id")
        yield {**shared, "task": tasks.get(task_id), **simulation}


def _objects(values: Any) -> Iterable[Record]:
    listed = values if isinstance(values, list) else []
    return [value for value in listed if isinstance(value, dict)]


def _read(record: Record, id_: str) -> Trace:
    messages = record.get("messages")
    if not isinstance(messages, list):
        raise RecordError("a simulation has a list of messages", field="messages")
    transcript = Transcript()
    transcript.read_all(map(_message, messages))
    meta = dict(record)
    meta["outcome"] = record.get("termination_reason")
    meta["cost_usd"] = number_of(record.get("agent_cost"))
    meta["duration_s"] = number_of(record.get("duration"))
    meta["model"] = _model(record)
    meta["reward"] = _reward(record)
    meta["scores"] = _scores(record)
    stated = {name: value for name, value in meta.items() if value is not None}
    return transcript.trace(id_, stated, "messages")


def _message(message: Any) -> Any:
    """A message under the names of a chat; what the simulated user costs is not the agent's."""
    if not isinstance(message, dict):
        return message
    fields = dict(message)
    fields["duration_s"] = fields.pop("generation_time_seconds", None)
    usage = fields.pop("usage", None)
    if isinstance(usage, dict):
        usage = {**usage, "cost_usd": fields.get("cost")}
    is_agent = fields.get("role") == "assistant"
    fields["usage" if is_agent else "usage_of_user"] = usage
    return fields


def _model(record: Record) -> Any:
    info = record.get("info")
    agent = info.get("agent_info") if isinstance(info, dict) else None
    return agent.get("llm") if isinstance(agent, dict) else None


def _rewards(record: Record) -> Record:
    rewards = record.get("reward_info")
    return rewards if isinstance(rewards, dict) else {}


def _reward(record: Record) -> float | None:
    reward = _rewards(record).get("reward")
    return reward if isinstance(reward, int | float) else None


def _scores(record: Record) -> list[dict[str, Any]]:
    """The reward, which code gives, and the assertions that a model judged."""
    scores: list[dict[str, Any]] = []
    reward = _reward(record)
    if reward is not None:
        scores.append(_score("reward", reward, "code", None))
    for assertion in _objects(_rewards(record).get("nl_assertions")):
        name = str(assertion.get("nl_assertion"))
        why = assertion.get("justification")
        scores.append(_score(name, assertion.get("met"), "model", why))
    return scores


def _score(name: str, value: Any, rater_kind: str, comment: Any) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "comment": comment,
        "rater": "tau2",
        "rater_kind": rater_kind,
        "step": None,
    }


def _knows(record: Record) -> bool:
    if _is_simulation(record):
        return True
    return any(map(_is_simulation, _objects(record.get("simulations"))))


def _is_simulation(record: Record) -> bool:
    return "task_id" in record and "messages" in record and "termination_reason" in record


FORMAT = Format("tau2", ("simulations", "termination_reason"), _read, _knows, parts=_parts)
