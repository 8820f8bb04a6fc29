"""Scorers made to order, under the short name: ``from toolkit.evals.checks import contains``."""

from toolkit.evals.scorers.checks import (
    called,
    contains,
    language,
    latency_s,
    length,
    matches,
    measure,
    no_personal_data,
    valid_json,
)

__all__ = [
    "called",
    "contains",
    "language",
    "latency_s",
    "length",
    "matches",
    "measure",
    "no_personal_data",
    "valid_json",
]
