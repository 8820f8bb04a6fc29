"""tau-bench: the trajectories of its tasks (Yao et al., arXiv 2406.12045)."""

from typing import Any

from pydantic import BaseModel

from toolkit.records import validate
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace


class Trajectory(BaseModel):
    task_id: int | str
    traj: list[Any]


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    transcript.read_all(validate(Trajectory, record).traj)
    for step in transcript.steps:
        if step.kind == "tool.result":
            # its tools say that they failed in the first word of their answer
            step.data["error"] = step.content.startswith("Error")
    return transcript.trace(id_, record, "traj")


def _id(record: Record) -> str | None:
    task = first_id(record, "task_id")
    trial = first_id(record, "trial")
    if task is None or trial is None:
        return task and f"task-{task}"
    return f"task-{task}-trial-{trial}"


FORMAT = Format("tau-bench", ("traj",), _read, record_id=_id)
