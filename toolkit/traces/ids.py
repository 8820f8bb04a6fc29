"""Ids of traces, steps and calls: where a record has one, and what is done with a second one."""

from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]
"""An object in a file."""
IDS = (
    "id",
    "trace_id",
    "conversation_id",
    "thread_id",
    "session_id",
    "chat_id",
    "request_id",
    "traceId",
    "conversationId",
    "threadId",
    "sessionId",
    "chatId",
    "requestId",
)
"""The usual names of an id, the first of which counts."""


def id_text(value: object) -> str | None:
    """An id as text; None for what is no id."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def first_id(record: Record, *names: str) -> str | None:
    """The first of the fields `names` (or of the usual ones) that holds an id."""
    for name in names or IDS:
        text = id_text(record.get(name))
        if text is not None:
            return text
    return None


class Taken(set[str]):
    """Ids that are taken. It remembers from which suffix on each may be free."""

    def __init__(self) -> None:
        super().__init__()
        self._next_number: dict[str, int] = {}

    def unused(self, id_: str) -> str:
        """`id_`, with the first suffix -2, -3, ... that makes it new; it is then taken."""
        if id_ not in self:
            self.add(id_)
            return id_
        own = id_
        number = self._next_number.get(id_, 2)
        while own in self:
            own = f"{id_}-{number}"
            number += 1
        self._next_number[id_] = number
        self.add(own)
        return own
