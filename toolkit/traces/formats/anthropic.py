"""Anthropic Messages: requests, or requests with their responses, made of content blocks."""

from toolkit.records import validate
from toolkit.traces.formats import chat
from toolkit.traces.formats.format import Format, Record
from toolkit.traces.trace import Trace


def _knows(record: Record) -> bool:
    if isinstance(record.get("request"), dict):
        return "messages" in record["request"]
    messages = record.get("messages")
    if not isinstance(messages, list):
        return False
    contents = [message.get("content") for message in messages if isinstance(message, dict)]
    return "system" in record or any(chat.is_block(p) for parts in contents if isinstance(parts, list) for p in parts)


def _read(record: Record, id_: str) -> Trace:
    if "request" not in record:
        return chat.read(record, id_)
    request = validate(dict[str, object], record["request"])
    messages = validate(list[object], request.get("messages"))
    if answer := record.get("response"):
        failed = isinstance(answer, dict) and "error" in answer
        messages.append({"role": "assistant", "content": [answer["error"]]} if failed else answer)
    return chat.read({**request, **record, "messages": messages}, id_)


FORMAT = Format("anthropic", _knows, _read)
