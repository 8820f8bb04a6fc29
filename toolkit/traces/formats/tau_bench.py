"""tau-bench trajectories (Yao et al., arXiv 2406.12045): ``{task_id, trial, reward, info, traj}``."""

from pydantic import BaseModel

from toolkit.records import validate
from toolkit.traces.formats.chat import Message, add_message
from toolkit.traces.formats.format import Conversation, Format, Record, first_id
from toolkit.traces.trace import Trace


class Trajectory(BaseModel):
    task_id: int | str
    traj: list[Message]


def _record_id(record: Record) -> str | None:
    task, trial = first_id(record, "task_id"), first_id(record, "trial")
    return task and f"task-{task}" + (f"-trial-{trial}" if trial else "")


def _read(record: Record, id_: str) -> Trace:
    talk = Conversation()
    for message in validate(Trajectory, record).traj:
        add_message(talk, message)
    for step in talk.steps:
        if step.kind == "tool.result":  # its tools say that they failed in the first word of their answer
            step.data["error"] = step.content.startswith("Error")
    return talk.trace(id_, record, "traj")


FORMAT = Format("tau-bench", lambda record: "traj" in record, _read, _record_id)
