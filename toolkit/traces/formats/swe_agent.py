"""SWE-agent and mini-swe-agent: the trajectory of one task (``.traj``, ``.traj.json``)."""

import re
from collections.abc import Iterator
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace
from toolkit.traces.usage import number_of

Fields = dict[str, Any]
SPENT = {
    "tokens_sent": "input_tokens",
    "tokens_received": "output_tokens",
    "instance_cost": "cost_usd",
}
"""The totals of SWE-agent, under our names."""
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
        transcript.read(message, kind=message.pop("step_kind", "message"))
    if not transcript.steps:
        raise RecordError("the trajectory is empty", field="messages")
    meta = dict(record) | _totals(record)
    return transcript.trace(id_, meta, *USED)


def _messages(record: Record) -> Iterator[Fields]:
    if isinstance(record.get("messages"), list):
        for message in record["messages"]:
            if isinstance(message, dict):
                yield from _mini_messages(message)
        return
    steps = [step for step in record.get("trajectory") or () if isinstance(step, dict)]
    yield from _prompts(record.get("history"))
    for number, step in enumerate(steps, 1):
        yield from _step_messages(step, f"action-{number}")


def _mini_messages(message: Record) -> Iterator[Fields]:
    """The messages that a message of mini-swe-agent makes: a command in its words is a call."""
    fields = dict(message)
    extra = fields.pop("extra", None)
    extra = dict(extra) if isinstance(extra, dict) else {}
    fields |= _about(extra)
    if fields.get("role") == "exit":
        yield {**fields, "role": "system", "step_kind": "exit"}
        return
    exit_code = extra.get("returncode")
    if exit_code is None:
        exit_code = _return_code(fields)
    if exit_code is not None:
        fields["exit_code"] = exit_code
        fields["is_error"] = exit_code != 0
        fields["role"] = "tool"
    actions = extra.get("actions")
    has_calls = bool(fields.get("tool_calls"))
    if fields.get("role") == "assistant" and isinstance(actions, list) and not has_calls:
        fields["tool_calls"] = [_command(action) for action in actions]
    yield fields


def _about(extra: Fields) -> Fields:
    """The time, the usage and the model of a message; the rest as it came."""
    about: Fields = {"extra": extra}
    about["timestamp"] = extra.get("timestamp")
    reply = extra.get("response")
    if isinstance(reply, dict):
        usage = reply.get("usage")
        about["model"] = reply.get("model")
        if isinstance(usage, dict):
            about["usage"] = {**usage, "cost_usd": extra.get("cost")}
    return about


def _command(action: Any) -> Fields:
    """A command that the model wrote into its words."""
    command = action if isinstance(action, dict) else {"command": action}
    arguments = {name: value for name, value in command.items() if name != "tool_call_id"}
    return {"name": "bash", "arguments": arguments, "id": command.get("tool_call_id")}


def _return_code(message: Record) -> int | None:
    """The code that an observation among the messages of the user begins with."""
    content = message.get("content")
    if message.get("role") != "user" or not isinstance(content, str):
        return None
    code = RETURN_CODE.match(content)
    return int(code[1]) if code else None


def _prompts(history: Any) -> Iterator[Fields]:
    """The messages before the first reply; those after it are in the steps of the trajectory."""
    for message in history if isinstance(history, list) else ():
        if not isinstance(message, dict):
            continue
        if message.get("role") == "assistant":
            return
        yield dict(message)


def _step_messages(step: Record, call_id: str) -> Iterator[Fields]:
    """The thought and the action of a step of SWE-agent, and what it observed."""
    action = step.get("action")
    thought = step.get("thought")
    data = {name: step[name] for name in step if name not in STEP_FIELDS}
    message = {**data, "role": "assistant", "content": thought or step.get("response")}
    if not action:
        yield message
        return
    name, _, _ = str(action).strip().partition(" ")
    arguments = {"command": action}
    message["tool_calls"] = [{"id": call_id, "name": name, "arguments": arguments}]
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
    info = record.get("info")
    if not isinstance(info, dict):
        return {}
    totals: Fields = {"outcome": info.get("exit_status")}
    stats = info.get("model_stats")
    for name, value in (stats if isinstance(stats, dict) else {}).items():
        if name in SPENT:
            totals[SPENT[name]] = number_of(value)
    config = info.get("config")
    model = config.get("model") if isinstance(config, dict) else None
    if isinstance(model, dict):
        totals["model"] = model.get("model_name")
    return {name: value for name, value in totals.items() if value not in (None, "")}


def _knows(record: Record) -> bool:
    if "mini-swe-agent" in str(record.get("trajectory_format")):
        return True
    info = record.get("info")
    is_run = isinstance(info, dict) and ("model_stats" in info or "exit_status" in info)
    if is_run and isinstance(record.get("messages"), list):
        return True
    steps = record.get("trajectory")
    if not isinstance(steps, list) or not steps or not isinstance(steps[0], dict):
        return False
    return "action" in steps[0] and "observation" in steps[0]


def _id(record: Record) -> str | None:
    return first_id(record, "instance_id")


FORMAT = Format(
    "swe-agent",
    ("trajectory_format", "trajectory", "info"),
    _read,
    _knows,
    record_id=_id,
    converted=frozenset(("message_type",)),
)
