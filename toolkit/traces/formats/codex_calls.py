"""The calls in a Codex rollout: whether they failed, how long they took, and what they returned.

An item holds the output of a call; an event at its end holds the exit code and the time. Older
versions wrap the output in JSON with both, or begin its words with them.
"""

import re
from collections.abc import Iterable
from typing import Any

from toolkit.traces.decode import decode_at
from toolkit.traces.fields import object_in
from toolkit.traces.ids import Record, first_id
from toolkit.traces.usage import number_of

Fields = dict[str, Any]
EXIT_CODE = re.compile(r"(?:Exit code:|(?i:process) exited with code) (-?\d+)")
HEAD_CHARS = 500
"""How far into an output its exit code is looked for."""


def ends_of_calls(lines: Iterable[Record]) -> dict[str | None, Record]:
    """The events that say how calls ended, by the ids of the calls."""
    ends: dict[str | None, Record] = {}
    for line in lines:
        if line.get("type") != "event_msg":
            continue
        event = object_in(line, "payload")
        if str(event.get("type")).endswith("_end"):
            ends[first_id(event, "call_id")] = event
    return ends


def outcome_of(item: Record, event: Record) -> Fields:
    """What an item with an output says of its call, together with the event at the call's end."""
    output = item.get("output")
    exit_code = event.get("exit_code")
    seconds = _seconds(object_in(event, "duration"))
    coat = _coat(output)
    if coat:
        output = coat.get("output")
        about = object_in(coat, "metadata")
        exit_code = about.get("exit_code")
        seconds = number_of(about.get("duration_seconds"))
    if exit_code is None and isinstance(output, str):
        exit_code = _exit_code_in(output)
    return {
        "output": output,
        "exit_code": exit_code,
        "duration_s": seconds,
        "is_error": _is_error(exit_code, event, output),
    }


def _coat(output: Any) -> Fields:
    """The object around an output that is JSON with its exit code; empty for another output."""
    if not isinstance(output, str) or not output.startswith("{"):
        return {}
    decoded = decode_at(output, 0).value
    return decoded if object_in(decoded, "metadata") else {}


def _exit_code_in(output: str) -> int | None:
    """The exit code that the words of an output begin with."""
    code = EXIT_CODE.search(output, 0, HEAD_CHARS)
    return int(code[1]) if code else None


def _is_error(exit_code: Any, event: Record, output: Any) -> bool | None:
    """Whether a call failed, as its exit code or its event says; None where neither does."""
    if isinstance(exit_code, int):
        return exit_code != 0
    result = object_in(event, "result")
    if result:
        return "Err" in result
    for place in (event, output):
        success = place.get("success") if isinstance(place, dict) else None
        if isinstance(success, bool):
            return not success
    return None


def _seconds(duration: Record) -> float | None:
    """The seconds of a duration as Rust writes it."""
    seconds = number_of(duration.get("secs"))
    nanoseconds = number_of(duration.get("nanos"))
    if seconds is None or nanoseconds is None:
        return None
    return seconds + nanoseconds / 1e9
