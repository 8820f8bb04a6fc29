"""Spelling: the same field as ``tool_call_id``, ``toolCallId`` or ``tool-call-id``."""

import re
from collections.abc import Mapping
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


def stated(record: Mapping[str, Any], *names: str) -> Any:
    """The value of the first of the fields `names` that is not None, in whatever spelling."""
    for name in names:
        for spelling in spellings(name):
            value = record.get(spelling)
            if value is not None:
                return value
    return None


def take(fields: dict[str, Any], *names: str) -> Any:
    """As `stated`; the field is removed from `fields`."""
    for name in names:
        for spelling in spellings(name):
            if fields.get(spelling) is not None:
                return fields.pop(spelling)
    return None
