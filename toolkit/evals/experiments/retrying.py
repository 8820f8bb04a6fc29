"""Retrying: which errors of a task mean "later", and how long it is to wait."""

import math
from collections.abc import Mapping
from typing import Any

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LONGEST_RETRY_AFTER_S = 600.0


def pause_before_retry_s(error: BaseException, attempt: int) -> float | None:
    """Seconds to wait before a task that raised `error` is called again; None where it is not.

    An error of HTTP status 429 or 5xx, as each client library raises them, waits for as long as
    its ``retry-after`` says; where it says nothing, a second and twice as long each time.

    Parameters
    ----------
    error : BaseException
        With a ``status_code`` or ``status``, or a ``response`` that has one, and its ``headers``.
    attempt : int
        From 1.
    """
    response = getattr(error, "response", None)
    status = _status(error) or _status(response)
    if status is None or (status != 429 and not 500 <= status < 600):
        return None
    headers = getattr(response, "headers", None) or getattr(error, "headers", None)
    stated_s = _retry_after_s(headers)
    if stated_s is not None:
        return min(stated_s, LONGEST_RETRY_AFTER_S)
    return float(min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S))


def _status(value: Any) -> int | None:
    for name in ("status_code", "status", "code"):
        status = getattr(value, name, None)
        if isinstance(status, int) and not isinstance(status, bool):
            return status
    return None


def _retry_after_s(headers: Any) -> float | None:
    if not isinstance(headers, Mapping) and not hasattr(headers, "get"):
        return None
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0), ("Retry-After", 1.0)):
        try:
            seconds = float(headers.get(name)) * unit_s
        except (TypeError, ValueError):  # it is not there, or a date
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None
