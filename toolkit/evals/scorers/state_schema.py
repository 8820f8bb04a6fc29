"""The tables of a SQLite database as they are declared, and what drifted between two of them."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TypeAlias

from toolkit.evals.scorers.state_rules import StateRules
from toolkit.evals.scorers.world import without_write_ahead_log

TABLES = r"""select name, wr from pragma_table_list where schema = ?
    and type in ('table', 'virtual') and name not like 'sqlite\_%' escape '\'"""
COLUMNS = "select name, upper(type), pk from pragma_table_info(?, ?) order by cid"
REFERENCES = """select "from", "table", "to" from pragma_foreign_key_list(?1, ?2)
    group by id having count(*) = 1"""
TWICE = "select 1 from {schema}.{table} group by {key} having count(*) > 1 limit 1"
WITHOUT_KEY = "select 1 from {schema}.{table} where {missing} limit 1"

Referred: TypeAlias = tuple[str, str | None]
"""A table and a column of it; None for its key."""


@dataclass(frozen=True)
class Table:
    """A table in one of the two databases."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """The columns of the key; none where the rows have none."""
    is_numbered: bool = False
    """Whether SQLite numbers its rows: it has an ``integer primary key``."""
    has_null_key: bool = False
    """Whether the key of a row is null, which does not tell it from others."""


@contextmanager
def opened(before: bytes, after: bytes) -> Iterator[sqlite3.Connection]:
    """A connection that has the two databases as ``old`` and ``new``, in memory.

    Each is as `sqlite3.Connection.serialize` gives it; an empty one has no tables.
    """
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("pragma trusted_schema = off")  # the agent may have written it
        database.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
        for name, state in (("old", before), ("new", after)):
            database.execute(f"attach ':memory:' as {name}")
            if state:
                database.deserialize(without_write_ahead_log(state), name=name)
        yield database


def tables_of(database: sqlite3.Connection, schema: str, rules: StateRules) -> dict[str, Table]:
    """The tables of the database that is open as `schema`, by name.

    A key that `rules` name takes the place of the declared one. Raises ValueError where it does not
    tell the rows apart.
    """
    declared = database.execute(TABLES, (schema,)).fetchall()
    tables = {}
    for name, is_without_rowid in declared:
        columns = database.execute(COLUMNS, (name, schema)).fetchall()
        table = _declared(name, columns, bool(is_without_rowid))
        named_key = rules.key_of(name)
        if named_key:
            table = Table(name, table.columns, named_key)
            _check_key(database, schema, table)
        elif table.key and _has_null_key(database, schema, table):
            table = replace(table, has_null_key=True)
        tables[name] = table
    return tables


def _declared(name: str, columns: list[tuple[str, str, int]], is_without_rowid: bool) -> Table:
    """The table as it is declared.

    Parameters
    ----------
    name : str
        Of the table.
    columns : list of (str, str, int)
        The name of each column, its kind, and its place in the key from 1; 0 where it is not in it.
    is_without_rowid : bool
        Whether SQLite keeps no number of its rows.
    """
    names = [column for column, _, _ in columns]
    key_columns = [column for column in columns if column[2]]
    key_columns.sort(key=itemgetter(2))
    key = [column for column, _, _ in key_columns]
    kinds = [kind for _, kind, _ in key_columns]
    is_numbered = kinds == ["INTEGER"] and not is_without_rowid
    return Table(name, tuple(names), tuple(key), is_numbered)


def references_of(database: sqlite3.Connection, table: str) -> dict[tuple[str, str], Referred]:
    """What the columns of a table in ``new`` refer to, those of several columns apart."""
    references = {}
    for column, parent, parent_column in database.execute(REFERENCES, (table, "new")):
        references[table, column] = (parent, parent_column)
    return references


def _check_key(database: sqlite3.Connection, schema: str, table: Table) -> None:
    """Raise ValueError where the key that was named does not tell the rows apart."""
    unknown = set(table.key).difference(table.columns)
    if unknown:
        columns = ", ".join(sorted(unknown))
        raise ValueError(f"table {table.name} has no column {columns}")
    has_twins = _has_twins(database, schema, table)
    if has_twins or _has_null_key(database, schema, table):
        columns = ", ".join(table.key)
        raise ValueError(f"{columns} does not tell the rows of {table.name} apart")


def _has_twins(database: sqlite3.Connection, schema: str, table: Table) -> bool:
    """Whether two rows have the same key."""
    key = spelled(table.key, "{}")
    sql = TWICE.format(schema=schema, table=quoted(table.name), key=key)
    return database.execute(sql).fetchone() is not None


def _has_null_key(database: sqlite3.Connection, schema: str, table: Table) -> bool:
    """Whether a row has no value in a column of its key."""
    missing = spelled(table.key, "{} is null", " or ")
    sql = WITHOUT_KEY.format(schema=schema, table=quoted(table.name), missing=missing)
    return database.execute(sql).fetchone() is not None


def drift(old: Table, new: Table) -> list[str]:
    """What is different in the columns of a table, a sentence each.

    A column that is gone and one that came in its place are one that is called otherwise.
    """
    table = old.name
    sentences = []
    gone = [column for column in old.columns if column not in new.columns]
    fresh = [column for column in new.columns if column not in old.columns]
    for column, successor in zip(old.columns, new.columns, strict=False):
        if column in gone and successor in fresh:
            sentences.append(f"{table}.{column} is now called {successor}")
            gone.remove(column)
            fresh.remove(successor)
    sentences += [f"{table}.{column} is gone" for column in gone]
    sentences += [f"{table}.{column} is new" for column in fresh]
    if old.key != new.key and not sentences:
        key = ", ".join(new.key) or "none"
        sentences.append(f"the key of {table} is now {key}")
    return sentences


def spelled(columns: Iterable[str], form: str, between: str = ", ") -> str:
    """SQL that says the same of each column: `form` with its name.

    >>> spelled(["a", "b"], "{} is null", " or ")
    '"a" is null or "b" is null'
    """
    names = map(quoted, columns)
    return between.join(map(form.format, names))


def quoted(name: str) -> str:
    """A name as SQL has it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'
