"""Times: the moment that a field states, in whatever unit and spelling."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

EARLIEST_S = datetime(1990, 1, 1, tzinfo=UTC).timestamp()
LATEST_S = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
"""A number that is no moment between these two, in any unit, is a duration or a count."""
UNITS = (1, 1_000, 1_000_000, 1_000_000_000)
"""How many make a second: seconds, milliseconds, microseconds and nanoseconds."""
ISO = re.compile(r"\d{4}-?\d\d-?\d\d[T ]\d\d")
"""How a time in ISO begins. A day alone is no moment."""
ZONE = re.compile(r"\s*(?:Z|UTC|GMT)$|\s+(?=[+-]\d\d:?\d\d$)", re.IGNORECASE)
"""A name of Greenwich's time, or the gap before an offset."""
MOST_CHARS = 100
"""A longer text is no time."""
RFC_2822 = re.compile(r"(?:\w{3}, *)?\d{1,2} [A-Za-z]{3} \d{4} \d\d:\d\d")


def epoch_s(moment: object) -> float | None:
    """Seconds since 1970 UTC of a time.

    >>> epoch_s(1767603600123), epoch_s("2026-01-05 09:00:00 UTC"), epoch_s(12.5)
    (1767603600.123, 1767603600.0, None)

    Parameters
    ----------
    moment
        A number of seconds, milliseconds, microseconds or nanoseconds since 1970, or the text of
        one; text in ISO 8601 (UTC where it names no zone) or in RFC 2822, as in an e-mail.

    Returns
    -------
    float or None
        None where it is no moment, as seconds since the start, or may be several, as 01/05/2026.
    """
    if isinstance(moment, datetime):
        return _seconds(moment)
    if isinstance(moment, str) and ISO.match(moment):
        return _from_text(moment.strip())  # as most are; no number begins so
    if isinstance(moment, bool) or not isinstance(moment, int | float | str):
        return None
    try:
        number = float(moment)
    except (ValueError, OverflowError):
        return _from_text(moment.strip()) if isinstance(moment, str) else None
    for unit in UNITS:
        if EARLIEST_S <= number / unit < LATEST_S:
            return number / unit
    return None


def _from_text(text: str) -> float | None:
    if len(text) > MOST_CHARS:
        return None
    try:
        if ISO.match(text):
            return _seconds(_from_iso(text))
        if RFC_2822.match(text):
            return _seconds(parsedate_to_datetime(text))
    except (ValueError, OverflowError):
        pass
    return None


def _from_iso(text: str) -> datetime:
    """The time of a text, also where its zone is written as Python does not read it."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(ZONE.sub("", text))


def _seconds(time: datetime) -> float | None:
    """The moment, but for the year 1 and others that stand where a time was never set."""
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    seconds = time.timestamp()
    return seconds if EARLIEST_S <= seconds < LATEST_S else None
