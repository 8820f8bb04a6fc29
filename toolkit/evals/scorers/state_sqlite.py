"""What is different between two SQLite databases, found by SQLite itself: a join on the key, and
where there is none a count of equal rows.

Both are opened in memory, so nothing here can touch the database that they were taken from.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from toolkit.evals.scorers.state_changes import Change, Changes, added, changed, removed
from toolkit.evals.scorers.state_rules import Row, StateRules
from toolkit.evals.scorers.state_schema import (
    Referred,
    Table,
    drift,
    opened,
    quoted,
    references_of,
    spelled,
    tables_of,
)

ALL_ROWS = "select {columns} from {schema}.{table}"
OLD_ROWS = """select {old_columns}, {new_columns}
    from old.{table} o left join new.{table} n on {same_key} where {different}"""
NEW_ROWS = """select {new_columns} from new.{table} n
    where not exists (select 1 from old.{table} o where {same_key})"""
SURPLUS = """select {columns}, sum("+-") from (
        select -1 as "+-", {columns} from old.{table}
        union all select 1, {columns} from new.{table})
    group by {exact_columns} having sum("+-") <> 0"""
SAME = "n.{0} = o.{0} collate binary"
DIFFERENT = "n.{0} is not o.{0} collate binary"


def sqlite_changes(before: bytes, after: bytes, rules: StateRules) -> Changes:
    """The rows that are different, and the tables and columns that are.

    Parameters
    ----------
    before, after : bytes
        Two databases, as `sqlite3.Connection.serialize` gives them.
    rules : StateRules
        Which rows are the same: keys that are named, and keys that a table generates.
    """
    sentences = []
    rows: list[Change] = []
    columns: dict[str, set[str]] = {}
    references: dict[tuple[str, str], Referred] = {}
    with opened(before, after) as database:
        old_tables = tables_of(database, "old", rules)
        new_tables = tables_of(database, "new", rules)
        for name in old_tables | new_tables:
            old = old_tables.get(name)
            new = new_tables.get(name)
            columns[name] = {*_columns_of(old), *_columns_of(new)}
            references |= references_of(database, name)
            if old and new:
                sentences += drift(old, new)
                rows += _changes(database, old, new, rules)
            elif old:
                sentences.append(f"table {name} is gone")
                for key, row in _rows(database, "old", old):
                    rows.append(removed(name, key, row))
            elif new:
                sentences.append(f"table {name} is new")
                for key, row in _rows(database, "new", new):
                    rows.append(added(name, key, row))
    return Changes(tuple(rows), columns, references, tuple(sentences))


def _columns_of(table: Table | None) -> Sequence[str]:
    """The columns of a table; none where it is not there."""
    return table.columns if table else ()


def _changes(
    database: sqlite3.Connection, old: Table, new: Table, rules: StateRules
) -> Iterator[Change]:
    """The rows that are different in the columns that both have: by the key, where it is the same
    and tells each row from the others.
    """
    columns = tuple(column for column in old.columns if column in new.columns)
    has_null_key = old.has_null_key or new.has_null_key
    is_keyed = old.key == new.key and bool(old.key) and not has_null_key
    if not columns:
        return
    if is_keyed:
        table = Table(old.name, columns, old.key)
        is_generated = rules.is_generated(old.name, old.is_numbered)
        yield from _keyed_changes(database, table, is_generated)
    else:
        yield from _surplus(database, Table(old.name, columns, ()))


def _keyed_changes(
    database: sqlite3.Connection, table: Table, is_generated: bool
) -> Iterator[Change]:
    """The rows that are different, by a join on the key: those of the old table beside their
    successors, then those that are in the new table alone.
    """
    parts = {
        "table": quoted(table.name),
        "old_columns": spelled(table.columns, "o.{}"),
        "new_columns": spelled(table.columns, "n.{}"),
        "same_key": spelled(table.key, SAME, " and "),
        "different": spelled(table.columns, DIFFERENT, " or "),
    }
    n_columns = len(table.columns)
    for values in database.execute(OLD_ROWS.format(**parts)):
        before = _row(table, values[:n_columns])
        after = _row(table, values[n_columns:])
        key = _key(table, before)
        if after[table.key[0]] is None:
            yield removed(table.name, key, before)
        else:
            yield changed(table.name, key, before, after)
    generated = table.key if is_generated else ()
    for values in database.execute(NEW_ROWS.format(**parts)):
        row = _row(table, values)
        yield added(table.name, _key(table, row), row, generated=generated)


def _surplus(database: sqlite3.Connection, table: Table) -> Iterator[Change]:
    """The rows of which there are more or fewer than before, in a table without a key."""
    columns = spelled(table.columns, "{}")
    exact_columns = spelled(table.columns, "{} collate binary")
    name = quoted(table.name)
    sql = SURPLUS.format(table=name, columns=columns, exact_columns=exact_columns)
    for *values, surplus in database.execute(sql):
        row = _row(table, values)
        if surplus > 0:
            yield added(table.name, None, row, count=surplus)
        else:
            yield removed(table.name, None, row, count=-surplus)


def _rows(database: sqlite3.Connection, schema: str, table: Table) -> Iterator[tuple[Any, Row]]:
    """All rows of a table, each with its key."""
    columns = spelled(table.columns, "{}")
    sql = ALL_ROWS.format(columns=columns, schema=schema, table=quoted(table.name))
    for values in database.execute(sql):
        row = _row(table, values)
        yield _key(table, row), row


def _row(table: Table, values: Sequence[Any]) -> Row:
    """The values of a row by the names of the columns."""
    return dict(zip(table.columns, values, strict=True))


def _key(table: Table, row: Row) -> Any:
    """The key of a row: a value, or a tuple where it takes several columns; None for no key."""
    if not table.key or table.has_null_key:
        return None
    if len(table.key) == 1:
        return row[table.key[0]]
    return tuple(row[column] for column in table.key)
