"""Plain: a field of an event as what it should be, or as nothing where it is something else.

Whoever writes to a session may write anything, so each field is read by the kind that is expected.
"""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

Fields: TypeAlias = Mapping[str, Any]


def text_in(fields: Fields, name: str) -> str:
    """A text; empty for anything else."""
    return _text(fields.get(name))


def number_in(fields: Fields, name: str) -> float | None:
    """A finite number; None for anything else."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def count_in(fields: Fields, name: str) -> int:
    """A whole number from 0 to a billion; 0 for anything else."""
    number = number_in(fields, name)
    if number is None or not number.is_integer() or not 0 <= number <= 1e9:
        return 0
    return int(number)


def object_in(fields: Fields, name: str) -> Fields:
    """A JSON object; empty for anything else."""
    return _object(fields.get(name))


def objects_in(fields: Fields, name: str, most: int) -> list[Fields]:
    """The first objects of a JSON array; an empty one for whatever else stands in it."""
    return [_object(value) for value in _array(fields.get(name))[:most]]


def texts_in(fields: Fields, name: str) -> list[str]:
    """The texts of a JSON array; an empty one for whatever else stands in it."""
    return [_text(value) for value in _array(fields.get(name))]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Any) -> Fields:
    return value if isinstance(value, dict) else {}


def _array(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
