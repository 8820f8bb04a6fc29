"""Anthropic's Messages API: a list of messages with blocks, or a request with its response."""

from typing import Any

from toolkit.traces.formats.chat import read_chat
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record
from toolkit.traces.parts import is_block
from toolkit.traces.trace import Trace


def _is_anthropic(record: Record) -> bool:
    """Whether it is a request, or has what only this API writes: blocks, a system prompt apart."""
    request = record.get("request")
    if isinstance(request, dict):
        response = record.get("response")
        is_other = isinstance(response, dict) and ("choices" in response or "object" in response)
        return "messages" in request and not is_other
    messages = record.get("messages")
    if not isinstance(messages, list):
        return False
    return "system" in record or any(_has_block(message) for message in messages)


def _has_block(message: Any) -> bool:
    if not isinstance(message, dict):
        return False
    content = message.get("content")
    return isinstance(content, list) and any(is_block(part) for part in content)


def _read(record: Record, id_: str) -> Trace:
    """The trace of a record; the fields of a request stand beside those of the record."""
    request = record.get("request")
    if isinstance(request, dict):
        others = {name: value for name, value in record.items() if name != "request"}
        record = {**request, **others, "messages": request.get("messages")}
    return read_chat(record, id_)


FORMAT = Format("anthropic", ("messages", "request"), _read, _is_anthropic)
