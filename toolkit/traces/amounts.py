"""Amounts as a person writes them: counts, tokens, dollars, seconds and moments."""

from datetime import UTC, datetime
from decimal import Decimal

FEW_S = 9.95
"""A duration of fewer seconds has a tenth of one."""
MINUTE_S = 60
HOUR_S = 3600


def quantity(n: int, noun: str) -> str:
    """The number and its noun, in the singular for one.

    >>> quantity(1, "code"), quantity(2000, "code")
    ('1 code', '2,000 codes')
    """
    if n == 1:
        return f"1 {noun}"
    return f"{n:,} {noun}s"


def thousands(n: int) -> str:
    """A count, in thousands or millions where it is large.

    >>> thousands(9400), thousands(41_234), thousands(2_340_000)
    ('9,400', '41 k', '2.3 M')
    """
    if n >= 1_000_000:
        return f"{n / 1_000_000:.1f} M"
    if n >= 10_000:
        return f"{n / 1000:.0f} k"
    return f"{n:,}"


def dollars(cost_usd: float) -> str:
    """An amount of money, with two digits that say something.

    >>> dollars(1.5), dollars(0.0042), dollars(0.000019), dollars(0)
    ('$1.50', '$0.0042', '$0.000019', '$0.00')
    """
    if 0 < abs(cost_usd) < 0.01:
        rounded = Decimal(f"{cost_usd:.2g}")
        return f"${rounded:f}"
    return f"${cost_usd:,.2f}"


def seconds(duration_s: float) -> str:
    """A duration.

    >>> seconds(0.42), seconds(59.3), seconds(134), seconds(7500)
    ('0.4 s', '59 s', '2 min 14 s', '2 h 5 min')
    """
    if duration_s < FEW_S:
        return f"{duration_s:.1f} s"
    if round(duration_s) < MINUTE_S:
        return f"{duration_s:.0f} s"
    if duration_s < HOUR_S:
        minutes, rest = divmod(round(duration_s), MINUTE_S)
        return f"{minutes} min {rest} s"
    hours, rest = divmod(round(duration_s / MINUTE_S), MINUTE_S)
    return f"{hours:,} h {rest} min"


def since(elapsed_s: float) -> str:
    """A time since the start of a trace.

    >>> since(134), since(7505)
    ('+2:14', '+2:05:05')
    """
    minutes, rest = divmod(int(elapsed_s), MINUTE_S)
    hours, minutes = divmod(minutes, MINUTE_S)
    if hours:
        return f"+{hours}:{minutes:02}:{rest:02}"
    return f"+{minutes}:{rest:02}"


def moment(time: float) -> str:
    """A time since 1970 UTC as ISO text; as the number it is where no calendar has it.

    >>> moment(0)
    '1970-01-01T00:00:00+00:00'
    """
    try:
        return datetime.fromtimestamp(time, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return str(time)
