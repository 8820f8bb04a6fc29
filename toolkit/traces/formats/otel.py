"""OpenTelemetry's spans as one conversation, whichever file they stand in."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from toolkit.traces.formats.attributes import Attributes
from toolkit.traces.formats.genai import read_genai
from toolkit.traces.formats.genai_events import scores_of
from toolkit.traces.formats.openinference import read_openinference
from toolkit.traces.ids import first_id
from toolkit.traces.spans import Span, trace_of
from toolkit.traces.trace import Trace

SESSIONS = ("gen_ai.conversation.id", "session.id", "langfuse.session.id")
"""The attributes that name the conversation that a trace is of."""
FAILED = (2, "2", "STATUS_CODE_ERROR", "ERROR", "StatusCode.ERROR")
WENT_WELL = (1, "1", "STATUS_CODE_OK", "OK", "StatusCode.OK")


class Stated(NamedTuple):
    """A span by its place in the tree, and what stands in it."""

    span: Span
    attributes: Mapping[str, Any]
    events: Iterable[Any]


def trace_of_stated(stated: Iterable[Stated], id_: str, meta: Mapping[str, Any]) -> Trace:
    """The conversation of spans, with the session that they name and the scores in them."""
    spans: list[Span] = []
    about = dict(meta)
    scores = list(about.pop("scores", ()))
    for span, attributes, events in stated:
        spans.append(span)
        scores += fill(span, attributes, events)
        session = first_id(attributes, *SESSIONS)
        if session is not None:
            about.setdefault("session", session)
    if scores:
        about["scores"] = scores
    return trace_of(spans, id_, about)


def fill(span: Span, attributes: Mapping[str, Any], events: Iterable[Any]) -> list[dict[str, Any]]:
    """Fill `span` with what its attributes and events say; the scores among them."""
    taken = Attributes(attributes)
    left = [dict(event) for event in events if isinstance(event, dict)]
    for event in left:
        if not isinstance(event.get("attributes"), dict):
            event["attributes"] = {}
    scores = scores_of(left)
    read_openinference(span, taken)
    read_genai(span, taken, left)
    if span.error and not span.why:
        error_type = str(taken.rest.get("error.type", ""))
        span.why = _exception(left) or error_type
    if taken.rest:
        span.other_fields["attributes"] = taken.rest
    if left:
        span.other_fields["events"] = left
    return scores


def _exception(events: Iterable[Mapping[str, Any]]) -> str:
    """What the first exception among events says; empty where there is none."""
    for event in events:
        message = event["attributes"].get("exception.message")
        if isinstance(message, str):
            return message
    return ""


def error_of(status: Any) -> bool | None:
    """Whether a span failed; None where its status is unset."""
    if status in FAILED:
        return True
    if status in WENT_WELL:
        return False
    return None
