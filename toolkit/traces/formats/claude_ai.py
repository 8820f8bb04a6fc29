"""Claude.ai's data export: conversations with their messages, files and pasted texts."""

from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import objects_in, objects_of, others, without
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.threads import in_order
from toolkit.traces.ids import Record, first_id, id_text
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

Message = dict[str, Any]
"""A message while it is made, as `Transcript.read` takes it."""

FILES = ("attachments", "files")
"""What was uploaded or pasted beside a message."""
HOMES = ("uuid", "sender", "text", "content", "parent_message_uuid", *FILES)
TIMES = ("start_timestamp", "stop_timestamp")
"""When a part of an answer began and ended; a step has the time of its message."""
PART_TIMES = {f"chat_messages.content.{name}" for name in TIMES}
MARKS = ("token_budget",)
"""The types of parts that hold nothing."""


def _read(record: Record, id_: str) -> Trace:
    messages: dict[str, Record] = {}
    parents: dict[str, str | None] = {}
    earlier: str | None = None
    for number, message in enumerate(objects_in(record, "chat_messages"), 1):
        uuid = first_id(message, "uuid") or f"message-{number}"
        parents[uuid] = id_text(message.get("parent_message_uuid", earlier))
        messages[uuid] = message
        earlier = uuid
    if not messages:
        raise RecordError("the conversation has no messages", field="chat_messages")
    leaf = id_text(record.get("current_leaf_message_uuid"))
    transcript = Transcript()
    for place in in_order(parents, leaf):
        message = _message(messages[place.id])
        transcript.read(message, branch=place.branch)
    meta = {"title": record.get("name"), **without(record, "name")}
    return transcript.trace(id_, meta, "uuid", "chat_messages")


def _message(message: Record) -> Message:
    """A message under the names of a chat; old exports have its text alone."""
    fields: Message = others(message, HOMES)
    fields["id"] = message.get("uuid")
    fields["role"] = message.get("sender")
    parts = []
    for part in objects_of(message.get("content")):
        if part.get("type") not in MARKS:
            parts.append(others(part, TIMES))
    text = message.get("text")
    if not parts and text:
        parts.append({"type": "text", "text": text})
    elif text and not _says(parts, text):
        fields["stated_text"] = text
    for name in FILES:
        for file in objects_of(message.get(name)):
            part = {"type": "file", "filename": file.get("file_name"), **file}
            parts.append(part)
    fields["content"] = parts
    return fields


def _says(parts: list[dict[str, Any]], text: Any) -> bool:
    """Whether the text of a message repeats what its parts say."""
    words = " ".join(str(part.get("text", "")) for part in parts)
    return words.split() == str(text).split()


def _is_conversation(record: Record) -> bool:
    """Whether its messages name their senders; an empty conversation is named as one."""
    messages = record["chat_messages"]
    if not isinstance(messages, list):
        return False
    return all("sender" in message for message in objects_of(messages))


def _id(record: Record) -> str | None:
    return first_id(record, "uuid") or first_id(record)


FORMAT = Format(
    "claude-ai",
    ("chat_messages",),
    _read,
    _is_conversation,
    _id,
    converted=frozenset({"chat_messages.sender", *PART_TIMES}),
    beside=frozenset({"users.json", "projects.json", "memories.json"}),
)
