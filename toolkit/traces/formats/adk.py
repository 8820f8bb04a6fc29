"""Google's Agent Development Kit: a session, whose events are contents of Gemini's with an author.

The fields of an event are spelt with capitals (``invocationId``) or with underscores.
"""

from collections.abc import Mapping
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import elements_of, fields_of, object_in, objects_in, others, without
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.gemini import joined_parts, open_answer
from toolkit.traces.ids import Record, id_text
from toolkit.traces.messages import Transcript
from toolkit.traces.spelling import spellings, stated
from toolkit.traces.trace import Trace

Speakers = dict[str, list[Record]]
"""The pieces that have come of what each agent is saying."""
PERSON = "user"
PLACED = (
    "content",
    "author",
    "branch",
    "partial",
    *spellings("usage_metadata"),
    *spellings("model_version"),
)
"""The fields of an event that a message has under other names."""


def _is_event(event: object) -> bool:
    if not isinstance(event, Mapping) or not isinstance(event.get("author"), str):
        return False
    return stated(event, "invocation_id") is not None


def _is_session(record: Record) -> bool:
    return any(map(_is_event, elements_of(record["events"])))


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    pieces: list[Record] = []
    unfinished: dict[str, Speakers] = {}
    for event in objects_in(record, "events"):
        turn = str(stated(event, "invocation_id"))
        speaker = f"{event.get('author')} {event.get('branch')}"
        if event.get("partial"):  # a piece of a stream, whose whole is an event too
            pieces.append(event)
            unfinished.setdefault(turn, {}).setdefault(speaker, []).append(event)
            continue
        going_on = unfinished.pop(turn, {})
        going_on.pop(speaker, None)
        _read_unfinished(unfinished, transcript)
        unfinished = {turn: going_on}
        _read_event(event, transcript)
    _read_unfinished(unfinished, transcript)
    if not transcript.steps:
        raise RecordError("no event of the session says anything", field="events")
    meta = dict(record)
    if pieces:
        meta["pieces"] = pieces
    if "id" in record:
        meta["session"] = record["id"]
    models = [step.data["model"] for step in transcript.steps if "model" in step.data]
    if models:
        meta["model"] = models[-1]
    return transcript.trace(id_, meta, "id", "events")


def _read_unfinished(turns: Mapping[str, Speakers], transcript: Transcript) -> None:
    """Append what had come of streams that were cut off."""
    for speakers in turns.values():
        for pieces in speakers.values():
            parts = [part for piece in pieces for part in _parts(piece)]
            content = {"parts": joined_parts(parts)}
            _read_event({**pieces[-1], "content": content}, transcript)


def _read_event(event: Record, transcript: Transcript) -> None:
    """Append what an event says and calls, or what else it did or failed in."""
    content = object_in(event, "content")
    parts = _parts(event)
    actions = others(fields_of(event.get("actions")), ())
    error = stated(event, "error_message", "error_code")
    kind = "message"
    if error:
        kind = "error"
        parts.append({"text": str(error)})
    elif not parts and actions:
        kind = "actions"
    elif not parts:
        return
    author = id_text(event.get("author")) or id_text(content.get("role")) or PERSON
    message = {
        **without(content, "parts"),
        **others(event, PLACED),
        "actions": actions or None,
        "role": "user" if author == PERSON else "model",
        "agent_name": None if author == PERSON else author,
        "parts": parts,
        "usage": stated(event, "usage_metadata"),
        "model": stated(event, "model_version"),
    }
    transcript.read(message, branch=id_text(event.get("branch")), kind=kind)


def _parts(event: Record) -> list[dict[str, Any]]:
    """The parts of an event without their fields that hold nothing: there is one for each kind."""
    parts: list[dict[str, Any]] = []
    for part in objects_in(object_in(event, "content"), "parts"):
        stated_fields = {name: value for name, value in part.items() if value is not None}
        parts.append(open_answer(stated_fields))
    return parts


def _read_events(record: Record, id_: str) -> Trace:
    return _read({"events": record["records"]}, id_)


def _together(_event: Record) -> None:
    """No id: the events of a file are one session."""


FORMAT = Format(
    "google-adk", ("events",), _read, _is_session, converted=frozenset({"events.author"})
)
EVENTS = Format(
    "google-adk-events",
    ("author",),
    _read_events,
    _is_event,
    group=_together,
    converted=frozenset({"author"}),
)
