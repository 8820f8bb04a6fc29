"""Anthropic's Messages API: a list of messages with blocks, or a request with its response."""

from typing import Any

from toolkit.traces.formats.chat import read_chat
from toolkit.traces.formats.form import Format
from toolkit.traces.messages import Record, is_block
from toolkit.traces.trace import Trace


def _is_anthropic(record: Record) -> bool:
    request = record.get("request")
    if isinstance(request, dict):
        return "messages" in request
    messages = record.get("messages")
    if not isinstance(messages, list):
        return False
    return "system" in record or any(_has_block(message) for message in messages)


def _has_block(message: Any) -> bool:
    content = message.get("content") if isinstance(message, dict) else None
    return isinstance(content, list) and any(is_block(part) for part in content)


def _read(record: Record, id_: str) -> Trace:
    request = record.get("request")
    messages = request.get("messages") if isinstance(request, dict) else None
    if isinstance(request, dict) and isinstance(messages, list):
        answer = _answer(record.get("response"))
        record = {**request, **record, "messages": [*messages, *answer]}
    return read_chat(record, id_)


def _answer(response: Any) -> list[Any]:
    """The message of a response; its error where the request failed."""
    if isinstance(response, dict) and "error" in response:
        return [{"role": "assistant", "content": [response["error"]]}]
    return [response] if response else []


FORMAT = Format("anthropic", ("messages", "request"), _read, _is_anthropic)
