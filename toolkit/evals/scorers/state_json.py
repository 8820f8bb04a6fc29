"""What is different between two states of plain data, as `DictWorld` describes them."""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from toolkit.evals.scorers.state_changes import Change, Changes, added, changed, removed
from toolkit.evals.scorers.state_rules import Row, StateRules, escaped
from toolkit.evals.scorers.world import packed

Keyed = dict[Any, Any]
"""Rows by their key, as the state has them."""


def json_changes(before: Mapping[str, Any], after: Mapping[str, Any], rules: StateRules) -> Changes:
    """The rows that are different, and the tables and fields that are gone or new in all rows."""
    rows: list[Change] = []
    sentences: list[str] = []
    for table in dict.fromkeys([*before, *after]):
        sentences += _table_drift(table, before, after)
        old_rows = before.get(table, {})
        new_rows = after.get(table, {})
        old = _keyed(table, old_rows, rules)
        new = _keyed(table, new_rows, rules)
        if old is None or new is None:
            rows += _counted_changes(table, _items(old_rows), _items(new_rows), rules)
            continue
        changes = list(_keyed_changes(table, old, new, rules))
        n_common = len(old.keys() & new.keys())
        renamed = _drifted(changes, n_common)
        sentences += [f"{table}.{name} is {state}" for name, state in renamed.items()]
        rows += _without(changes, renamed)
    return Changes(tuple(rows), None, tuple(sentences))


def _table_drift(table: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What became of a table as such."""
    if table not in after:
        return [f"table {table} is gone"]
    if table not in before:
        return [f"table {table} is new"]
    old = before[table]
    new = after[table]
    for form in (dict, list):
        if isinstance(old, form) and not isinstance(new, form):
            return [f"table {table} is no {form.__name__} any more"]
    return []


def _keyed(table: str, rows: Any, rules: StateRules) -> Keyed | None:
    """The rows of a table by their key; None where they have none."""
    named = rules.key_of(table)
    if named:
        return _by_named_key(table, _items(rows), named)
    if isinstance(rows, Mapping):
        return dict(rows)
    return None


def _by_named_key(table: str, rows: list[Any], named: tuple[str, ...]) -> Keyed:
    """The rows by the fields that were named as their key. Raises ValueError where it is none."""
    keyed: Keyed = {}
    for row in rows:
        fields = flat(row)
        values = [fields.get(name) for name in named]
        key = values[0] if len(values) == 1 else tuple(values)
        if None in values or key in keyed:
            raise ValueError(f"{', '.join(named)} does not tell the rows of {table} apart")
        keyed[key] = row
    return keyed


def _items(rows: Any) -> list[Any]:
    """The rows of a table without their keys; a table that is a single value is a row of it."""
    if isinstance(rows, Mapping):
        return list(rows.values())
    return rows if isinstance(rows, list) else [rows]


def _keyed_changes(table: str, old: Keyed, new: Keyed, rules: StateRules) -> Iterator[Change]:
    generated = rules.key_of(table) or ("key",)
    if not rules.is_generated(table):
        generated = ()
    for key, row in old.items():
        if key not in new:
            yield removed(table, key, flat(row))
        elif packed(row) != packed(new[key]):
            yield changed(table, key, flat(row), flat(new[key]))
    for key, row in new.items():
        if key not in old:
            yield added(table, key, flat(row), generated=generated)


def _counted_changes(
    table: str, old: list[Any], new: list[Any], rules: StateRules
) -> Iterator[Change]:
    """The rows of which there are more or fewer than before, in a table without a key."""
    old_rows = _by_content(table, old, rules)
    new_rows = _by_content(table, new, rules)
    for content, rows in old_rows.items():
        n_gone = len(rows) - len(new_rows.get(content, ()))
        if n_gone > 0:
            yield removed(table, None, rows[0], count=n_gone)
    for content, rows in new_rows.items():
        n_new = len(rows) - len(old_rows.get(content, ()))
        if n_new > 0:
            yield added(table, None, rows[0], count=n_new)


def _by_content(table: str, items: list[Any], rules: StateRules) -> dict[Any, list[Row]]:
    """Rows by what equal ones share."""
    rows = defaultdict(list)
    for item in items:
        row = flat(item)
        rows[rules.content(table, row)].append(row)
    return rows


def _drifted(changes: list[Change], n_common: int) -> dict[str, str]:
    """The fields that every row had and none has, and those that every row has and none had."""
    pairs = [change for change in changes if change.kind == "changed"]
    if n_common < 2 or len(pairs) < n_common:
        return {}  # there is a row that has the same fields as before
    before = [set(change.before) for change in pairs]
    after = [set(change.after) for change in pairs]
    gone = set.intersection(*before).difference(*after)
    fresh = set.intersection(*after).difference(*before)
    return dict.fromkeys(sorted(gone), "gone") | dict.fromkeys(sorted(fresh), "new")


def _without(changes: list[Change], names: Mapping[str, str]) -> Iterator[Change]:
    """The changes without the fields of these names."""
    for change in changes:
        if change.kind == "changed":
            fields = [name for name in change.fields if name not in names]
            change = replace(change, fields=tuple(fields))
        yield change


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
