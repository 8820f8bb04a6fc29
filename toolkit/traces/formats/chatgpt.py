"""ChatGPT's data export: conversations as trees of messages, and the node that each ends with."""

from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import fields_of, object_in, others, without
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.threads import in_order
from toolkit.traces.ids import Record, id_text
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace
from toolkit.traces.words import words_of

Message = dict[str, Any]
"""A message while it is made, as `Transcript.read` takes it."""

HOMES = ("id", "author", "create_time", "content", "recipient")
TYPES = {"reasoning_recap": "reasoning", "audio_transcription": "transcript"}
"""What a content is, where its type says it otherwise than others do."""
TEXTS = {
    "tether_browsing_display": ("result", "summary"),
    "user_editable_context": ("user_profile", "user_instructions"),
    "model_editable_context": ("model_set_context",),
}
"""The fields with the words of a content, where others have ``text``."""
EVERYBODY = "all"
"""The recipient of what is no call of a tool."""


def _read(record: Record, id_: str) -> Trace:
    nodes = {name: fields_of(node) for name, node in record["mapping"].items()}
    parents = {name: id_text(node.get("parent")) for name, node in nodes.items()}
    transcript = Transcript()
    for place in in_order(parents, id_text(record.get("current_node"))):
        message = nodes[place.id].get("message")
        if isinstance(message, dict) and not _says_nothing(message):
            transcript.read(_message(message), branch=place.branch)
    if not transcript.steps:
        raise RecordError("no node has a message that says anything", field="mapping")
    meta = {**record, "model": record.get("default_model_slug")}
    models = [step.data["model"] for step in transcript.steps if "model" in step.data]
    if models:
        meta["model"] = models[-1]
    return transcript.trace(id_, meta, "mapping", "current_node", "id", "conversation_id")


def _says_nothing(message: Record) -> bool:
    """Whether it is the empty message of the system that each conversation begins with."""
    role = object_in(message, "author").get("role")
    words, _ = words_of(_parts(object_in(message, "content")))
    return role == "system" and not words.strip()


def _message(message: Record) -> Message:
    """A message under the names of a chat; what is sent to a tool is a call of it."""
    author = object_in(message, "author")
    role = author.get("role")
    recipient = message.get("recipient")
    content = object_in(message, "content")
    fields: Message = {
        **others(message, HOMES),
        "id": message.get("id"),
        "role": role,
        "created_at": message.get("create_time"),
        "model": object_in(message, "metadata").get("model_slug"),
        "content": _parts(content),
        "author_metadata": author.get("metadata") or None,
    }
    if role == "tool":
        fields["name"] = author.get("name")
        fields["is_error"] = content.get("content_type") == "system_error" or None
    else:
        fields["agent_name"] = author.get("name")
    if role == "assistant" and recipient not in (EVERYBODY, None):
        fields["content"] = [_call(recipient, fields["content"])]
    return fields


def _parts(content: Record) -> list[Any]:
    """The parts of a content, each with its type."""
    thoughts = content.get("thoughts")
    if isinstance(thoughts, list):
        return [{"type": "thinking", **fields_of(thought)} for thought in thoughts]
    parts = content.get("parts")
    if isinstance(parts, list):
        return [_part(part) for part in parts]
    return [_part(content)] if content else []


def _part(part: Any) -> Any:
    """A part with its type under the name that others have for it, and its words as text."""
    if not isinstance(part, dict):
        return part
    type_ = str(part.get("content_type"))
    fields = {"type": TYPES.get(type_, type_), **without(part, "content_type")}
    for name in TEXTS.get(type_, ()):
        words = fields.get(name)
        if words and isinstance(words, str):
            earlier = fields.get("text")
            fields["text"] = f"{earlier}\n{words}" if earlier else words
    return fields


def _call(tool: Any, parts: list[Any]) -> dict[str, Any]:
    """What was sent to a tool, as a call of it."""
    sent = parts[0] if len(parts) == 1 else parts
    call = {"type": "function_call", "name": tool, "arguments": sent}
    if isinstance(sent, dict) and "text" in sent:
        call |= without(sent, "type", "text") | {"arguments": sent["text"]}
    return call


def _is_tree(record: Record) -> bool:
    """Whether it maps ids to nodes with a message and the nodes around it."""
    mapping = record["mapping"]
    if not isinstance(mapping, dict):
        return False
    nodes = [node for node in mapping.values() if isinstance(node, dict)]
    return any("message" in node and ("parent" in node or "children" in node) for node in nodes)


BESIDE = (
    "user.json",
    "user_settings.json",
    "message_feedback.json",
    "shared_conversations.json",
    "export_manifest.json",
)
"""The files of an export that hold no conversation."""
FORMAT = Format(
    "chatgpt",
    ("mapping",),
    _read,
    _is_tree,
    beside=frozenset(BESIDE),
    converted=frozenset(
        {
            "mapping.*.id",
            "mapping.*.parent",
            "mapping.*.children",
            "mapping.*.message.id",
            "mapping.*.message.create_time",
            "mapping.*.message.recipient",
            "mapping.*.message.content.content_type",
            "mapping.*.message.content.parts.content_type",
        }
    ),
)
