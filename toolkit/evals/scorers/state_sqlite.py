"""What is different between two SQLite databases, found by SQLite itself: a join on the key, and
where there is none a count of equal rows.

Both are opened in memory, so nothing here can touch the database that they were taken from.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from toolkit.evals.scorers.state_changes import Change, Changes, added, changed, removed
from toolkit.evals.scorers.state_rules import Row, StateRules
from toolkit.evals.scorers.world import without_write_ahead_log

TABLES = """select name from pragma_table_list
    where schema = ? and type in ('table', 'virtual') and name not like 'sqlite\\_%' escape '\\'"""
COLUMNS = "select name, type, pk from pragma_table_info(?, ?) order by cid"


@dataclass(frozen=True)
class Table:
    """A table in one of the two databases."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """The columns of the key; none where the rows have none."""
    is_numbered: bool = False
    """Whether SQLite numbers its rows: it has an ``integer primary key``."""


def sqlite_changes(before: bytes, after: bytes, rules: StateRules) -> Changes:
    """The rows that are different, and the tables and columns that are."""
    drift = []
    rows: list[Change] = []
    with _both(before, after) as database:
        old_tables = _tables(database, "old", rules)
        new_tables = _tables(database, "new", rules)
        names = old_tables | new_tables
        for name in names:
            old = old_tables.get(name)
            new = new_tables.get(name)
            if old and new:
                drift += _drift(old, new)
                rows += _table_changes(database, old, new, rules)
            elif old:
                drift.append(f"table {name} is gone")
                for row in _rows(database, "old", old):
                    rows.append(removed(name, _key(old, row), row))
            elif new:
                drift.append(f"table {name} is new")
                for row in _rows(database, "new", new):
                    rows.append(added(name, _key(new, row), row))
    return Changes(tuple(rows), frozenset(names), tuple(drift))


@contextmanager
def _both(before: bytes, after: bytes) -> Iterator[sqlite3.Connection]:
    """A connection that has the two databases as ``old`` and ``new``."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("pragma trusted_schema = off")  # the agent may have written it
        database.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
        for name, state in (("old", before), ("new", after)):
            database.execute(f"attach ':memory:' as {name}")
            if state:
                database.deserialize(without_write_ahead_log(state), name=name)
        yield database


def _tables(database: sqlite3.Connection, schema: str, rules: StateRules) -> dict[str, Table]:
    tables = {}
    for (name,) in database.execute(TABLES, (schema,)).fetchall():
        columns = database.execute(COLUMNS, (name, schema)).fetchall()
        names = tuple(column for column, _, _ in columns)
        declared = sorted((at, column, kind) for column, kind, at in columns if at)
        key = rules.key_of(name) or tuple(column for _, column, _ in declared)
        is_numbered = len(declared) == 1 and declared[0][2].upper() == "INTEGER"
        is_numbered = is_numbered and key == (declared[0][1],)
        if rules.key_of(name):
            _check_key(database, schema, Table(name, names, key))
        elif _has_null(database, schema, name, key):
            key = ()  # two rows may have null for their key: they are counted
        tables[name] = Table(name, names, key, is_numbered)
    return tables


def _check_key(database: sqlite3.Connection, schema: str, table: Table) -> None:
    """Raise ValueError where the key that was named does not tell the rows apart."""
    unknown = set(table.key) - set(table.columns)
    if unknown:
        raise ValueError(f"table {table.name} has no column {', '.join(sorted(unknown))}")
    key = _listed(table.key)
    sql = f"select 1 from {schema}.{_quoted(table.name)} group by {key} having count(*) > 1"
    if database.execute(sql).fetchone() or _has_null(database, schema, table.name, table.key):
        raise ValueError(f"{', '.join(table.key)} does not tell the rows of {table.name} apart")


def _has_null(
    database: sqlite3.Connection, schema: str, table: str, columns: Sequence[str]
) -> bool:
    missing = " or ".join(f"{_quoted(column)} is null" for column in columns)
    sql = f"select 1 from {schema}.{_quoted(table)} where {missing or 'false'} limit 1"
    return database.execute(sql).fetchone() is not None


def _drift(old: Table, new: Table) -> list[str]:
    """What is different in the columns of a table."""
    gone = [column for column in old.columns if column not in new.columns]
    fresh = [column for column in new.columns if column not in old.columns]
    drift = []
    for column in list(gone):
        at = old.columns.index(column)
        renamed = new.columns[at] if at < len(new.columns) else ""
        if renamed in fresh:
            drift.append(f"{old.name}.{column} is now called {renamed}")
            gone.remove(column)
            fresh.remove(renamed)
    drift += [f"{old.name}.{column} is gone" for column in gone]
    drift += [f"{old.name}.{column} is new" for column in fresh]
    if old.key != new.key and not drift:
        drift.append(f"the key of {old.name} is now {', '.join(new.key) or 'none'}")
    return drift


def _table_changes(
    database: sqlite3.Connection, old: Table, new: Table, rules: StateRules
) -> Iterator[Change]:
    """The rows that are different in the columns that both have."""
    columns = tuple(column for column in old.columns if column in new.columns)
    if not columns:
        return
    if not old.key or old.key != new.key:
        yield from _counted_changes(database, Table(old.name, columns, ()))
        return
    table = Table(old.name, columns, old.key, old.is_numbered)
    yield from _old_rows(database, table)
    yield from _new_rows(database, table, rules)


def _old_rows(database: sqlite3.Connection, table: Table) -> Iterator[Change]:
    """The rows that are gone or changed."""
    n_columns = len(table.columns)
    name = _quoted(table.name)
    both = f"{_listed(table.columns, 'o')}, {_listed(table.columns, 'n')}"
    different = " or ".join(
        f"n.{_quoted(column)} is not o.{_quoted(column)} collate binary" for column in table.columns
    )
    sql = f"select {both} from old.{name} o left join new.{name} n on {_joined(table)}"
    for values in database.execute(f"{sql} where {different}"):
        before = dict(zip(table.columns, values[:n_columns], strict=True))
        after = dict(zip(table.columns, values[n_columns:], strict=True))
        key = _key(table, before)
        if after[table.key[0]] is None:
            yield removed(table.name, key, before)
        else:
            yield changed(table.name, key, before, after)


def _new_rows(database: sqlite3.Connection, table: Table, rules: StateRules) -> Iterator[Change]:
    """The rows that are new."""
    name = _quoted(table.name)
    generated = table.key if rules.is_generated(table.name, table.is_numbered) else ()
    sql = f"select {_listed(table.columns, 'n')} from new.{name} n"
    absent = f"not exists (select 1 from old.{name} o where {_joined(table)})"
    for values in database.execute(f"{sql} where {absent}"):
        row = dict(zip(table.columns, values, strict=True))
        yield added(table.name, _key(table, row), row, generated=generated)


def _counted_changes(database: sqlite3.Connection, table: Table) -> Iterator[Change]:
    """The rows of which there are more or fewer than before, in a table without a key."""
    columns = _listed(table.columns)
    name = _quoted(table.name)
    equal = ", ".join(f"{_quoted(column)} collate binary" for column in table.columns)
    sql = f"""select {columns}, sum("+-") from (
        select -1 as "+-", {columns} from old.{name}
        union all select 1, {columns} from new.{name})
        group by {equal} having sum("+-") <> 0"""
    for *values, surplus in database.execute(sql):
        row = dict(zip(table.columns, values, strict=True))
        if surplus > 0:
            yield added(table.name, None, row, count=surplus)
        else:
            yield removed(table.name, None, row, count=-surplus)


def _rows(database: sqlite3.Connection, schema: str, table: Table) -> Iterator[Row]:
    sql = f"select {_listed(table.columns)} from {schema}.{_quoted(table.name)}"
    for values in database.execute(sql):
        yield dict(zip(table.columns, values, strict=True))


def _key(table: Table, row: Row) -> Any:
    """The key of a row: a value, or a tuple where it takes several columns; None for no key."""
    values = tuple(row[column] for column in table.key)
    if not values:
        return None
    return values[0] if len(values) == 1 else values


def _joined(table: Table) -> str:
    """SQL for two rows that have the same key."""
    return " and ".join(
        f"n.{_quoted(column)} = o.{_quoted(column)} collate binary" for column in table.key
    )


def _listed(columns: Sequence[str], alias: str = "") -> str:
    prefix = f"{alias}." if alias else ""
    return ", ".join(f"{prefix}{_quoted(column)}" for column in columns)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
