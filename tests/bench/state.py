"""What an agent changed in 100,000 rows, beside a comparison of dicts in Python."""

import sqlite3
import time
from contextlib import closing
from dataclasses import replace

from tests.bench.measure import Row, compare
from toolkit.evals import SqliteWorld, diff_state

ROWS = 100_000
ROUNDS = 7
WANTED_S = 0.5
AT_MOST = 1.0
"""Of the time that Python takes to read both into dicts and to compare those."""


async def state(scale: float) -> list[Row]:
    """Seconds from two snapshots to each row and field that is different."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        world = SqliteWorld(connection)
        _fill(connection)
        before = world.snapshot()
        _write(connection)
        after = world.snapshot()
    ours = []
    in_python = []
    for number in range(max(3, int(ROUNDS * scale)) + 1):
        begun = time.perf_counter()
        diff = diff_state(before, after)
        middle = time.perf_counter()
        n_changes = _changes_in_python(before, after)
        end = time.perf_counter()
        if n_changes != len(diff.changes):
            raise ValueError(f"{len(diff.changes)} changes found, and {n_changes} by Python")
        if number:  # the first round warms up
            ours.append([middle - begun])
            in_python.append([end - middle])
    note = f"raw: two dicts in Python; {n_changes} changes"
    row = compare("state", f"{ROWS:,} rows", ours, in_python, "s", at_most=AT_MOST, note=note)
    is_met = bool(row.met) and row.ours < WANTED_S
    return [replace(row, met=is_met, target=f"{row.target}, < {WANTED_S} s")]


def _fill(connection: sqlite3.Connection) -> None:
    connection.execute("create table t (id integer primary key, name text, n integer, price real)")
    rows = [(at, f"name {at}", at % 7, at / 3) for at in range(ROWS)]
    connection.execute("begin")
    connection.executemany("insert into t values (?, ?, ?, ?)", rows)
    connection.execute("commit")


def _write(connection: sqlite3.Connection) -> None:
    connection.execute("update t set n = n + 1 where id % 1000 = 0")
    connection.execute("delete from t where id = 5")
    connection.execute("insert into t values (null, 'new', 0, 0.5)")


def _changes_in_python(before: bytes, after: bytes) -> int:
    """How many rows are different, found by reading them all."""
    old = _rows(before)
    new = _rows(after)
    n_changed = sum(key not in new or new[key] != row for key, row in old.items())
    return n_changed + sum(key not in old for key in new)


def _rows(database: bytes) -> dict[int, tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(database)
        return {row[0]: row for row in connection.execute("select * from t")}
