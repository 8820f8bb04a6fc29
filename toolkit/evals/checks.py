"""Scorers made to order, under the short name: ``from toolkit.evals.checks import contains``."""

from toolkit.evals.scorers.checks import (
    called,
    contains,
    latency_s,
    length,
    matches,
    measure,
    valid_json,
)

__all__ = [
    "called",
    "contains",
    "latency_s",
    "length",
    "matches",
    "measure",
    "valid_json",
]
