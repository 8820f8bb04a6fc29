"""WildChat and LMSYS-Chat: conversations of people with models, a row each."""

from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

IDS = ("conversation_hash", "conversation_id", "question_id", "id")


def _has_messages(record: Record) -> bool:
    turns = record["conversation"]
    return isinstance(turns, list) and any(
        isinstance(turn, dict) and "role" in turn for turn in turns
    )


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    transcript.read_all(record["conversation"])
    return transcript.trace(id_, record, "conversation")


def _id(record: Record) -> str | None:
    return first_id(record, *IDS)


FORMAT = Format("wildchat", ("conversation",), _read, _has_messages, _id)
