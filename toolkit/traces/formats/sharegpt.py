"""ShareGPT: conversations whose messages say ``from`` and ``value``."""

from typing import Any

from toolkit.traces.fields import without
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
    return isinstance(turn, dict) and isinstance(turn.get("from"), str) and "value" in turn


def _knows(record: Record) -> bool:
    return bool(_turns(record)) and "rejected" not in record


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    if isinstance(record.get("system"), str) and record["system"]:
        transcript.add("message", "system", record["system"], {})
    for turn in _turns(record):
        transcript.read(_message(turn))
    return transcript.trace(id_, record, "id", "system", *LISTS)


def _message(turn: Any) -> Any:
    """A turn as a message: where its words are the JSON of a call, it calls."""
    if not _is_turn(turn):
        return turn
    speaker = turn["from"]
    if speaker in CALLS:
        call, _ = decoded_arguments(turn["value"])
        if isinstance(call, dict) and "name" in call:
            return {**without(turn, "from", "value"), "role": "assistant", "tool_calls": [call]}
    role = ROLES.get(speaker, speaker)
    return {**without(turn, "from"), "role": role}


CONVERTED = frozenset(f"{name}.from" for name in LISTS)
FORMAT = Format("sharegpt", LISTS, _read, _knows, converted=CONVERTED)
