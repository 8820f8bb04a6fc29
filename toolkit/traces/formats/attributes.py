"""The attributes of a span, while vocabularies take out what they know; the rest is kept."""

from collections.abc import Mapping
from typing import Any

from toolkit.traces.decode import decoded
from toolkit.traces.usage import usage_of

MOST_LEVELS = 50
"""How deep the value of an attribute may be nested."""
INDEX_DIGITS = 5
"""An index of more digits in the name of an attribute is a number, and no place in a list."""


class Attributes:
    """Attributes by their dotted names.

    >>> attributes = Attributes({"llm.messages.0.role": "user", "shop": "north"})
    >>> attributes.take("llm.messages"), attributes.rest
    ([{'role': 'user'}], {'shop': 'north'})
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.rest = dict(fields)
        """What was not taken."""

    def take(self, *names: str) -> Any:
        """The value of the first of `names` that is there, which it then is no more.

        Names that go on behind it (``name.0.role``) are put together to a list or an object.
        """
        for name in names:
            if self.rest.get(name) is not None:
                return self.rest.pop(name)
            deeper = [key for key in self.rest if key.startswith(f"{name}.")]
            if deeper:
                inner = {key[len(name) + 1 :]: self.rest.pop(key) for key in deeper}
                return nested(inner)
        return None

    def text(self, *names: str) -> str | None:
        """As `take`, of words; a value that is none stays."""
        for name in names:
            if isinstance(self.rest.get(name), str) and self.rest[name]:
                return str(self.rest.pop(name))
        return None

    def take_usage(self, *prefixes: str) -> dict[str, Any]:
        """What the attributes under `prefixes` say of tokens and costs."""
        counts = {name: self.rest[name] for name in self.rest if name.startswith(prefixes)}
        usage = usage_of(counts)
        for name, value in counts.items():
            if usage_of({name: value}):
                del self.rest[name]
        return usage


def flattened(fields: Mapping[str, Any], prefix: str = "", level: int = 0) -> dict[str, Any]:
    """Nested objects under dotted names; lists stay as they are."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping) and value and level < 20:
            flat |= flattened(value, f"{prefix}{name}.", level + 1)
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def nested(flat: Mapping[str, Any]) -> Any:
    """Dotted names as nested objects; where all names are numbers, a list in their order."""
    groups: dict[str, dict[str, Any]] = {}
    values: dict[str, Any] = {}
    for name, value in flat.items():
        head, dot, tail = name.partition(".")
        if dot:
            groups.setdefault(head, {})[tail] = value
        else:
            values[head] = value
    for head, inner in groups.items():
        if head not in values:
            values[head] = nested(inner)
    if values and all(map(_is_index, values)):
        return [values[name] for name in sorted(values, key=int)]
    return values


def _is_index(name: str) -> bool:
    return name.isdecimal() and len(name) <= INDEX_DIGITS


def listed(value: Any) -> list[Any]:
    """A list, the list that it is the JSON text of, or a list of the one object that it is."""
    value = decoded(value)
    if isinstance(value, list):
        return value
    return [] if value is None or value == "" else [value]


def value_of(value: Any, level: int = 0) -> Any:
    """The value that an ``AnyValue`` of OTLP holds; integers come as text.

    >>> value_of({"arrayValue": {"values": [{"intValue": "3"}, {"stringValue": "a"}]}})
    [3, 'a']
    """
    if not isinstance(value, dict) or level > MOST_LEVELS:
        return value
    if len(value) == 1 and "stringValue" in value:
        return value["stringValue"]  # as most are
    for name, inner in value.items():
        match name:
            case "intValue" | "int_value":
                return _number(inner)
            case "arrayValue" | "array_value" if isinstance(inner, dict):
                items = inner.get("values")
                return [value_of(item, level + 1) for item in items or ()]
            case "kvlistValue" | "kvlist_value" if isinstance(inner, dict):
                return attributes_of(inner.get("values"), level + 1)
            case _:
                return inner
    return None


def _number(text: Any) -> Any:
    try:
        return int(text)
    except (TypeError, ValueError, OverflowError):
        return text


def attributes_of(pairs: Any, level: int = 0) -> dict[str, Any]:
    """Attributes by their names; some exporters write them as an object at once."""
    if isinstance(pairs, dict):
        return dict(pairs)
    fields: dict[str, Any] = {}
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, dict) and isinstance(pair.get("key"), str):
            key = pair["key"]
            fields[key] = value_of(pair.get("value"), level)
    return fields
