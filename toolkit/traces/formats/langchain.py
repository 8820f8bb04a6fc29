"""LangChain's messages, in each of its three spellings, and the states of LangGraph."""

from typing import Any

from toolkit.traces.fields import elements_of, fields_of, without
from toolkit.traces.formats.exchange import first_record
from toolkit.traces.formats.form import Format, Signs
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

TYPES = ("human", "ai", "system", "developer", "tool", "function", "chat", "remove")
MARKS = ("additional_kwargs", "response_metadata", "data")
"""The fields of which a message has one, where its type is a word that others use too."""
EMPTY = ("additional_kwargs", "response_metadata", "invalid_tool_calls", "example", "tool_calls")
"""The fields that each message has, and that mostly hold nothing."""
BLOCKS = ("tool_use", "tool_call", "function_call", "input_json_delta")
"""The blocks in the content of a message that repeat its calls."""


def type_of(message: Any) -> str | None:
    """The type of a message of LangChain's, as ``human``; None for another value.

    The name of its class says it (``HumanMessage``), or its field ``type``.
    """
    if not isinstance(message, dict):
        return None
    type_ = message.get("type")
    if type_ == "constructor" and isinstance(message.get("id"), list) and message["id"]:
        type_ = message["id"][-1]
    if not isinstance(type_, str):
        return None
    name = type_.removesuffix("Chunk").removesuffix("Message").lower()
    is_sure = name in ("human", "ai") and "role" not in message and type_ != "Human"
    if name != type_ or is_sure or any(mark in message for mark in MARKS):
        return name if name in TYPES else None
    return None


def messages_of(messages: list[Any]) -> list[Any]:
    """The messages, those in a list inside of the list too; a removal of one is none."""
    opened: list[Any] = []
    for message in messages:
        if isinstance(message, list):
            opened += messages_of(message)
        elif type_of(message) != "remove":
            opened.append(_each_call_once(message))
    return opened


def _each_call_once(message: Any) -> Any:
    """A message that says each call once, without the fields that hold nothing."""
    coat = _coat_of(message)
    if coat:
        return {**message, coat: _each_call_once(message[coat])}
    if not isinstance(message, dict) or "role" in message:
        return message
    fields = {name: value for name, value in message.items() if value or name not in EMPTY}
    calls = elements_of(fields.get("tool_calls")) + elements_of(fields.get("invalid_tool_calls"))
    if not calls:
        return fields
    fields["tool_calls"] = calls
    fields.pop("invalid_tool_calls", None)
    kwargs = fields.get("additional_kwargs")
    if isinstance(kwargs, dict):
        fields["additional_kwargs"] = without(kwargs, "tool_calls") or None
    content = fields.get("content")
    if isinstance(content, list):
        fields["content"] = [part for part in content if not _is_repeated(part)]
    return fields


def _coat_of(message: Any) -> str | None:
    """The field that holds the fields of a message."""
    if not isinstance(message, dict) or "role" in message:
        return None
    for name in ("kwargs", "data"):
        if isinstance(message.get(name), dict):
            return name
    return None


def _is_repeated(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in BLOCKS


def _has_messages(record: Record) -> bool:
    messages = record.get("messages")
    if not isinstance(messages, list):
        return False
    return any(isinstance(part, list) or type_of(part) for part in messages)


def _is_message(record: Record) -> bool:
    return type_of(record) is not None


def _is_state(record: Record) -> bool:
    values = record["values"]
    return isinstance(values, dict) and isinstance(values.get("messages"), list)


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    transcript.read_all(messages_of(record["messages"]))
    return transcript.trace(id_, record, "id", "messages")


def _read_messages(record: Record, id_: str) -> Trace:
    return _read({"messages": record["records"]}, id_)


def _read_states(record: Record, id_: str) -> Trace:
    """The trace of a thread: the state with the most messages has those of the others."""
    last = max(record["records"], key=_n_messages)
    state = fields_of(last.get("values")) | without(last, "values")
    others = [_without_messages(other) for other in record["records"] if other is not last]
    if others:
        state["other_states"] = others
    thread = _thread(last)
    if thread:
        state["session"] = thread
    return _read(state, id_)


def _without_messages(state: Record) -> Record:
    return {**state, "values": without(fields_of(state.get("values")), "messages")}


def _n_messages(state: Record) -> int:
    return len(elements_of(fields_of(state.get("values")).get("messages")))


def _thread(record: Record) -> str | None:
    """The id of the thread of a state, or of the first of several."""
    state = first_record(record)
    config = fields_of(state.get("config"))
    for owner in (state, config.get("configurable"), state.get("metadata")):
        id_ = first_id(fields_of(owner), "thread_id")
        if id_:
            return id_
    return None


def _together(_message: Record) -> None:
    """No id: the messages of a file are one trace."""


CLASS = ("id", "lc")
"""The fields that say of which class a message is, where it is written as LangChain's own."""
FORMATS = (
    Format(
        "langchain",
        ("messages",),
        _read,
        _has_messages,
        converted=frozenset(f"messages.{name}" for name in CLASS),
        signs=Signs(frozenset(), frozenset({"type"})),
    ),
    Format(
        "langchain-messages",
        ("type",),
        _read_messages,
        _is_message,
        group=_together,
        converted=frozenset(CLASS),
    ),
    Format(
        "langgraph",
        ("values",),
        _read_states,
        _is_state,
        _thread,
        group=_thread,
        converted=frozenset(f"values.messages.{name}" for name in CLASS),
    ),
)
