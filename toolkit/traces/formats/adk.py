"""Google's Agent Development Kit: a session, whose events are contents of Gemini's with an author.

The fields of an event are spelt with capitals (``invocationId``) or with underscores.
"""

from collections.abc import Mapping
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import elements_of, fields_of, objects_in, others, without
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.gemini import open_answer
from toolkit.traces.ids import Record, id_text
from toolkit.traces.messages import Transcript
from toolkit.traces.spelling import spellings, stated
from toolkit.traces.trace import Trace

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
    events = elements_of(record["events"])
    return bool(events) and all(map(_is_event, events))


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    for event in objects_in(record, "events"):
        if not event.get("partial"):  # a piece of a stream, whose whole is an event too
            _read_event(event, transcript)
    if not transcript.steps:
        raise RecordError("no event of the session says anything", field="events")
    meta = dict(record)
    if "id" in record:
        meta["session"] = record["id"]
    models = [step.data["model"] for step in transcript.steps if "model" in step.data]
    if models:
        meta["model"] = models[-1]
    return transcript.trace(id_, meta, "id", "events")


def _read_event(event: Record, transcript: Transcript) -> None:
    """Append what an event says and calls, or what else it did or failed in."""
    content = fields_of(event.get("content"))
    parts = [_part(part) for part in objects_in(content, "parts")]
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


def _part(part: Record) -> dict[str, Any]:
    """A part without the fields that hold nothing: it has one for each kind of part."""
    return open_answer({name: value for name, value in part.items() if value is not None})


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
