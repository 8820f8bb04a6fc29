"""Event: one entry of a session's log, and the kinds that the rooms agree on.

>>> event = new_event("demo", "text.delta", "agent", {"text": "Hel"}, run="r1")
>>> decode_event(encode(event)) == event
True
"""

import math
import time as clock
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Literal

from pydantic_core import to_jsonable_python

from toolkit.records import RecordError, decode, encode
from toolkit.shown import Shown

__all__ = ["CONTROL_KINDS", "KINDS", "Event", "Outcome", "RecordError"]
__all__ += ["decode_event", "encode", "fresh_id", "new_event", "storable", "well_formed"]

MAX_DEPTH = 100
"""Lists and dicts in each other: a reader of JSON takes no more than about 190."""
MAX_INTEGER = 10**4000
"""Python reads no longer integer from text."""

Outcome = Literal["complete", "cancelled", "error", "orphaned"]
"""How a run ended."""

CONTROL_KINDS = frozenset({"cancel", "steer", "interrupt", "approve"})
"""Signals from a surface to an agent. They travel on the log, on a subject of their own."""

KINDS = CONTROL_KINDS | {
    "message",  # somebody said something whole: data.text
    "run.started",  # data.source: live | tape | simulated
    "run.adopted",  # another agent goes on with it: the writer before is fenced out
    "run.suspended",
    "run.resumed",
    "run.finished",  # data.outcome: an Outcome
    "text.delta",  # a run's words so far grow by data.text
    "text.snapshot",  # data.text: all of the run's words so far, which replace what was read
    "text.done",  # data.chars and data.sha256 of the run's whole text
    "tool.call",  # data.call_id, data.name, data.arguments
    "tool.result",  # data.call_id, data.content, data.error
    "model.usage",  # data.usage, data.cost_usd, data.model: what a reply cost
    "run.rolled_back",  # what the run put out no longer counts
    "step.started",  # data.step, data.attempt: it replaces what an earlier attempt put out
    "steer.consumed",  # data.event: the steer, or interrupt, with whose words a model was asked
    "interrupt.consumed",  # data.event: the interrupt without words that broke a call off
    "signal.unused",  # data.event, data.why: the signal that no agent will use
    "approval.asked",  # data.question, data.timeout_s
    "approval.settled",  # data.request, data.answer: a bool, or None where nobody did (data.why)
    "error",  # data.why: what went wrong in an agent, or in who attends the session
    "message.rejected",  # data.event, data.why: a message that the agent will not answer
    "lease.renewed",  # data.ttl_s: the run's agent is alive
    "joined",  # a surface is here
    "left",
}
"""Kinds with a meaning in the library. `Event.kind` is open: others are kept and passed on."""


@dataclass(frozen=True, slots=True)
class Event(Shown):
    """One entry of a session's log."""

    session: str
    """The session that it belongs to."""
    kind: str
    """What happened: one of `KINDS`, or any other word."""
    actor: str
    """Who did it: a person, an agent, a surface."""
    data: dict[str, Any]
    """What the kind needs, as JSON."""
    id: str
    """Unique; a second event with the same id is the same event, and is stored once."""
    run: str | None = None
    """The run that it is part of or about."""
    time: float | None = None
    """Seconds since 1970 UTC, by the writer's clock. Order comes from `seq`, never from here."""
    seq: int | None = None
    """Its place in the log, given by the log: the cursor for `read(after=seq)`."""


def fresh_id() -> str:
    """An id that nobody chose: 32 random hex digits."""
    return token_hex(16)


def new_event(
    session: str, kind: str, actor: str, data: dict[str, Any], run: str | None = None
) -> Event:
    """Make an event that happens now, with a fresh id and no place in a log yet."""
    return Event(session, kind, actor, data, fresh_id(), run, clock.time())


def decode_event(text: str | bytes, file: str | None = None, line: int | None = None) -> Event:
    """Read one event from JSON. Raises `RecordError` that names file, line and field.

    ``NaN`` and ``Infinity``, which some programs write though JSON has neither, are read as None.
    """
    event = decode(Event, text, file, line)
    raw = text.encode() if isinstance(text, str) else text
    if b"NaN" in raw or b"Infinity" in raw:
        return storable(event)
    return event


def storable(event: Event) -> Event:
    """`event` as each log stores it: text is Unicode, data is JSON, and reading it back gives the
    same event.

    Lone surrogates become U+FFFD; NaN and the infinities None; dates, paths, ids and bytes text;
    sets and arrays lists; keys text.

    Raises
    ------
    ValueError
        Where a part cannot be JSON at all: an object of some other class, a loop, a number of 4,000
        digits.

    Examples
    --------
    >>> data = {"score": float("nan"), "words": ("a", "b")}
    >>> storable(Event("s", "note", "user", data, "e1")).data
    {'score': None, 'words': ['a', 'b']}
    """
    if not isinstance(event.data, dict | Mapping):
        raise ValueError(f"an event's data is a dict, not {type(event.data).__name__}")
    return Event(
        _word(event.session, "session"),
        _word(event.kind, "kind"),
        _word(event.actor, "actor"),
        _object(event.data, 1),
        _word(event.id, "id"),
        None if event.run is None else _word(event.run, "run"),
        _time(event.time),
        event.seq,
    )


def _word(value: object, field: str) -> str:
    if type(value) is str and value.isascii():
        return value
    if not isinstance(value, str):
        raise ValueError(f"an event's {field} is text, not {type(value).__name__}")
    return well_formed(value)


def _time(value: Any) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"an event's time is in seconds since 1970, not {value!r}") from None
    return seconds if math.isfinite(seconds) else None


def well_formed(text: str) -> str:
    """`text` without lone surrogates; two that belong together become their character."""
    if text.isascii():
        return str.__str__(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return str.__str__(text)


def _json(value: Any, depth: int) -> Any:
    """`value` as JSON has it."""
    kind = type(value)
    if kind is str and value.isascii():  # most of what is stored
        return value
    if depth > MAX_DEPTH:
        raise ValueError(f"an event's data is nested more than {MAX_DEPTH} deep, or holds itself")
    if kind is dict:
        return _object(value, depth)
    if isinstance(value, str):
        return well_formed(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _integer(int(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict | Mapping):
        return _object(value, depth)
    if isinstance(value, list | tuple):
        return [_json(item, depth + 1) for item in value]
    return _json_of_object(value, depth)


def _object(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for key, item in value.items():
        pairs[key if type(key) is str and key.isascii() else _key(key)] = _json(item, depth + 1)
    return pairs


def _key(key: Any) -> str:
    if isinstance(key, str):
        return well_formed(key)
    as_json = _json(key, 1)
    return as_json if isinstance(as_json, str) else str(as_json)


def _integer(value: int) -> int:
    if abs(value) >= MAX_INTEGER:
        raise ValueError("an event's data holds an integer of more than 4,000 digits")
    return value


def _json_of_object(value: Any, depth: int) -> Any:
    """An object that JSON does not know, as text, a list or a dict."""
    if isinstance(value, bytes | bytearray | memoryview):
        return _text_of_bytes(bytes(value))
    if isinstance(value, set | frozenset):
        return [_json(item, depth + 1) for item in sorted(value, key=repr)]
    if type(value).__name__ in {"NaTType", "NAType"}:  # how pandas says that there is no value
        return None
    if isinstance(value, Iterator):  # a second try to store the event would find it used up
        raise ValueError(
            f"an event's data cannot serialize a {type(value).__qualname__}: make a list of it"
        )
    return _json(_plain(value), depth + 1)


def _plain(value: Any) -> Any:
    """The lists, dicts and texts that an object stands for, by numpy or by pydantic."""
    try:
        return value.tolist() if hasattr(value, "tolist") else to_jsonable_python(value)
    except Exception as error:  # the object's own code runs here, and may raise anything
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise ValueError(f"an event's data cannot serialize a {kind}: {error}") from None


def _text_of_bytes(value: bytes) -> str:
    """Bytes as the text that they are in UTF-8, else as a data URL."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"data:application/octet-stream;base64,{b64encode(value).decode()}"
