"""Gemini: contents, alone, as a chat's history, or as a request with its response."""

from typing import Any

from toolkit.traces.fields import elements_of, fields_of, objects_of, without
from toolkit.traces.formats.exchange import (
    REQUESTS,
    RESPONSES,
    add_error,
    request_of,
    response_of,
    rest_of,
)
from toolkit.traces.formats.form import Format, Signs
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

CONTENTS = ("contents", "history", "messages")
"""The fields of a request that may hold the conversation."""
SYSTEM = ("systemInstruction", "system_instruction")
CANDIDATES = ("candidates",)
USAGE = ("usageMetadata", "usage_metadata", "usage")
MODEL = ("modelVersion", "model_version", "model")
TIME = ("createTime", "create_time")
REPLY = (*CANDIDATES, *USAGE, *MODEL, *TIME, "error")
"""The fields of a response that become steps."""
ANSWERS = ("functionResponse", "function_response")
OPENED = ("output", "result", "error")
"""The one field of an answer."""
IDS = ("id", "key", "request_id", "responseId", "response_id")


def _first(fields: Record, names: tuple[str, ...]) -> Any:
    """The value of the first of the fields `names` that is not null."""
    for name in names:
        value = fields.get(name)
        if value is not None:
            return value
    return None


def _is_content(value: Any) -> bool:
    """Whether it is a content: its parts have no type, but a field that says what they are."""
    parts = value.get("parts") if isinstance(value, dict) else None
    if not isinstance(parts, list):
        return False
    for part in parts:
        if not isinstance(part, dict) or "type" in part:
            return False
    return bool(parts)


def _has_contents(record: Record) -> bool:
    contents = _first(record, CONTENTS)
    if isinstance(contents, list):
        return any(map(_is_content, contents))
    return isinstance(contents, str) and "contents" in record


def _has_candidates(value: Any) -> bool:
    candidates = fields_of(value).get("candidates")
    return isinstance(candidates, list)


def _knows(record: Record) -> bool:
    response = _joined(response_of(record))
    if _has_candidates(record) or _has_candidates(response):
        return True
    return _has_contents(request_of(record))


def _read(record: Record, id_: str) -> Trace:
    request = request_of(record)
    response: Any = record
    if not _has_candidates(record):
        response = _joined(response_of(record))
    transcript = Transcript()
    system = _first(request, SYSTEM)
    if system:
        content = system if isinstance(system, dict) else {"content": system}
        transcript.read({**content, "role": "system"})
    contents = _first(request, (*CONTENTS, "prompt"))
    if isinstance(contents, str):
        contents = [{"role": "user", "content": contents}]
    for content in elements_of(contents):
        transcript.read(_content(content))
    transcript.read_all(_answered(response))
    add_error(transcript, record, response)
    rest = rest_of(record, (*CONTENTS, *SYSTEM, "prompt"), REPLY)
    model = _first(fields_of(response), MODEL)
    if model:
        rest["model"] = model
    return transcript.trace(id_, rest)


def _content(content: Any) -> Any:
    """A content with its role, that of a user where it says none, and with open answers."""
    if not _is_content(content):
        return content
    parts: list[Any] = []
    for part in content["parts"]:
        stated = {name: value for name, value in part.items() if value is not None}
        parts.append(open_answer(stated))
    return {"role": "user", **content, "parts": parts}


def open_answer(part: dict[str, Any]) -> dict[str, Any]:
    """A part whose answer of a function is out of the object that Gemini asks for.

    By its documentation the object has the one field ``output``, or ``error`` where it failed.
    """
    for name in ANSWERS:
        answer = part.get(name)
        if not isinstance(answer, dict):
            continue
        response = fields_of(answer.get("response"))
        if len(response) != 1:
            continue
        [(field, value)] = response.items()
        if field in OPENED:
            failed = field == "error"
            opened = {**answer, "response": value, "is_error": failed}
            return {**part, name: opened}
    return part


def _joined(response: Any) -> Any:
    """One response for the pieces of a stream: the words of all, the rest as the last has it."""
    pieces = elements_of(response)
    are_responses = all(_has_candidates(piece) for piece in pieces)
    if not pieces or not are_responses:
        return response
    joined: dict[str, Any] = {}
    parts: list[Any] = []
    for piece in pieces:
        joined |= piece
        candidates = objects_of(piece["candidates"])
        for candidate in candidates[:1]:
            content = fields_of(candidate.get("content"))
            parts += objects_of(content.get("parts"))
    parts = joined_parts(parts)
    last_candidates = objects_of(joined["candidates"])
    last = last_candidates[0] if last_candidates else {}
    content = {"parts": parts}
    joined["candidates"] = [{**last, "content": content}]
    return joined


def joined_parts(parts: list[Any]) -> list[Any]:
    """The pieces of a text as one part; parts that are more than text as they are."""
    if not all(part.keys() == {"text"} for part in parts):
        return parts
    words = [str(part["text"]) for part in parts]
    return [{"text": "".join(words)}]


def _answered(response: Any) -> list[Any]:
    """The content of the first candidate, with the model, the usage and the time of the reply."""
    if not _has_candidates(response) or not response["candidates"]:
        return []
    first, *others = response["candidates"]
    first = fields_of(first)
    about = {
        "other_candidates": others or None,
        "model": _first(response, MODEL),
        "usage": _first(response, USAGE),
        "created_at": _first(response, TIME),
    }
    content = fields_of(first.get("content"))
    beside = without(first, "content")
    reply = {**beside, **about, **content, "role": "model"}
    return [_content(reply)]


def _id(record: Record) -> str | None:
    return first_id(record, *IDS)


SIGNS = Signs(
    frozenset({*CONTENTS, *REQUESTS, *RESPONSES, *CANDIDATES} - {"messages"}), frozenset({"parts"})
)
FIELDS = (*CONTENTS, *CANDIDATES, "request", "response", "full_request")
FORMAT = Format("gemini", FIELDS, _read, _knows, _id, signs=SIGNS)
