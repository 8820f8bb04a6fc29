"""Replies: the messages in the response of a model's API, whichever API it was."""

from typing import Any

from toolkit.traces.dialects import is_message
from toolkit.traces.ids import Record

INSIDE = ("choices", "candidates", "output", "messages", "message", "body", "response")
"""The fields of a response that may hold its messages."""
MOST_LEVELS = 4


def reply_messages(response: Any) -> list[Any]:
    """The messages of a response; none where it is no response of a known shape.

    >>> reply_messages({"choices": [{"message": {"role": "assistant", "content": "Two are."}}]})
    [{'role': 'assistant', 'content': 'Two are.'}]
    >>> reply_messages("Two are.")
    [{'role': 'assistant', 'content': 'Two are.'}]

    Parameters
    ----------
    response
        A text, a message or a list of them, or an object around them. The fields of the object, as
        its model and its usage, go to its first message.
    """
    return _messages(response, MOST_LEVELS)


def _messages(response: Any, levels: int) -> list[Any]:
    if isinstance(response, str) and response:
        return [{"role": "assistant", "content": response}]
    if isinstance(response, list):
        return _listed(response)
    if not isinstance(response, dict) or not levels:
        return []
    if is_message(response):
        return [response]
    if response.get("error"):
        return [{**_without(response, "error"), **_spoken([response["error"]])}]
    for name in INSIDE:
        messages = _messages(response.get(name), levels - 1)
        if messages:
            about = _without(response, name)
            return [{**about, **messages[0]}, *messages[1:]]
    content = response.get("content", response.get("output_text"))
    if isinstance(content, str) or _are_parts(content):
        return [{"role": "assistant", **response}]
    return []


def _are_parts(content: Any) -> bool:
    """Whether a content is a list of parts, as the Messages API answers, and none of messages."""
    if not isinstance(content, list) or not content:
        return False
    return all(isinstance(part, dict) and "type" in part for part in content)


def _listed(values: list[Any]) -> list[Any]:
    """The messages of a list of messages or of choices; the choices after the first are others."""
    messages = [_choice(value) for value in values if isinstance(value, dict)]
    if not messages or not all(is_message(message) for message in messages):
        return []
    return messages


def _choice(choice: Record) -> Record:
    """The message of a choice, with the fields beside it."""
    for name in ("message", "content"):
        inner = choice.get(name)
        if isinstance(inner, dict) and "role" not in choice:
            return {"role": "assistant", **_without(choice, name), **inner}
    if isinstance(choice.get("text"), str) and not is_message(choice):
        return {"role": "assistant", **choice}
    return choice


def _spoken(content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def _without(record: Record, name: str) -> dict[str, Any]:
    return {field: value for field, value in record.items() if field != name}
