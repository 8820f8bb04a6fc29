"""Totals: what a record states for its whole trace, under the names that all traces share."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from toolkit.traces.spelling import Names, snake, stated, states
from toolkit.traces.usage import COSTS, number_of, total_of, usage_of

MODELS = Names(("model", "model_name", "model_id"))
MILLISECONDS = Names("duration_ms latency_ms elapsed_ms total_time_ms response_time_ms".split())
SECONDS = Names(("duration_s", "duration_seconds", "latency_s", "elapsed_s", "elapsed_seconds"))
USAGES = Names(("usage", "usage_metadata", "token_usage"))
COUNTS = ("tokens", "token_count")
"""How the names of counts end that may stand in a record itself."""


def totals_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The model, the tokens, the cost and the duration that a record states for its trace.

    >>> totals_of({"model_name": "m", "duration_ms": 1500, "usage": {"prompt_tokens": 9}})
    {'model': 'm', 'input_tokens': 9, 'duration_s': 1.5}
    """
    totals: dict[str, Any] = {}
    if not _may_state(tuple(record)):
        return totals
    model = MODELS.stated(record)
    if isinstance(model, str):
        totals["model"] = model
    totals.update(_usage(record))
    cost = number_of(stated(record, *COSTS))
    if cost is not None:
        totals["cost_usd"] = cost
    seconds = number_of(SECONDS.stated(record))
    milliseconds = number_of(MILLISECONDS.stated(record))
    if seconds is None and milliseconds is not None:
        seconds = milliseconds / 1000
    if seconds is not None:
        totals["duration_s"] = seconds
    return totals


@lru_cache(maxsize=1000)
def _may_state(names: tuple[str, ...]) -> bool:
    """Whether one of the names of a record's fields may state a total."""
    is_known = states(names, *MODELS, *COSTS, *SECONDS, *MILLISECONDS, *USAGES)
    return is_known or any(_is_count(name) for name in names)


def _is_count(name: object) -> bool:
    return "token" in str(name).lower() and snake(name).endswith(COUNTS)


def total_tokens(record: Mapping[str, Any]) -> int | None:
    """The sum of all tokens, where a record states it for its trace."""
    nested = USAGES.stated(record)
    total = total_of({"total_tokens": stated(record, "total_tokens")})
    if total is None and isinstance(nested, dict):
        total = total_of(nested)
    return total


def _usage(record: Mapping[str, Any]) -> dict[str, Any]:
    """The usage of a record: the counts among its fields, and those under ``usage``."""
    counts = {}
    for name, value in record.items():
        if _is_count(name):
            counts[name] = value
    usage = usage_of(counts)
    nested = USAGES.stated(record)
    if isinstance(nested, dict):
        usage = {**usage_of(nested), **usage}
    return usage
