"""Spelling: the same field as ``tool_call_id``, ``toolCallId`` or ``tool-call-id``."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@cache
def spellings(name: str) -> tuple[str, ...]:
    """The ways to write the name of a field that is given in snake case.

    >>> spellings("tool_call_id")
    ('tool_call_id', 'toolCallId', 'tool-call-id')
    """
    if "_" not in name:
        return (name,)
    first, *others = name.split("_")
    camel = first + "".join(word.capitalize() for word in others)
    return name, camel, name.replace("_", "-")


def snake(name: object) -> str:
    """A name in snake case.

    >>> snake("functionCall"), snake("tool-result")
    ('function_call', 'tool_result')
    """
    return CAPITAL.sub("_", str(name)).lower().replace("-", "_")


@cache
def _all_spellings(names: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[str]]:
    """The ways to write each of `names`, in their order and as a set."""
    ordered: list[str] = []
    for name in names:
        ordered += spellings(name)
    return tuple(ordered), frozenset(ordered)


def states(fields: Iterable[str], *names: str) -> bool:
    """Whether one of the fields has one of the names, in whatever spelling."""
    _, known = _all_spellings(names)
    return not known.isdisjoint(fields)


def stated(record: Mapping[str, Any], *names: str) -> Any:
    """The value of the first of the fields `names` that is not None, in whatever spelling."""
    ordered, known = _all_spellings(names)
    if known.isdisjoint(record):
        return None
    for name in ordered:
        value = record.get(name)
        if value is not None:
            return value
    return None


def take(fields: dict[str, Any], *names: str) -> Any:
    """As `stated`; the field is removed from `fields`."""
    ordered, known = _all_spellings(names)
    present = known.intersection(fields)
    for name in ordered if len(present) > 1 else present:
        if fields.get(name) is not None:
            return fields.pop(name)
    return None
