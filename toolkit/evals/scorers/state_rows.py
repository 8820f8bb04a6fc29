"""The rows of a table of plain data, as `DictWorld` describes them: by key, or counted."""

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from toolkit.evals.scorers.state_rules import Row, StateRules, escaped


def keyed_rows(table: str, rows: Any, rules: StateRules) -> dict[Any, Any] | None:
    """The rows by their key, as the state has them; None where they have none."""
    named = rules.key_of(table)
    if named:
        return _by_named_key(table, items(rows), named)
    if isinstance(rows, Mapping):
        return dict(rows)
    return None


def _by_named_key(table: str, rows: list[Any], named: tuple[str, ...]) -> dict[Any, Any]:
    """The rows by the fields that were named as their key. Raises ValueError where it is none."""
    keyed: dict[Any, Any] = {}
    for row in rows:
        fields = flat(row)
        values = [fields.get(name) for name in named]
        key = values[0] if len(values) == 1 else tuple(values)
        if None in values or key in keyed:
            raise ValueError(f"{', '.join(named)} does not tell the rows of {table} apart")
        keyed[key] = row
    return keyed


def counted_rows(table: str, rows: Any, rules: StateRules) -> dict[Any, list[Row]]:
    """The rows by what equal ones share."""
    by_content = defaultdict(list)
    for item in items(rows):
        row = flat(item)
        by_content[rules.content(table, row)].append(row)
    return by_content


def items(rows: Any) -> list[Any]:
    """The rows of a table without their keys; a table that is a single value is a row of it."""
    if isinstance(rows, Mapping):
        return list(rows.values())
    return rows if isinstance(rows, list) else [rows]


def flat(row: Any) -> Row:
    """The fields of a row, nested ones under their names with dots.

    >>> flat({"id": 1, "address": {"city": "Ellery"}})
    {'id': 1, 'address.city': 'Ellery'}
    """
    if not isinstance(row, Mapping):
        return {"value": row}
    fields: Row = {}
    waiting = deque([("", row)])
    while waiting:
        prefix, level = waiting.popleft()
        for key, value in level.items():
            name = prefix + escaped(key)
            if isinstance(value, Mapping) and value:
                waiting.append((f"{name}.", value))
            else:
                fields[name] = value
    return fields
