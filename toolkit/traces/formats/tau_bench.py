"""tau-bench trajectories (Yao et al., arXiv 2406.12045): ``{task_id, trial, reward, info, traj}``."""

from typing import Any

from pydantic import BaseModel

from toolkit.records import validate
from toolkit.traces.formats.chat import Message, add_message
from toolkit.traces.formats.conversation import Conversation
from toolkit.traces.formats.format import Format, Record, first_id
from toolkit.traces.trace import Step, Trace


class Trajectory(BaseModel, extra="allow"):
    """A record."""

    task_id: int | str
    traj: list[Message]
    trial: int | None = None
    reward: float | None = None
    info: dict[str, Any] | None = None


def _record_id(record: Record) -> str | None:
    task, trial = first_id(record, "task_id"), first_id(record, "trial")
    return task and f"task-{task}" + (f"-trial-{trial}" if trial else "")


def _read(record: Record, id_: str) -> tuple[Trace, set[str]]:
    trajectory, talk = validate(Trajectory, record), Conversation()
    for message in trajectory.traj:
        add_message(talk, message)
    meta = {name: value for name, value in record.items() if name != "traj"}
    steps = tuple(_with_error(step) for step in talk.steps)
    return Trace(id_, steps, meta), talk.unknown | set(trajectory.model_extra or ())


def _with_error(step: Step) -> Step:
    """Its tools say that they failed in the first word of their answer."""
    if step.kind == "tool.result":
        step.data["error"] = step.content.startswith("Error")
    return step


LOOKS = "a tau-bench trajectory: {task_id, trial, reward, traj}"
FORMAT = Format("tau-bench", LOOKS, lambda record: "traj" in record, _record_id, _read)
