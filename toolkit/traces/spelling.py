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


class Names(tuple[str, ...]):
    """Names of fields that say the same, each in whatever spelling; the first of them counts."""

    ordered: tuple[str, ...]
    """The ways to write each of the names, in their order."""
    known: frozenset[str]
    """The same as a set."""

    def __init__(self, _names: Iterable[str]) -> None:
        ordered: list[str] = []
        for name in self:
            ordered += spellings(name)
        self.ordered = tuple(ordered)
        self.known = frozenset(ordered)

    def stated(self, record: Mapping[str, Any]) -> Any:
        """The value of the first of these fields that is not None."""
        if self.known.isdisjoint(record):
            return None
        for name in self.ordered:
            value = record.get(name)
            if value is not None:
                return value
        return None

    def take(self, fields: dict[str, Any]) -> Any:
        """As `stated`; the field is removed from `fields`."""
        present = self.known.intersection(fields)
        for name in self.ordered if len(present) > 1 else present:
            if fields.get(name) is not None:
                return fields.pop(name)
        return None


names_of = cache(Names)
"""The names of a tuple, which are made once."""


def states(fields: Iterable[str], *names: str) -> bool:
    """Whether one of the fields has one of the names, in whatever spelling."""
    return not names_of(names).known.isdisjoint(fields)


def stated(record: Mapping[str, Any], *names: str) -> Any:
    """The value of the first of the fields `names` that is not None, in whatever spelling."""
    return names_of(names).stated(record)


def take(fields: dict[str, Any], *names: str) -> Any:
    """As `stated`; the field is removed from `fields`."""
    return names_of(names).take(fields)
