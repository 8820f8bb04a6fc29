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
        return "messages" in request
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
    request = record.get("request")
    if isinstance(request, dict) and isinstance(request.get("messages"), list):
        answer = _answer(record.get("response"))
        messages = [*request["messages"], *answer]
        record = {**request, **record, "messages": messages}
    return read_chat(record, id_)


def _answer(response: Any) -> list[Any]:
    """The message of a response, or its error where the request failed."""
    if not response:
        return []
    if isinstance(response, dict) and "error" in response:
        error = response["error"]
        return [{"role": "assistant", "content": [error]}]
    return [response]


FORMAT = Format("anthropic", ("messages", "request"), _read, _is_anthropic)
