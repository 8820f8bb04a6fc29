"""Gemini: contents, alone, as a chat's history, or as a request with its response."""

from typing import Any

from toolkit.traces.fields import elements_of, fields_of, objects_of, without
from toolkit.traces.formats.exchange import add_error, request_of, response_of, rest_of
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

CONTENTS = ("contents", "history", "messages")
SYSTEM = ("systemInstruction", "system_instruction")
CANDIDATES = ("candidates",)
USAGE = ("usageMetadata", "usage_metadata", "usage")
MODEL = ("modelVersion", "model_version", "model")
TIME = ("createTime", "create_time")
REPLY = (*CANDIDATES, *USAGE, *MODEL, *TIME, "error")
ANSWERS = ("functionResponse", "function_response")
OPENED = ("output", "result", "error")
"""The one field of an answer."""
IDS = ("id", "key", "request_id", "responseId", "response_id")


def _first(fields: Record, names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _is_content(value: Any) -> bool:
    """Whether it is a content: its parts have no type, but a field that says what they are."""
    if not isinstance(value, dict) or not isinstance(value.get("parts"), list):
        return False
    parts = value["parts"]
    return bool(parts) and all(isinstance(part, dict) and "type" not in part for part in parts)


def _has_contents(record: Record) -> bool:
    contents = _first(record, CONTENTS)
    if isinstance(contents, list):
        return any(_is_content(content) for content in contents)
    return isinstance(contents, str) and "contents" in record


def _has_candidates(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("candidates"), list)


def _knows(record: Record) -> bool:
    response = _joined(response_of(record))
    if _has_candidates(record) or _has_candidates(response):
        return True
    return _has_contents(request_of(record))


def _read(record: Record, id_: str) -> Trace:
    request, response = request_of(record), _joined(response_of(record))
    if _has_candidates(record):
        response = record
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
    if isinstance(response, dict) and _first(response, MODEL):
        rest["model"] = _first(response, MODEL)
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
        response = answer.get("response")
        if isinstance(response, dict) and len(response) == 1:
            [(field, value)] = response.items()
            if field in OPENED:
                failed = field == "error"
                return {**part, name: {**answer, "response": value, "is_error": failed}}
    return part


def _joined(response: Any) -> Any:
    """One response for the pieces of a stream: the words of all, the rest as the last has it."""
    pieces = elements_of(response)
    if not pieces or not all(map(_has_candidates, pieces)):
        return response
    joined: dict[str, Any] = {}
    parts: list[Any] = []
    for piece in pieces:
        joined |= piece
        for candidate in objects_of(piece["candidates"])[:1]:
            content = fields_of(candidate.get("content"))
            parts += objects_of(content.get("parts"))
    if all(part.keys() == {"text"} for part in parts):
        words = [str(part["text"]) for part in parts]
        parts = [{"text": "".join(words)}]
    last = objects_of(joined["candidates"])[:1] or [{}]
    joined["candidates"] = [{**last[0], "content": {"parts": parts}}]
    return joined


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
    return [_content({**without(first, "content"), **about, **content, "role": "model"})]


def _id(record: Record) -> str | None:
    return first_id(record, *IDS)


FORMAT = Format(
    "gemini", (*CONTENTS, "candidates", "request", "response", "full_request"), _read, _knows, _id
)
