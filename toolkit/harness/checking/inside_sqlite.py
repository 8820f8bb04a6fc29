"""The tables of an SQLite file: a program that runs in the app's box, for the file is hostile.

It prints them as JSON: of each table its rows, by their key where one column is the key.
"""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

MAX_ROWS = 5_000
MAX_FAULT_CHARS = 300
TABLES = "select name from sqlite_schema where type = 'table' and name not glob 'sqlite_*'"


def tables_of(path: Path) -> dict[str, Any]:
    """The rows of each table. Raises sqlite3.Error, and ValueError where there are too many."""
    address = path.resolve().as_uri()
    tables = {}
    with closing(sqlite3.connect(f"{address}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        database.text_factory = lambda text: text.decode(errors="replace")
        for row in database.execute(TABLES).fetchall():
            tables[row["name"]] = rows_of(database, row["name"])
    return tables


def rows_of(database: sqlite3.Connection, table: str) -> Any:
    """The rows of a table by their key, or in a list."""
    escaped = table.replace('"', '""')
    columns = database.execute(f'pragma table_info("{escaped}")')
    keys = [column["name"] for column in columns if column["pk"]]
    rows = []
    for row in database.execute(f'select * from "{escaped}"'):
        rows.append(dict(row))
        if len(rows) > MAX_ROWS:
            raise ValueError(f"table {table} has more than {MAX_ROWS:,} rows")
    if len(keys) != 1:
        return rows
    keyed = {}
    for row in rows:
        key = row[keys[0]]
        keyed[str(key)] = row
    tells_apart = len(keyed) == len(rows)
    return keyed if tells_apart else rows


def in_hex(value: bytes) -> str:
    """Bytes as JSON can hold them."""
    return f"x'{value.hex()}'"


def main(question: dict[str, Any]) -> dict[str, Any]:
    """The tables of a database, or why they cannot be read."""
    path = Path(question["database"])
    fault = ""
    tables = {}
    try:
        if path.exists():
            tables = tables_of(path)
        else:
            fault = "there is no such file"
    except (OSError, ValueError, sqlite3.Error) as error:
        fault = f"{type(error).__name__}: {error}"
    return {"tables": tables, "fault": fault[:MAX_FAULT_CHARS]}


if __name__ == "__main__":
    question = json.loads(sys.argv[1])
    print(json.dumps(main(question), default=in_hex))
