"""Chat: a list of messages in any spelling, with the system prompt and the reply beside it."""

from typing import Any

from toolkit.records import RecordError
from toolkit.traces.decode import decoded
from toolkit.traces.extension import restored
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record
from toolkit.traces.messages import Transcript
from toolkit.traces.replies import reply_messages
from toolkit.traces.spelling import spellings, states
from toolkit.traces.trace import Trace
from toolkit.traces.words import words_of

SYSTEMS = ("system", "system_prompt", "instructions", "system_instruction")
"""The fields that may hold the system prompt."""
REPLIES = ("response", "completion", "choices", "output", "reply")
"""The fields that may hold the reply to the messages."""


def read_chat(record: Record, id_: str) -> Trace:
    """The trace of a list of messages, with the system prompt and the reply beside it."""
    messages = _messages(record.get("messages"))
    transcript = Transcript()
    used = ["id", "messages"]
    system = _first(record, *SYSTEMS)
    if system and _is_prompt(record[system]):
        used.append(system)
        transcript.read({"role": "system", "content": record[system]})
    transcript.read_all(messages)
    for name in REPLIES:
        if name not in record:
            continue
        reply = reply_messages(record[name])
        if reply:
            used.append(name)
            if not _ends_with(messages, reply):
                transcript.read_all(reply)
    return restored(transcript.trace(id_, record, *used))


def _messages(written: Any) -> list[Any]:
    """The messages, also where they are the JSON text of a list."""
    written = decoded(written)
    if not isinstance(written, list):
        raise RecordError("it is no list of messages", field="messages")
    return written


def _first(record: Record, *names: str) -> str | None:
    """The first field, in whatever spelling, that holds anything."""
    if not states(record, *names):
        return None
    for name in names:
        for spelling in spellings(name):
            if record.get(spelling):
                return spelling
    return None


def _is_prompt(value: Any) -> bool:
    return isinstance(value, str | list) or (isinstance(value, dict) and "parts" in value)


def _ends_with(messages: list[Any], reply: list[Any]) -> bool:
    """Whether the last message says what the reply says: it was added to the list."""
    last = messages[-1] if messages else None
    if not isinstance(last, dict):
        return False
    content = reply[0].get("content")
    return bool(content) and words_of(last.get("content")) == words_of(content)


def _has_messages(record: Record) -> bool:
    messages = record["messages"]
    if isinstance(messages, str):
        return messages.lstrip().startswith("[")
    return isinstance(messages, list)


FORMAT = Format("chat", ("messages",), read_chat, _has_messages)
