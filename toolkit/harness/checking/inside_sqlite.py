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
TABLES = (
    "select name from sqlite_schema where type = 'table' and name not like 'sqlite~_%' escape '~'"
)


def tables_of(path: Path) -> dict[str, Any]:
    """The rows of each table. Raises sqlite3.Error, and ValueError where there are too many."""
    tables: dict[str, Any] = {}
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        database.text_factory = lambda text: text.decode(errors="replace")
        names = [name for (name,) in database.execute(TABLES)]
        for name in names:
            tables[name] = rows_of(database, name)
    return tables


def rows_of(database: sqlite3.Connection, table: str) -> Any:
    """The rows of a table by their key, or in a list."""
    quoted = '"' + table.replace('"', '""') + '"'
    columns = database.execute(f"pragma table_info({quoted})").fetchall()
    names = [column[1] for column in columns]
    key = [column[1] for column in columns if column[5]]
    rows = []
    for values in database.execute(f"select * from {quoted} limit {MAX_ROWS + 1}"):
        rows.append(dict(zip(names, map(plain, values), strict=True)))
    if len(rows) > MAX_ROWS:
        raise ValueError(f"table {table} has more than {MAX_ROWS:,} rows")
    if len(key) != 1:
        return rows
    keyed = {str(row[key[0]]): row for row in rows}
    return keyed if len(keyed) == len(rows) else rows


def plain(value: Any) -> Any:
    """A value as JSON has it: bytes in hex."""
    return f"x'{value.hex()}'" if isinstance(value, bytes) else value


def main(question: dict[str, Any]) -> dict[str, Any]:
    """The tables of a database, or why they cannot be read."""
    path = Path(question["database"])
    if not path.exists():
        return {"tables": {}, "fault": "there is no such file"}
    try:
        return {"tables": tables_of(path), "fault": ""}
    except (OSError, ValueError, sqlite3.Error) as error:
        return {"tables": {}, "fault": f"{type(error).__name__}: {error}"[:300]}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
