"""Any sequence of writes to a SQLite world is reported exactly: SQLite's own changesets, which apsw
records, are the oracle.
"""

import sqlite3
from collections import Counter

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.evals import SqliteWorld, diff_state

TABLES = """
create table by_text (k text primary key not null, a collate nocase, b integer);
create table by_number (k integer primary key, a text collate nocase, b real);
create table by_two (k text not null, l integer not null, a, primary key (k, l)) without rowid;
create table "a bag ""of"" rows" (k, a collate nocase, b);
"""
KEYED = {"by_text": ("k",), "by_number": ("k",), "by_two": ("k", "l")}
BAG = 'a bag "of" rows'
VALUES = st.sampled_from([None, 0, 1, 0.5, "a", "A", "0", "x\x00y", b"", b"a"])
KEYS = st.integers(0, 4)
NAMES = [*KEYED, BAG]
WRITES = st.lists(
    st.tuples(
        st.sampled_from(["put", "set", "move", "drop"]),
        st.sampled_from(NAMES),
        KEYS,
        KEYS,
        VALUES,
        VALUES,
    ),
    max_size=12,
)


def statement(write):
    """The SQL of a write, and its values."""
    verb, table, key, other, a, b = write
    name = '"' + table.replace('"', '""') + '"'
    has_two = table == "by_two"
    last = "l" if has_two else "b"
    if verb == "put":
        values = (key, other, a) if has_two else (key, a, b)
        return f"insert or replace into {name} values (?, ?, ?)", values
    if verb == "set":
        return f"update {name} set a = ? where k = ?", (a, key)
    if verb == "move":
        return f"update or ignore {name} set k = ?, {last} = ? where k = ?", (other, other, key)
    return f"delete from {name} where k = ?", (key,)


def write_to(connection, writes):
    for write in writes:
        sql, values = statement(write)
        try:
            connection.execute(sql, values)
        except (sqlite3.Error, apsw.Error):
            continue  # what the table does not take changes nothing


def recorded(before, writes):
    """The changes to tables with a key, as SQLite itself records them: a row a field."""
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", before)
    session = apsw.Session(connection, "main")
    session.attach()
    write_to(connection, writes)
    changes = set()
    for change in apsw.Changeset.iter(session.changeset()):
        columns = connection.execute(
            f"select name from pragma_table_info('{change.name}')"
        ).fetchall()
        names = [name for (name,) in columns]
        old = dict(zip(names, change.old or [], strict=False))
        new = dict(zip(names, change.new or [], strict=False))
        key = tuple(exact((old or new)[name]) for name in KEYED[change.name])
        changes |= {(change.name, key, *row) for row in rows_of(change.op, names, old, new)}
    return changes


def rows_of(op, names, old, new):
    """What a change of SQLite says: a row a field that is different."""
    for name in names:
        if op == "UPDATE":
            if new[name] is not apsw.no_change:
                yield "changed", name, exact(old[name]), exact(new[name])
        elif op == "INSERT":
            yield "added", name, None, exact(new[name])
        else:
            yield "removed", name, exact(old[name]), None


def exact(value):
    """A value that equals none of another type, but a number that is as great."""
    return ("number" if isinstance(value, int | float) else type(value).__name__, value)


def reported(diff):
    changes = set()
    for change in diff.changes:
        if change.table == BAG:
            continue
        key = change.key if isinstance(change.key, tuple) else (change.key,)
        for name in change.fields:
            old = exact(change.before[name]) if change.before else None
            new = exact(change.after[name]) if change.after else None
            changes.add((change.table, tuple(map(exact, key)), change.kind, name, old, new))
    return changes


def reported_bag(diff):
    """How many more or fewer of each row of the bag there are, as the diff says."""
    rows = Counter()
    for change in diff.changes:
        if change.table == BAG:
            row = change.after or change.before
            sign = 1 if change.kind == "added" else -1
            rows[tuple(map(exact, row.values()))] += sign * change.count
    return rows


def counted(connection):
    rows = connection.execute('select k, a, b from "a bag ""of"" rows"').fetchall()
    return Counter(tuple(map(exact, row)) for row in rows)


def as_dicts(connection):
    """The same rows as plain data."""
    tables = {}
    for table, key in KEYED.items():
        cursor = connection.execute(f"select * from {table}")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, values, strict=True)) for values in cursor]
        tables[table] = {tuple(row[name] for name in key): row for row in rows}
    bag = connection.execute('select k, a, b from "a bag ""of"" rows"').fetchall()
    tables[BAG] = [dict(zip("kab", values, strict=True)) for values in bag]
    return tables


@settings(max_examples=100, deadline=None)
@given(writes=WRITES)
def test_any_sequence_of_writes_is_reported_exactly(writes):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(TABLES)
    write_to(connection, [("put", table, key, key, "a", 1) for table in NAMES for key in range(3)])
    world = SqliteWorld(connection)
    before = world.snapshot()
    rows_before = counted(connection)
    dicts_before = as_dicts(connection)
    write_to(connection, writes)
    diff = diff_state(before, world)
    assert reported(diff) == recorded(before, writes)
    surplus = counted(connection)
    surplus.subtract(rows_before)
    assert reported_bag(diff) == {row: n for row, n in surplus.items() if n}
    of_dicts = diff_state(dicts_before, as_dicts(connection))
    assert reported(of_dicts) == reported(diff)
    assert reported_bag(of_dicts) == reported_bag(diff)
    assert diff_state(before, world, world).matches is True
    assert diff_state(before, world, before).matches is (not diff.changes)
    world.restore(before)
    assert not diff_state(before, world).changes
    connection.close()
