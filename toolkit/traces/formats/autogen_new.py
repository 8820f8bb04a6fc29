"""AutoGen 0.4: messages and events, each of which names its source and its type."""

import re
from collections.abc import Iterator
from typing import Any

from toolkit.traces.fields import objects_in
from toolkit.traces.ids import Record

Fields = dict[str, Any]
TYPE = re.compile(r"\w+(Message|Event)")
PERSON = re.compile(r"user(_proxy)?|human|customer", re.IGNORECASE)
"""The source of what a person says."""
RESULTS = ("ToolCallExecutionEvent", "FunctionExecutionResultMessage")
KINDS = {"ThoughtEvent": "thinking", "StopMessage": "stop", "HandoffMessage": "handoff"}
PIECE = "ModelClientStreamingChunkEvent"
"""A piece of a message that comes as a whole too."""


def is_new_message(message: Record) -> bool:
    """Whether it is a message of version 0.4."""
    if "source" not in message:
        return False
    type_ = message.get("type")
    return isinstance(type_, str) and TYPE.fullmatch(type_) is not None


def new_messages(message: Record) -> Iterator[Fields]:
    """The messages of a chat that a message of version 0.4 makes."""
    type_ = message["type"]
    content = message.get("content")
    if type_ == PIECE:
        return
    if type_ in RESULTS:
        for result in objects_in(message, "content"):
            about_event = {"event_id": message.get("id"), "created_at": message.get("created_at")}
            yield {**result, **about_event, "role": "tool"}
        return
    fields = dict(message)
    source = str(fields.pop("source"))
    fields.pop("type")
    fields["usage"] = fields.pop("models_usage", None)
    fields["agent_name"] = source
    fields["role"] = _role(type_, source)
    fields["step_kind"] = KINDS.get(type_, "message")
    if any("arguments" in part for part in objects_in(message, "content")):
        fields["tool_calls"] = content
        fields["content"] = fields.pop("thought", None)
    elif isinstance(content, list):
        fields["content"] = [_part(part) for part in content]
    elif isinstance(content, dict):
        fields["content"] = [content]
    yield fields


def _role(type_: str, source: str) -> str:
    if type_ == "SystemMessage":
        return "system"
    return "user" if PERSON.fullmatch(source) else "assistant"


def _part(part: Any) -> Any:
    """A part of a message; a picture as a chat has it."""
    is_picture = isinstance(part, dict) and set(part) == {"data"}
    if not is_picture:
        return part
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", **part}}
