"""Preference pairs: the answer that was preferred is read, the other one stays in meta."""

import re
from typing import Any

from toolkit.traces.fields import fields_of, without
from toolkit.traces.formats.form import Format
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

PAIRS = {
    "chosen": "rejected",
    "chosen_messages": "rejected_messages",
    "preferred_output": "non_preferred_output",
}
"""The field of the answer that was preferred, and that of the other one."""
ASKED = ("input", "prompt", "question", "conversations", "messages")
IDS = ("id", "prompt_id", "question_id")
SPEAKERS = {"Human": "user", "Assistant": "assistant"}
TURN = re.compile(r"\n\n(Human|Assistant): ?")
"""How a turn begins where a whole conversation is one text, as in HH-RLHF."""
ARENA = {"model_a": "conversation_a", "model_b": "conversation_b"}
"""Two models that answered one person, and where each conversation stands."""


def _chosen(record: Record) -> str | None:
    """The field of the answer that was preferred; where it is a tie, that of the first model."""
    if all(name in record for name in ("winner", *ARENA.values())):
        winner = str(record["winner"])
        return ARENA.get(winner, "conversation_a")
    for chosen, rejected in PAIRS.items():
        if chosen in record and rejected in record:
            return chosen
    return None


def _knows(record: Record) -> bool:
    return _chosen(record) is not None


def _read(record: Record, id_: str) -> Trace:
    chosen = str(_chosen(record))
    answer = _messages(record[chosen], "assistant")
    used = [*IDS, chosen]
    about: dict[str, Any] = {}
    transcript = Transcript()
    asked = _asked(record)
    if asked and _begins_with_answer(answer):
        transcript.read_all(_messages(record[asked], "user"))
        about = without(fields_of(record[asked]), "messages")
        used.append(asked)
    transcript.read_all(answer)
    winner = str(record.get("winner"))
    model = record.get(winner)
    if isinstance(model, str):
        about["model"] = model
    return transcript.trace(id_, {**about, **record}, *used)


def _asked(record: Record) -> str | None:
    """The field of what was asked, where it stands apart."""
    for name in ASKED:
        if record.get(name):
            return name
    return None


def _messages(value: Any, role: str) -> list[Any]:
    """The messages of a side of a pair: a list, an object with one, or text."""
    if isinstance(value, dict):
        messages = value.get("messages")
        return list(messages) if isinstance(messages, list) else [value]
    if isinstance(value, list):
        return value
    text = str(value or "")
    before, *turns = TURN.split(text)
    if before or not turns:
        return [{"role": role, "content": text}]
    speakers = turns[::2]
    paragraphs = turns[1::2]
    return [
        {"role": SPEAKERS[speaker], "content": words}
        for speaker, words in zip(speakers, paragraphs, strict=True)
    ]


def _begins_with_answer(messages: list[Any]) -> bool:
    """Whether what was asked stands elsewhere."""
    first = fields_of(messages[0]) if messages else {}
    speaker = first.get("role", first.get("from"))
    return speaker not in ("user", "system", "human")


def _id(record: Record) -> str | None:
    return first_id(record, *IDS)


FORMAT = Format("preference", (*PAIRS, "winner"), _read, _knows, _id)
