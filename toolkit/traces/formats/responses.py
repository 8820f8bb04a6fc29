"""OpenAI's Responses API: a response, alone or with what was asked."""

from typing import Any

from toolkit.traces.fields import elements_of, fields_of
from toolkit.traces.formats.exchange import (
    REQUESTS,
    RESPONSES,
    add_error,
    request_of,
    response_of,
    rest_of,
)
from toolkit.traces.formats.form import PARTS, Format, Signs
from toolkit.traces.formats.items import are_items, read_items
from toolkit.traces.formats.openai import batch_id
from toolkit.traces.ids import Record
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

ASKED = ("input", "items", "messages", "input_list", "history", "new_items")
"""Where that which was asked stands: text, or items."""
REPLY = ("model", "output", "usage", "created_at", "error", "instructions")
"""The fields of a response that become steps, or a field of the first of them."""


def _is_response(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return value.get("object") == "response" or are_items(value.get("output"))


def _knows(record: Record) -> bool:
    """Whether it is a response, or a request with one, or has items in a list."""
    if str(record.get("type")).startswith("response."):
        return False  # an event of a stream
    request = request_of(record)
    response = response_of(record)
    if _is_response(record) or _is_response(response):
        return True
    is_request = "url" in record and "input" in request
    return is_request or any(are_items(request[name]) for name in ASKED if name in request)


def _read(record: Record, id_: str) -> Trace:
    request = request_of(record)
    response = response_of(record)
    if _is_response(record):
        response = record
    if not isinstance(response, dict):
        response = {}
    transcript = Transcript()
    instructions = request.get("instructions") or response.get("instructions")
    if isinstance(instructions, str):
        transcript.add("message", "system", instructions, {})
    read_items(transcript, _asked(request))
    read_items(transcript, _answered(response))
    add_error(transcript, record, response)
    return transcript.trace(id_, rest_of(record, (*ASKED, "instructions"), REPLY))


def _asked(request: Record) -> list[Any]:
    """The items of a request; its text as one."""
    for name in ASKED:
        asked = request.get(name)
        if isinstance(asked, list):
            return asked
        if isinstance(asked, str):
            return [{"role": "user", "content": asked}]
    return []


def _answered(response: Record) -> list[Any]:
    """The items of the output; the first has the model, the usage and the time of the reply."""
    output = elements_of(response.get("output"))
    if not output:
        return []
    first, *others = output
    first = fields_of(first)
    about = {
        "model": response.get("model"),
        "usage": response.get("usage"),
        "created_at": response.get("created_at"),
    }
    return [{**about, **first}, *others]


SIGNS = Signs(
    frozenset({*ASKED, *REQUESTS, *RESPONSES, "object", "output"} - {"messages"}),
    frozenset({"type", PARTS}),
)
FIELDS = (*ASKED, "output", "response", "body")
FORMAT = Format("openai-responses", FIELDS, _read, _knows, batch_id, signs=SIGNS)
