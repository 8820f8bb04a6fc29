"""Anthropic's Messages API: a list of messages with blocks, or a request with its response."""

from typing import Any

from toolkit.traces.fields import without
from toolkit.traces.formats.chat import read_chat
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.kinds import is_block
from toolkit.traces.trace import Trace

RESULTS = ("succeeded", "errored", "canceled", "expired")
"""How a request of a batch may have ended."""


def _is_anthropic(record: Record) -> bool:
    """Whether it is a request, or has what only this API writes: blocks, a system prompt apart."""
    if _is_batch_line(record):
        return True
    request = record.get("request")
    if isinstance(request, dict):
        response = record.get("response")
        is_other = isinstance(response, dict) and ("choices" in response or "object" in response)
        return "messages" in request and not is_other
    messages = record.get("messages")
    if not isinstance(messages, list):
        return False
    return "system" in record or any(_has_block(message) for message in messages)


def _is_batch_line(record: Record) -> bool:
    """Whether it is a line of the results of a batch."""
    result = record.get("result")
    return "custom_id" in record and isinstance(result, dict) and result.get("type") in RESULTS


def _has_block(message: Any) -> bool:
    if not isinstance(message, dict):
        return False
    content = message.get("content")
    return isinstance(content, list) and any(is_block(part) for part in content)


def _read(record: Record, id_: str) -> Trace:
    """The trace of a record; the fields of a request stand beside those of the record."""
    request = record.get("request")
    if isinstance(request, dict):
        others = without(record, "request")
        record = {**request, **others, "messages": request.get("messages")}
    if _is_batch_line(record):
        return _read_batch_line(record, id_)
    return read_chat(record, id_)


def _read_batch_line(record: Record, id_: str) -> Trace:
    """The trace of the answer in a batch; how it ended is the outcome."""
    result = record["result"]
    response = result.get("message")
    if response is None and isinstance(result.get("error"), dict):
        response = {"error": result["error"].get("error") or result["error"]}
    others = without(record, "custom_id", "result")
    fields = {**others, "outcome": result["type"], "messages": [], "response": response}
    return read_chat(fields, id_)


def _id(record: Record) -> str | None:
    return first_id(record, "custom_id") or first_id(record)


FORMAT = Format("anthropic", ("messages", "request", "custom_id"), _read, _is_anthropic, _id)
