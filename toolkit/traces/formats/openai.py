"""OpenAI's chat completions: a request with its response, stored completions, lines of a batch."""

from typing import Any

from toolkit.traces.fields import elements_of, fields_of, without
from toolkit.traces.formats.exchange import (
    add_error,
    is_batch_line,
    request_of,
    response_of,
    rest_of,
)
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

OLLAMA = {"prompt_eval_count": "prompt_tokens", "eval_count": "completion_tokens"}
ASKED = ("messages", "prompt")
REPLY = ("choices", "message", "usage", "created", "created_at", "model", "error")
"""The fields of a response that become steps, or a field of the first of them."""


def is_piece(record: Record) -> bool:
    """Whether it is a chunk of a stream, or what Azure says of the prompt before the first one."""
    if record.get("object") == "":
        return "prompt_filter_results" in record and not record.get("choices")
    return record.get("object") == "chat.completion.chunk"


def _is_completion(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    choices = value.get("choices")
    if isinstance(choices, list) and not is_piece(value):
        return not any("delta" in fields_of(choice) for choice in choices)
    return isinstance(value.get("message"), dict) and "done" in value  # Ollama's


def _knows(record: Record) -> bool:
    """Whether it is a completion, a request whose response is one or is text, or of a batch."""
    response = response_of(record)
    if _is_completion(record) or _is_completion(response) or is_batch_line(record):
        return True
    return isinstance(response, str) and isinstance(request_of(record).get("messages"), list)


def _read(record: Record, id_: str) -> Trace:
    request = request_of(record)
    response = response_of(record)
    if _is_completion(record):
        response = record
    transcript = Transcript()
    transcript.read_all(_asked(request))
    transcript.read_all(_answered(response))
    add_error(transcript, record, response)
    return transcript.trace(id_, rest_of(record, ASKED, REPLY))


def _asked(request: Record) -> list[Any]:
    """The messages of a request, or its prompt as one."""
    if "messages" in request:
        return elements_of(request["messages"])
    prompt = request.get("prompt")
    return [{"role": "user", "content": prompt}] if prompt else []


def _answered(response: Any) -> list[Any]:
    """The message of a response, with its model, usage and time.

    The first choice is the reply; the others stay in its ``other_choices``.
    """
    if isinstance(response, str):
        return [{"role": "assistant", "content": response}]
    if not isinstance(response, dict) or not _is_completion(response):
        return []
    choices = response.get("choices", [{"message": response.get("message")}])
    if not choices:
        return []
    first, *others = choices
    first = fields_of(first)
    about = {
        "other_choices": others or None,
        "model": response.get("model"),
        "usage": response.get("usage") or _ollama_usage(response),
        "created_at": response.get("created") or response.get("created_at"),
    }
    message = fields_of(first.get("message")) or {"content": first.get("text")}
    return [{"role": "assistant", **without(first, "message", "text"), **about, **message}]


def _ollama_usage(response: Record) -> dict[str, Any] | None:
    """What a response of Ollama used, under the names that others have for it."""
    counts = {OLLAMA[name]: response[name] for name in OLLAMA if name in response}
    return counts or None


def batch_id(record: Record) -> str | None:
    """What a batch calls the request itself; the id of the completion, where it has no other."""
    return first_id(record, "custom_id") or first_id(record) or first_id(record, "request_id")


FORMAT = Format("openai", ("choices", "response", "custom_id", "message"), _read, _knows, batch_id)
