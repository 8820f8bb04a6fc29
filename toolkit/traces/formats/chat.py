"""Chat: a list of messages, as OpenAI's chat completions have them."""

from pydantic import BaseModel

from toolkit.records import validate
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record
from toolkit.traces.messages import Message, Transcript
from toolkit.traces.parts import words_of
from toolkit.traces.trace import Trace

USED = ("id", "messages", "system", "request", "response")
"""The fields of a record that become steps."""


class Chat(BaseModel):
    messages: list[Message | None]
    system: str | list[object] | None = None


def read_chat(record: Record, id_: str) -> Trace:
    """The trace of a list of messages, with the system prompt beside it where there is one."""
    chat = validate(Chat, record)
    transcript = Transcript()
    if chat.system:
        words, _ = words_of(chat.system)
        transcript.add("message", "system", words, {})
    transcript.read_all(chat.messages)
    return transcript.trace(id_, record, *USED)


def _has_messages(record: Record) -> bool:
    return isinstance(record["messages"], list)


FORMAT = Format("chat", ("messages",), read_chat, _has_messages)
