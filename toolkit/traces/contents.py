"""What a span holds as its input or its output becomes messages, or the words of a result.

Tools pass on whatever they were given: words, JSON as text, a list of messages, LangChain's
objects, or a dict with one of these in it.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from toolkit.traces.decode import decode_at

Json = Any
LISTS = ("messages", "input_messages", "output_messages", "prompts", "contents", "choices")
"""The fields that hold a list of messages, or of what holds one."""
MESSAGES = ("message", "generations", "response", "completion", "kwargs")
"""The fields that hold a message, or words."""
WORDS = (
    *("output", "input", "question", "query", "prompt", "text", "content", "answer", "result"),
    *("user_input", "human_input", "chat_input", "response", "completion", "output_text"),
)
"""The fields that hold what was said, where nothing else is beside them."""
LANGCHAIN_ROLES = {
    "human": "user",
    "humanmessage": "user",
    "ai": "assistant",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "system": "system",
    "systemmessage": "system",
    "tool": "tool",
    "toolmessage": "tool",
    "function": "tool",
    "functionmessage": "tool",
    "chat": "user",
    "chatmessage": "user",
}
"""The role of a LangChain message, by its type or its class."""
LANGCHAIN_ONLY = {"type", "example", "invalid_tool_calls"}
"""The fields of a LangChain message that say nothing."""
MOST_LEVELS = 12


def decoded(value: Json) -> Json:
    """`value`, or the object or list that it is the JSON text of.

    >>> decoded('{"role": "user"}'), decoded("3 a")
    ({'role': 'user'}, '3 a')
    """
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    text = value.strip()
    result = decode_at(text, 0)
    if result.error or result.end < len(text):
        return value
    return result.value


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
    message = message_of(value)
    if message is not None:
        return Content([message])
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


def message_of(value: Mapping[str, Json]) -> Json:
    """The message that an object is, in OpenAI's spelling; None where it is none."""
    if isinstance(value.get("role"), str):
        return dict(value)
    if value.get("lc") and isinstance(value.get("kwargs"), dict):
        path = value.get("id") or [""]
        class_name = str(path[-1]) if isinstance(path, list) else ""
        return _langchain_message(value["kwargs"], class_name.lower())
    kind = str(value.get("type", "")).lower()
    if kind not in LANGCHAIN_ROLES:
        return None
    inner = value.get("data")
    if isinstance(inner, dict) and "content" in inner:
        return _langchain_message(inner, kind)
    return _langchain_message(value, kind) if "content" in value else None


def _langchain_message(fields: Mapping[str, Json], kind: str) -> Json:
    """A message of LangChain's in OpenAI's spelling; its further fields stay."""
    role = LANGCHAIN_ROLES.get(kind)
    if role is None:
        return None
    message = {name: value for name, value in fields.items() if name not in LANGCHAIN_ONLY}
    message["role"] = str(fields.get("role") or role)
    more = message.pop("additional_kwargs", None)
    if isinstance(more, dict) and not message.get("tool_calls"):
        message |= {name: value for name, value in more.items() if name not in message}
    return {name: value for name, value in message.items() if value not in (None, [], {})}


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
        message = message_of(value)
        if message is not None:
            content = decoded(message.pop("content", None))
            call_id = message.pop("tool_call_id", None)
            message.pop("role")
            return Result(content, call_id and str(call_id), message or None)
        name = _only_words(value)
        if name is None:
            break
        value = decoded(value[name])
    return Result(value)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
