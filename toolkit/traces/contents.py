"""What a span holds as its input or its output becomes messages, or the words of a result.

Tools pass on whatever they were given: words, JSON as text, a list of messages, LangChain's
objects, or a dict with one of these in it.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from toolkit.traces.decode import decoded
from toolkit.traces.dialects import is_message, unwrapped
from toolkit.traces.ids import id_text
from toolkit.traces.kinds import kind_of

Json = Any
LISTS = ("messages", "input_messages", "output_messages", "prompts", "contents", "choices")
"""The fields that hold a list of messages, or of what holds one."""
MESSAGES = ("message", "generations", "response", "completion", "kwargs")
"""The fields that hold a message, or words."""
WORDS = (
    "output",
    "input",
    "question",
    "query",
    "prompt",
    "text",
    "content",
    "answer",
    "result",
    "user_input",
    "human_input",
    "chat_input",
    "response",
    "completion",
    "output_text",
)
"""The fields that hold what was said, where nothing else is beside them."""
MARKS = ("role", "content", "kwargs", "data", "tool_calls", "parts")
"""The fields of which a message has one, beside the one that says who speaks."""
MOST_LEVELS = 12


class Content(NamedTuple):
    """The messages in a value, and what stands beside them in it."""

    messages: list[Json]
    beside: Json = None


def messages_in(value: Json, role: str, level: int = 0) -> Content:
    """The messages in the input or output of a span; `role` is that of words without one.

    >>> messages_in({"messages": [{"role": "user", "content": "hi"}], "top_k": 3}, "user")
    Content(messages=[{'role': 'user', 'content': 'hi'}], beside={'top_k': 3})
    >>> messages_in('{"question": "Is a bike free?"}', "user").messages
    [{'role': 'user', 'content': 'Is a bike free?'}]
    """
    value = decoded(value)
    if value is None or value == "" or value in ([], {}):
        return Content([])
    if isinstance(value, list) and level <= MOST_LEVELS:
        return _messages_in_list(value, role, level)
    if not isinstance(value, dict) or level > MOST_LEVELS:
        return Content([{"role": role, "content": _text(value)}])
    if _says_who(value):
        return Content([value])
    for name in (*LISTS, *MESSAGES):
        if isinstance(value.get(name), dict | list) and value[name]:
            return _inside(value, name, role, level)
    words_field = _only_words(value)
    if words_field is not None:
        return _inside(value, words_field, role, level)
    return Content([{"role": role, "content": _text(value)}])


def _inside(value: Mapping[str, Json], name: str, role: str, level: int) -> Content:
    """The messages in one field of an object; the other fields stand beside them."""
    messages, beside = messages_in(value[name], role, level + 1)
    others = {other: inner for other, inner in value.items() if other != name}
    if beside is not None:
        others[name] = beside
    return Content(messages, others or None)


def _messages_in_list(values: list[Json], role: str, level: int) -> Content:
    """The messages in a list. A list of parts is one message; LangChain nests a batch in one."""
    if values and all(_is_part(value) for value in values):
        return Content([{"role": role, "content": values}])
    messages: list[Json] = []
    beside: list[Json] = []
    for value in values:
        content = messages_in(value, role, level + 1)
        messages += content.messages
        if content.beside is not None:
            beside.append(content.beside)
    return Content(messages, beside or None)


def _is_part(value: Json) -> bool:
    if not isinstance(value, dict) or "role" in value:
        return False
    return value.get("type") in ("text", "image", "image_url", "input_text", "output_text")


def _says_who(value: Mapping[str, Json]) -> bool:
    """Whether an object is a message, or an item of a conversation, in any spelling."""
    if isinstance(value.get("role"), str) or kind_of(value) != "words":
        return True
    return is_message(value) and any(name in value for name in MARKS)


def _only_words(value: Mapping[str, Json]) -> str | None:
    """The field that holds what an object says, where it is the only thing in it."""
    stated = [name for name, inner in value.items() if inner not in (None, "", [], {})]
    if len(stated) == 1 and stated[0].lower() in WORDS:
        return stated[0]
    return None


class Result(NamedTuple):
    """What a tool answered, the call that it names, and what else its message says."""

    value: Json
    call_id: str | None = None
    beside: Json = None


def result_of(value: Json) -> Result:
    """What a tool answered: the words of it where there are words, else the value as it came.

    >>> result_of({"output": {"type": "tool", "content": "noon", "tool_call_id": "c1"}})
    Result(value='noon', call_id='c1', beside=None)
    """
    value = decoded(value)
    for _ in range(MOST_LEVELS):
        if not isinstance(value, dict):
            break
        if _says_who(value):
            fields = unwrapped(value)
            for type_field in ("type", "role"):
                fields.pop(type_field, None)
            content = decoded(fields.pop("content", None))
            call_id = id_text(fields.pop("tool_call_id", None))
            return Result(content, call_id, fields or None)
        words_field = _only_words(value)
        if words_field is None:
            break
        value = decoded(value[words_field])
    return Result(value)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
