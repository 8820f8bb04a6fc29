"""Anthropic's Messages API: a list of messages with blocks, or a request with its response."""

from typing import Any

from toolkit.traces.fields import objects_of, without
from toolkit.traces.formats.chat import read_chat
from toolkit.traces.formats.form import PARTS, Format, Signs
from toolkit.traces.ids import Record, first_id
from toolkit.traces.kinds import is_block
from toolkit.traces.messages import is_message
from toolkit.traces.trace import Trace

STOPS = ("stop_reason", "stop_sequence", "usage")
"""The fields of a response of which one is there also where it says neither its type nor a role."""
RESULTS = ("succeeded", "errored", "canceled", "expired")
"""How a request of a batch may have ended."""


def _is_anthropic(record: Record) -> bool:
    """Whether it is a request, or has what only this API writes: blocks, a system prompt apart."""
    if _is_batch_line(record) or _is_bare_reply(record) or _is_reply(record.get("response")):
        return True
    request = record.get("request")
    if isinstance(request, dict):
        response = record.get("response")
        is_other = isinstance(response, dict) and ("choices" in response or "object" in response)
        return "messages" in request and not is_other
    messages = record.get("messages")
    if not isinstance(messages, list):
        return False
    return "system" in record or any(map(_has_block, messages))


def _is_batch_line(record: Record) -> bool:
    """Whether it is a line of the results of a batch."""
    result = record.get("result")
    return "custom_id" in record and isinstance(result, dict) and result.get("type") in RESULTS


def _is_reply(response: Any) -> bool:
    """Whether it is the body of a response, which may say neither its type nor a role."""
    if not isinstance(response, dict):
        return False
    content = response.get("content")
    has_blocks = isinstance(content, list) and any("type" in part for part in objects_of(content))
    return has_blocks and any(name in response for name in STOPS)


def _is_bare_reply(record: Record) -> bool:
    """Whether a record is the body of a response and no message of a conversation."""
    return _is_reply(record) and not is_message(record)


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
    if "messages" not in record:
        beside = {"response": record} if _is_bare_reply(record) else record
        record = {**beside, "messages": []}
    return read_chat(record, id_)


def _read_batch_line(record: Record, id_: str) -> Trace:
    """The trace of the answer in a batch; how it ended is the outcome."""
    result = record["result"]
    response = result.get("message")
    error = result.get("error") or record.get("error")
    if response is None and isinstance(error, dict):
        response = {"error": error.get("error") or error}
    others = without(record, "custom_id", "result")
    fields = {**others, "outcome": result["type"], "messages": [], "response": response}
    return read_chat(fields, id_)


def _id(record: Record) -> str | None:
    return first_id(record, "custom_id") or first_id(record)


FIELDS = ("messages", "request", "response", "custom_id", "stop_reason", "stop_sequence")
SIGNS = Signs(
    frozenset({"content", "custom_id", "request", "response", "system"}), frozenset({PARTS})
)
FORMAT = Format("anthropic", FIELDS, _read, _is_anthropic, _id, signs=SIGNS)
