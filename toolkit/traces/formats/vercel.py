"""Vercel's AI SDK: the UIMessages of a chat (versions 4 and 5), and ModelMessages."""

from typing import Any

from toolkit.traces.fields import elements_of, fields_of, objects_of, without
from toolkit.traces.formats.form import PARTS, Format, Signs
from toolkit.traces.ids import Record
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

UI_PARTS = {
    "step-start",
    "dynamic-tool",
    "tool-invocation",
    "file",
    "source",
    "source-url",
    "source-document",
}
"""The parts of a UIMessage beside text, reasoning, data and the tools by their names."""
MODEL_PARTS = ("tool-call", "tool-result", "tool-approval-request", "tool-approval-response")
"""The parts of a ModelMessage that no other form has."""
LIFTED = ("createdAt", "model", "usage")
"""What the metadata of a message may say of the reply."""
INVOCATIONS = "toolInvocations"
"""The calls of a message of version 4, beside its parts."""


def _is_ui_message(message: Record) -> bool:
    """Whether it has parts with types, or calls as version 4 writes them."""
    parts = message.get("parts")
    if not isinstance(parts, list) or "role" not in message:
        return isinstance(message.get(INVOCATIONS), list)
    return bool(parts) and all(map(_is_ui_part, parts))


def _is_ui_part(part: Any) -> bool:
    type_ = _type_of(part) or ""
    if type_ in ("text", "reasoning"):
        return "text" in part or "reasoning" in part
    return type_ in UI_PARTS or type_.startswith(("tool-", "data-"))


def _is_model_message(message: Record) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(_type_of(part) in MODEL_PARTS for part in content)


def _type_of(part: Any) -> str | None:
    type_ = fields_of(part).get("type")
    return type_ if isinstance(type_, str) else None


def _knows(record: Record) -> bool:
    if "finishReason" in record and _answered(record.get("response")):
        return True
    messages = objects_of(record.get("messages"))
    return any(map(_is_model_message, messages)) or any(map(_is_ui_message, messages))


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    system = record.get("system")
    if system:
        transcript.read({"role": "system", "content": system})
    messages = elements_of(record.get("messages"))
    transcript.read_all(_message(message) for message in messages)
    answered = _answered(record.get("response"))
    if answered:
        usage = record.get("totalUsage") or record.get("usage")
        answered[0] = {"usage": usage, **answered[0]}
    transcript.read_all(answered)
    return transcript.trace(id_, record, "id", "system", "messages")


def _message(message: Any) -> Any:
    """A message; what its metadata say of the reply become fields of its own."""
    if not isinstance(message, dict):
        return message
    metadata = message.get("metadata")
    if isinstance(metadata, dict):
        stated = {name: metadata[name] for name in LIFTED if name in metadata}
        others = without(metadata, *stated)
        message = {**stated, **message, "metadata": others or None}
    if message.get("parts"):  # version 4 says it all a second time
        return without(message, "content", "reasoning", INVOCATIONS)
    if INVOCATIONS in message:
        others = without(message, "content", INVOCATIONS)
        return {**others, "parts": _parts(message)}
    return message


def _parts(message: Record) -> list[Any]:
    """The parts of a message that has none: its calls come before the words."""
    parts: list[Any] = []
    for call in elements_of(message[INVOCATIONS]):
        parts.append({"type": "tool-invocation", "toolInvocation": call})
    if message.get("content"):
        parts.append({"type": "text", "text": message["content"]})
    return parts


def _answered(response: Any) -> list[Any]:
    """The messages that `generateText` answered, the first with the model and the time."""
    fields = fields_of(response)
    messages = objects_of(fields.get("messages"))
    if messages:
        about = {
            "model": fields.get("modelId"),
            "created_at": fields.get("timestamp"),
        }
        messages[0] = {**about, **messages[0]}
    return messages


SIGNS = Signs(frozenset({"finishReason"}), frozenset({PARTS, "parts", INVOCATIONS}))
FORMAT = Format("vercel", ("messages", "finishReason"), _read, _knows, signs=SIGNS)
