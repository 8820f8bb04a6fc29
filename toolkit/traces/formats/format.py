"""Format: what a reader of one format has to offer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from toolkit.traces.trace import Trace

Record = Mapping[str, Any]
TIME_FIELDS = ("time", "timestamp", "created_at", "created", "ts")
FIRST_MS = 1e11
"""Epoch numbers from here on are milliseconds: as seconds they would lie after the year 5000."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write traces down."""

    name: str
    looks_like: str
    """What its records look like, for messages."""
    knows: Callable[[Record], bool]
    """Whether a record is of this format."""
    record_id: Callable[[Record], str | None]
    """The id of a record, however broken the rest of it is."""
    read: Callable[[Record, str], tuple[Trace, set[str]]]
    """The trace with the id given, and the names of unknown fields. Raises RecordError."""


def first_id(record: Record, *names: str) -> str | None:
    """The first of the fields `names` that holds an id."""
    found = (record.get(name) for name in names)
    return next((str(v) for v in found if isinstance(v, str | int) and not isinstance(v, bool) and v != ""), None)


def epoch_s(value: object) -> float | None:
    """Seconds since 1970 UTC, from ISO text (UTC where it names no zone) or an epoch in s or ms; else None.

    >>> epoch_s("2026-01-02T00:00:00Z") == epoch_s(1767312000) == epoch_s(1767312000000)
    True
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return epoch_s(float(value)) if value.replace(".", "", 1).isdecimal() else None
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < FIRST_MS * 1000:
        return float(value) if abs(value) < FIRST_MS else value / 1000
    return None
