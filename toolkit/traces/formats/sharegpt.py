"""ShareGPT: conversations whose messages say ``from`` and ``value``."""

from typing import Any

from toolkit.records import RecordError
from toolkit.traces.formats.exchange import without
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record
from toolkit.traces.messages import Transcript
from toolkit.traces.parts import decoded_arguments
from toolkit.traces.trace import Trace

LISTS = ("conversations", "items")
ROLES = {"human": "user", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant"}
ROLES |= {"observation": "tool", "function-response": "tool", "function_response": "tool"}
"""The role of a speaker that has another name."""
CALLS = ("function_call", "function-call", "tool_call")


def _turns(record: Record) -> list[Any]:
    for name in LISTS:
        turns = record.get(name)
        if isinstance(turns, list) and any(_is_turn(turn) for turn in turns):
            return turns
    return []


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and "from" in turn and "value" in turn


def _knows(record: Record) -> bool:
    return bool(_turns(record)) and "rejected" not in record


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    if isinstance(record.get("system"), str) and record["system"]:
        transcript.add("message", "system", record["system"], {})
    messages = [_message(turn) for turn in _turns(record) if turn is not None]
    transcript.read_all(messages)
    return transcript.trace(id_, record, "id", "system", *LISTS)


def _message(turn: Any) -> dict[str, Any]:
    if not _is_turn(turn):
        raise RecordError("a turn has no from and value", field="conversations")
    speaker, value = turn["from"], turn["value"]
    rest = without(turn, "from", "value")
    call, _ = decoded_arguments(value if isinstance(value, str) else None)
    if speaker in CALLS and isinstance(call, dict) and "name" in call:
        function = {"name": call["name"], "arguments": call.get("arguments")}
        return {**rest, "role": "assistant", "tool_calls": [{"function": function}]}
    role = ROLES.get(speaker, speaker) if isinstance(speaker, str) else "unknown"
    return {**rest, "role": role, "content": value}


FORMAT = Format("sharegpt", LISTS, _read, _knows)
