"""Fields of records from a file, where any of them may be missing or of another type."""

from collections.abc import Iterable, Mapping
from typing import Any

from toolkit.traces.ids import Record

NOTHING: tuple[object, ...] = (None, "", [], {})
"""The values that say nothing."""


def without(record: Record, *names: str) -> dict[str, Any]:
    """The fields of `record` but for those of these names."""
    return {name: value for name, value in record.items() if name not in names}


def others(record: Record, homes: Iterable[str]) -> dict[str, Any]:
    """The fields that say something and are not among `homes`."""
    known = set(homes)
    kept: dict[str, Any] = {}
    for name, value in record.items():
        if name not in known and value not in NOTHING:
            kept[name] = value
    return kept


def stated_only(record: Record) -> dict[str, Any]:
    """The fields that hold something: neither null nor an empty list."""
    return {name: value for name, value in record.items() if value is not None and value != []}


def fields_of(value: object) -> dict[str, Any]:
    """The fields of an object; none of what is no object."""
    return value if isinstance(value, dict) else {}


def elements_of(value: object) -> list[Any]:
    """The elements of a list; none of what is no list."""
    return value if isinstance(value, list) else []


def objects_of(value: object) -> list[dict[str, Any]]:
    """The objects in a list; none of what is no list."""
    return [element for element in elements_of(value) if isinstance(element, dict)]


def object_in(record: object, name: str) -> dict[str, Any]:
    """The object in a field; an empty one where there is none."""
    value = record.get(name) if isinstance(record, Mapping) else None
    return fields_of(value)


def objects_in(record: Record, *names: str) -> list[dict[str, Any]]:
    """The objects in the first of the fields that holds a list."""
    for name in names:
        value = record.get(name)
        if isinstance(value, list):
            return objects_of(value)
    return []
