"""SWE-agent and mini-swe-agent: the trajectory of one task (``.traj``, ``.traj.json``)."""

import re
from collections.abc import Iterator
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import object_in, objects_in, without
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace
from toolkit.traces.usage import number_of

Fields = dict[str, Any]
TOTALS = {
    "tokens_sent": "input_tokens",
    "tokens_received": "output_tokens",
    "instance_cost": "cost_usd",
}
"""What SWE-agent used, under our names."""
RETURN_CODE = re.compile(r"<returncode>(-?\d+)</returncode>")
FAILED = re.compile(
    r"\s*(ERROR\b|Error\b|Traceback|bash: |/bin/(ba)?sh: |File \S+ not found|EXECUTION TIMED OUT"
    r"|COMMAND FAILED|Your proposed edit has introduced|The command .* was cancelled)"
)
"""How an observation begins whose action failed: SWE-agent keeps no exit codes."""
STEP_FIELDS = ("action", "thought", "observation", "execution_time")
USED = ("messages", "trajectory")
"""The history stays in meta: it repeats the trajectory as the model was given it."""


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    for message in _messages(record):
        kind = message.pop("step_kind", "message")
        transcript.read(message, kind=kind)
    if not transcript.steps:
        raise RecordError("the trajectory is empty", field="messages")
    return transcript.trace(id_, {**record, **_totals(record)}, *USED)


def _messages(record: Record) -> Iterator[Fields]:
    if isinstance(record.get("messages"), list):
        for message in objects_in(record, "messages"):
            yield _mini_message(message)
        return
    yield from _prompts(record)
    for number, step in enumerate(objects_in(record, "trajectory"), 1):
        yield from _step_messages(step, f"action-{number}")


def _mini_message(message: Record) -> Fields:
    """A message of mini-swe-agent: a command in its words is a call, an observation a result."""
    extra = object_in(message, "extra")
    reply = object_in(extra, "response")
    usage = object_in(reply, "usage")
    fields = dict(message)
    fields["timestamp"] = extra.get("timestamp")
    fields["model"] = reply.get("model")
    if usage:
        fields["usage"] = {**usage, "cost_usd": extra.get("cost")}
    if message.get("role") == "exit":
        fields["role"] = "system"
        fields["step_kind"] = "exit"
        return fields
    exit_code = _exit_code(message, extra)
    if exit_code is not None:
        fields["role"] = "tool"
        fields["exit_code"] = exit_code
        fields["is_error"] = exit_code != 0
    actions = extra.get("actions")
    is_reply = message.get("role") == "assistant"
    if is_reply and isinstance(actions, list) and not message.get("tool_calls"):
        fields["tool_calls"] = [_command(action) for action in actions]
    return fields


def _exit_code(message: Record, extra: Record) -> int | None:
    """The exit code of an observation, which may stand among the words of the user."""
    stated = extra.get("returncode")
    if isinstance(stated, int):
        return stated
    content = message.get("content")
    if message.get("role") != "user" or not isinstance(content, str):
        return None
    code = RETURN_CODE.match(content)
    return int(code[1]) if code else None


def _command(action: Any) -> Fields:
    """A command that the model wrote into its words, as a call."""
    if not isinstance(action, dict):
        action = {"command": action}
    arguments = dict(action)
    call_id = arguments.pop("tool_call_id", None)
    return {"name": "bash", "arguments": arguments, "id": call_id}


def _prompts(record: Record) -> Iterator[Fields]:
    """The messages before the first reply; those after it are in the steps of the trajectory."""
    for message in objects_in(record, "history"):
        if message.get("role") == "assistant":
            return
        yield dict(message)


def _step_messages(step: Record, call_id: str) -> Iterator[Fields]:
    """The thought and the action of a step of SWE-agent, and what it observed."""
    message = without(step, *STEP_FIELDS)
    message["role"] = "assistant"
    message["content"] = step.get("thought") or step.get("response")
    action = step.get("action")
    if not action:
        yield message
        return
    name, _, _ = str(action).strip().partition(" ")
    call = {"id": call_id, "name": name, "arguments": {"command": action}}
    message["tool_calls"] = [call]
    yield message
    observation = str(step.get("observation") or "")
    yield {
        "role": "tool",
        "tool_call_id": call_id,
        "content": observation,
        "is_error": True if FAILED.match(observation) else None,
        "duration_s": number_of(step.get("execution_time")),
    }


def _totals(record: Record) -> Fields:
    """The outcome and what the run used, as its ``info`` states them."""
    info = object_in(record, "info")
    model = object_in(object_in(info, "config"), "model")
    totals: Fields = {}
    if info.get("exit_status"):
        totals["outcome"] = info["exit_status"]
    if model.get("model_name"):
        totals["model"] = model["model_name"]
    stats = object_in(info, "model_stats")
    for name, our_name in TOTALS.items():
        number = number_of(stats.get(name))
        if number is not None:
            totals[our_name] = number
    return totals


def _knows(record: Record) -> bool:
    if "mini-swe-agent" in str(record.get("trajectory_format")):
        return True
    info = object_in(record, "info")
    is_run = "model_stats" in info or "exit_status" in info
    if is_run and isinstance(record.get("messages"), list):
        return True
    steps = objects_in(record, "trajectory")
    return bool(steps) and "action" in steps[0] and "observation" in steps[0]


def _id(record: Record) -> str | None:
    return first_id(record, "instance_id")


FORMAT = Format(
    "swe-agent",
    ("trajectory_format", "trajectory", "info"),
    _read,
    _knows,
    record_id=_id,
    converted=frozenset({"**.message_type"}),
)
