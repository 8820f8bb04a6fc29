"""StateRules: what makes two states the same: masked fields, lists without order, keys.

A field is named ``table.field``, a nested one ``table.field.part``, and the items of a list have
``*`` for their place. Every name may be a pattern, as ``*.updated_at``.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

Row = dict[str, Any]
"""Values by field."""
PLAIN = (str, int, float, bytes, bool, type(None))
"""Types whose equal values are the same."""


@dataclass(frozen=True)
class StateRules:
    """How rows are told apart, and what does not count.

    >>> rules = StateRules(mask=["*.updated_at"], bags=["users.tags"])
    >>> rules.same("users.tags", ["a", "b"], ["b", "a"])
    True
    >>> rules.same("users.paid", 0, None), rules.same("users.paid", 1, True)
    (False, False)
    """

    mask: Iterable[str] = ()
    """Fields that are not compared: clocks, generated ids, bookkeeping. They are counted."""
    bags: Iterable[str] = ()
    """Fields whose list has no order; in SQLite a list in a column of JSON."""
    sets: Iterable[str] = ()
    """The same, and what is in it twice counts once."""
    keys: Mapping[str, str | Iterable[str]] = field(default_factory=dict)
    """The field or fields by which a table's rows are told apart, where it is not the declared key.
    """
    generated: Iterable[str] | None = None
    """Tables whose keys a counter or a random number makes: new rows are matched by all else.

    None means those of SQLite with an ``integer primary key``, which it counts up itself.
    """

    def __post_init__(self) -> None:
        for name in ("mask", "bags", "sets", "generated"):
            patterns = getattr(self, name)
            if patterns is not None:
                object.__setattr__(self, name, _names(patterns))
        keys = {table: _names(fields) for table, fields in self.keys.items()}
        object.__setattr__(self, "keys", keys)

    def is_masked(self, name: str) -> bool:
        """Whether the field of this name is not compared."""
        return _fits(name, self.mask)

    def key_of(self, table: str) -> tuple[str, ...]:
        """The fields that were named as the key of `table`; none where none were."""
        return tuple(self.keys.get(table, ()))

    def is_generated(self, table: str, is_numbered: bool = False) -> bool:
        """Whether the keys of new rows are generated; `is_numbered`: SQLite counts them up."""
        if self.generated is None:
            return is_numbered
        return _fits(table, self.generated)

    def same(self, name: str, first: Any, second: Any) -> bool:
        """Whether two values of the field of this name are the same."""
        if type(first) is type(second) and type(first) in PLAIN and first == second:
            return True
        return bool(self.comparable(name, first) == self.comparable(name, second))

    def comparable(self, name: str, value: Any) -> Any:
        """The value of a field as something that can be hashed; equal where the values are the
        same.

        Numbers are equal as numbers; true is no number, and null is nothing but null.
        """
        has_no_order = _fits(name, self.bags) or _fits(name, self.sets)
        if has_no_order and isinstance(value, str):
            value = _as_list(value)
        if isinstance(value, Mapping):
            parts = []
            for key, part in value.items():
                part_name = f"{name}.{escaped(key)}"
                if not self.is_masked(part_name):
                    parts.append((key, self.comparable(part_name, part)))
            return ("object", frozenset(parts))
        if isinstance(value, list | tuple | set | frozenset):
            items = [self.comparable(f"{name}.*", item) for item in value]
            if isinstance(value, set | frozenset) or _fits(name, self.sets):
                return ("set", frozenset(items))
            if has_no_order:
                return ("bag", frozenset(Counter(items).items()))
            return ("list", tuple(items))
        if isinstance(value, float) and value != value:
            return ("number", "NaN")  # which is not equal to itself
        kind = "number" if type(value) in (int, float) else type(value).__name__
        return (kind, value)

    def content(self, table: str, row: Row) -> Any:
        """A row as something that can be hashed; equal where two rows are the same."""
        fields = [(name, self.comparable(f"{table}.{name}", row[name])) for name in row]
        return frozenset(fields)


def escaped(key: object) -> str:
    """A key as a part of a field's name, in which a dot parts the levels."""
    return str(key).replace("\\", "\\\\").replace(".", "\\.")


def _names(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _as_list(text: str) -> Any:
    """The list that a column of JSON holds; the text itself where it holds none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, list) else text


def _fits(name: str, patterns: Iterable[str] | None) -> bool:
    return bool(patterns) and _fits_any(name, tuple(patterns or ()))


@lru_cache(maxsize=4096)
def _fits_any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
