"""Plain: a value of an event as what it should be, or as nothing where it is something else."""

import math
from typing import Any


def text_of(value: Any) -> str:
    """A text; empty for anything else."""
    return value if isinstance(value, str) else ""


def number_of(value: Any) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def count_of(value: Any) -> int:
    """A whole number from 0 to a billion; 0 for anything else."""
    number = number_of(value)
    if number is None or not number.is_integer() or not 0 <= number <= 1e9:
        return 0
    return int(number)


def object_of(value: Any) -> dict[str, Any]:
    """A JSON object; empty for anything else."""
    return value if isinstance(value, dict) else {}


def array_of(value: Any) -> list[Any]:
    """A JSON array; empty for anything else."""
    return list(value) if isinstance(value, list | tuple) else []
