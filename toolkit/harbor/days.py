"""Days: how people write a day, or how far to move one, and how the front desk does."""

import re
from datetime import date, timedelta

from toolkit.harbor.world import NOW

MONTHS = "january february march april may june july august september october november december"
NAMED_MONTHS = {name[:3]: number for number, name in enumerate(MONTHS.split(), 1)}
MONTH = rf"({'|'.join(NAMED_MONTHS)})[a-z]*"
DAY = re.compile(
    rf"\b(\d{{4}})-(\d\d)-(\d\d)\b|\b(\d{{1,2}})(?:st|[nr]d|th)?(?: of)? {MONTH}"
    rf"|\b{MONTH} (\d{{1,2}})\b",
    re.IGNORECASE,
)
"""A day as people write it: 2026-07-11, 11 July, the 11th of July, July 11."""
COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4}
SHIFT = re.compile(
    r"\b(by )?(an?|one|two|three|four|\d{1,2}) days?(?: (earlier|before|sooner|later))?\b",
    re.IGNORECASE,
)
"""A number of days: how far to move a booking where "by" or a direction stands beside it."""
BACK = ("earlier", "before", "sooner")


def day_in(text: str) -> date | None:
    """The first day that a text names; one without a year is of the shop's."""
    match = DAY.search(text)
    if match is None:
        return None
    year, month, day, day_before, month_after, month_before, day_after = match.groups()
    name = month_after or month_before
    number = int(month) if month else NAMED_MONTHS[name.lower()]
    try:
        return date(int(year or NOW.year), number, int(day or day_before or day_after))
    except ValueError:
        return None


def shift_in(text: str) -> int:
    """How many days later a text wants to begin, fewer than 0 for earlier; 0 where it does not say.

    >>> shift_in("Please move it by two days earlier.")
    -2
    >>> shift_in("Please move it, I am away for two days.")
    0
    """
    for by, count, direction in SHIFT.findall(text.lower()):
        n_days = COUNTS.get(count) or int(count)
        if direction in BACK:
            return -n_days
        if by or direction:
            return n_days
    return 0


def days_in_words(first_day: str, last_day: str) -> str:
    """The days of a booking, from their ISO dates.

    >>> days_in_words("2026-07-01", "2026-07-02")
    '1 July and 2 July'
    """
    first = date.fromisoformat(first_day)
    last = date.fromisoformat(last_day)
    if first == last:
        return f"{first.day} {first:%B}"
    if last - first == timedelta(days=1):
        return f"{first.day} {first:%B} and {last.day} {last:%B}"
    return f"{first.day} {first:%B} to {last.day} {last:%B}"
