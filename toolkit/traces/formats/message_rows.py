"""Rows of a messages table: a message a row, with the id of the conversation that it belongs to."""

from typing import Any

from toolkit.traces.dialects import ACTORS
from toolkit.traces.fields import without
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.spelling import spellings, stated
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace

CONVERSATIONS = tuple(
    spelling
    for name in ("conversation_id", "thread_id", "chat_id", "dialog_id", "session_id", "trace_id")
    for spelling in spellings(name)
)
"""The columns that may say which conversation a message belongs to, in the order of trust."""
ROLES = ("role", "sender", "author", "speaker", "from")
WORDS = ("content", "text", "message", "body", "utterance", "parts")
TIMES = ("created_at", "timestamp", "time", "sent_at", "date", "created")
POSITIONS = ("position", "message_index", "turn_index", "turn", "sequence", "order", "index")


def _is_message_row(record: Record) -> bool:
    """Whether it says who speaks, what is said, and in which conversation."""
    role = stated(record, *ROLES)
    if not isinstance(role, str) or role.lower() not in ACTORS:
        return False
    return any(name in record for name in WORDS) and _conversation(record) is not None


def _conversation(record: Record) -> str | None:
    if "records" in record:
        record = record["records"][0]
    return first_id(record, *CONVERSATIONS)


def _read(record: Record, id_: str) -> Trace:
    rows = _in_order(record["records"])
    shared = _same_in_all(rows)
    transcript = Transcript()
    for row in rows:
        transcript.read(without(row, *shared))
    return transcript.trace(id_, shared, *CONVERSATIONS)


def _in_order(rows: list[Record]) -> list[Record]:
    """The rows by their position, or else by their time, where each of them has one."""
    for names in (POSITIONS, TIMES):
        keys = [_key(row, names) for row in rows]
        if all(key is not None for key in keys):
            order = sorted(range(len(rows)), key=lambda number: keys[number] or 0.0)
            return [rows[number] for number in order]
    return rows


def _key(row: Record, names: tuple[str, ...]) -> float | None:
    """A position or a time as a number."""
    value = stated(row, *names)
    if names is TIMES:
        return epoch_s(value)
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def _same_in_all(rows: list[Record]) -> dict[str, Any]:
    """The fields that say the same in each row: they are about the conversation."""
    if len(rows) == 1:
        return {name: rows[0][name] for name in CONVERSATIONS if name in rows[0]}
    shared: dict[str, Any] = {}
    for name, value in rows[0].items():
        if name in ROLES or name in WORDS:
            continue
        if all(name in row and row[name] == value for row in rows):
            shared[name] = value
    return shared


FORMAT = Format(
    "message-rows",
    CONVERSATIONS,
    _read,
    _is_message_row,
    record_id=_conversation,
    group=_conversation,
)
