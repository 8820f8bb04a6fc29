"""What is different between two states of plain data, as `DictWorld` describes them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from toolkit.evals.scorers.state_changes import Change, Changes, added, changed, removed
from toolkit.evals.scorers.state_rows import counted_rows, flat, keyed_rows
from toolkit.evals.scorers.state_rules import Row, StateRules
from toolkit.evals.scorers.world import packed

RowsByKey: TypeAlias = dict[Any, Any]
"""The rows of a table as the state has them."""
EqualRows: TypeAlias = dict[Any, list[Row]]
"""The rows of a table without keys, by what equal ones share."""
ABSENT: RowsByKey = {}
"""The rows of a table that is not there."""


def json_changes(before: Mapping[str, Any], after: Mapping[str, Any], rules: StateRules) -> Changes:
    """The rows that are different, and the tables and fields that are gone or new in all rows.

    Parameters
    ----------
    before, after : mapping
        The tables of two states by name; each is a dict of rows by key, or a list of rows.
    rules : StateRules
        Which rows are the same: keys that are named, and lists without order.

    Examples
    --------
    >>> before = {"users": {"ada": {"age": 36}}}
    >>> after = {"users": {"ada": {"age": 37}, "alan": {"age": 41}}}
    >>> changes = json_changes(before, after, StateRules())
    >>> [(change.kind, change.key) for change in changes.rows]
    [('changed', 'ada'), ('added', 'alan')]
    """
    rows: list[Change] = []
    drift: list[str] = []
    for table in {**before, **after}:
        old = before.get(table, ABSENT)
        new = after.get(table, ABSENT)
        changes = list(_table_changes(table, old, new, rules))
        gone, fresh = _drifted_fields(changes, old)
        drifted = gone | fresh
        rows += [_without(change, drifted) for change in changes]
        drift += _table_drift(table, old, new)
        drift += [f"{table}.{name} is gone" for name in sorted(gone)]
        drift += [f"{table}.{name} is new" for name in sorted(fresh)]
    return Changes(tuple(rows), None, drift=tuple(drift))


def _table_drift(table: str, old: Any, new: Any) -> Iterator[str]:
    """What became of the table as such: it came, it went, or its rows have lost their keys."""
    if new is ABSENT:
        yield f"table {table} is gone"
        return
    if old is ABSENT:
        yield f"table {table} is new"
        return
    for kind in (dict, list):
        if isinstance(old, kind) and not isinstance(new, kind):
            yield f"table {table} is no {kind.__name__} any more"


def _table_changes(table: str, old: Any, new: Any, rules: StateRules) -> Iterator[Change]:
    """The rows of a table that are different: by their keys, where they have some, else by their
    content.
    """
    old_by_key = keyed_rows(table, old, rules)
    new_by_key = keyed_rows(table, new, rules)
    if old_by_key is None or new_by_key is None:
        old_by_content = counted_rows(table, old, rules)
        new_by_content = counted_rows(table, new, rules)
        return _counted_changes(table, old_by_content, new_by_content)
    return _keyed_changes(table, old_by_key, new_by_key, _generated_key(table, rules))


def _generated_key(table: str, rules: StateRules) -> tuple[str, ...]:
    """The fields of the key that the table itself gives to a row; none where it gives none."""
    if not rules.is_generated(table):
        return ()
    return rules.key_of(table) or ("key",)


def _keyed_changes(
    table: str, old: RowsByKey, new: RowsByKey, generated: tuple[str, ...]
) -> Iterator[Change]:
    """The rows that are different, in a table whose rows have keys.

    A key that is `generated` does not tell one new row from another.
    """
    for key, row in old.items():
        if key not in new:
            yield removed(table, key, flat(row))
            continue
        successor = new[key]
        if packed(row) != packed(successor):
            yield changed(table, key, flat(row), flat(successor))
    for key, row in new.items():
        if key not in old:
            yield added(table, key, flat(row), generated=generated)


def _counted_changes(table: str, old: EqualRows, new: EqualRows) -> Iterator[Change]:
    """The rows of which there are more or fewer than before, in a table without a key."""
    for row, n_gone in _surplus(old, new):
        yield removed(table, None, row, count=n_gone)
    for row, n_new in _surplus(new, old):
        yield added(table, None, row, count=n_new)


def _surplus(rows: EqualRows, others: EqualRows) -> Iterator[tuple[Row, int]]:
    """Each row of which `others` has fewer, and how many fewer. Of rows that count as equal the
    first stands for all.
    """
    for content, equal_rows in rows.items():
        n_surplus = len(equal_rows) - len(others.get(content, ()))
        if n_surplus > 0:
            yield equal_rows[0], n_surplus


def _drifted_fields(changes: list[Change], old: Any) -> tuple[set[str], set[str]]:
    """The fields that every row had and none has, and those that every row has and none had.

    Parameters
    ----------
    changes : list of Change
        Of one table.
    old : Any
        The table before. A row that did not change has the same fields as before, and then no field
        has drifted.
    """
    changed_rows = [change for change in changes if change.kind == "changed"]
    n_removed = sum(change.kind == "removed" for change in changes)
    if len(changed_rows) < 2 or len(changed_rows) + n_removed < len(old):
        return set(), set()
    before = [set(change.before) for change in changed_rows]
    after = [set(change.after) for change in changed_rows]
    gone = set.intersection(*before).difference(*after)
    fresh = set.intersection(*after).difference(*before)
    return gone, fresh


def _without(change: Change, names: set[str]) -> Change:
    """A changed row without the fields of these names; what all rows lost or got is no change
    of this one.
    """
    if change.kind != "changed":
        return change
    fields = [name for name in change.fields if name not in names]
    return replace(change, fields=tuple(fields))
